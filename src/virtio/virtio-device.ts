/** drivers/virtio/virtio.c: a device of the virtio bus. */
import { VIRTIO_CONFIG_S_ACKNOWLEDGE, VIRTIO_CONFIG_S_DRIVER_OK, VIRTIO_CONFIG_S_FAILED } from '../abi/uapi/index.ts';
import { type Device, finish, type Kernel, type LogLine, type System } from '../kernel/index.ts';
import type { VirtioTransport } from './transport.ts';
import { virtioBus } from './virtio-bus.ts';
import type { VirtioDriver } from './virtio-driver.ts';

export interface VirtioDeviceDescription {
  readonly system: System;
  readonly parent: Device;
  readonly transport: VirtioTransport;
  /** VIRTIO_ID_. */
  readonly deviceId: number;
  /** 0 when left out. */
  readonly vendorId?: number;
}

/** `struct virtio_device`: made by {@link registerVirtioDevice}. */
export class VirtioDevice {
  readonly system: System;
  readonly transport: VirtioTransport;
  readonly deviceId: number;
  readonly vendorId: number;
  readonly parent: Device;
  /** N of virtioN. */
  readonly index: number;
  /** What was negotiated. */
  features = 0n;
  /** In the device model; undefined before it is registered. */
  device: Device | undefined;
  /** Who serves it. */
  driver: VirtioDriver | undefined;
  /** What the driver keeps with it. */
  driverData: unknown;

  /** For {@link registerVirtioDevice}. */
  constructor({ system, parent, transport, deviceId, vendorId = 0 }: VirtioDeviceDescription, index: number) {
    this.system = system;
    this.parent = parent;
    this.transport = transport;
    this.deviceId = deviceId;
    this.vendorId = vendorId;
    this.index = index;
  }

  get name(): string {
    return `virtio${this.index}`;
  }

  /** virtio_has_feature. @param bit its number */
  hasFeature(bit: number): boolean {
    return ((this.features >> BigInt(bit)) & 1n) === 1n;
  }

  /** virtio_add_status. */
  addStatus(bits: number): void {
    this.transport.setStatus(this.transport.getStatus() | bits);
  }

  /** virtio_device_ready: the device may use the queues from now on. Once, and before the first kick. */
  ready(): void {
    this.addStatus(VIRTIO_CONFIG_S_DRIVER_OK);
  }

  /** virtio_reset_device. */
  reset(): void {
    this.transport.reset();
  }

  /** virtio_config_changed: the device says that its configuration space is another. */
  *configChanged(): Kernel<void> {
    yield* finish(this.driver?.configChanged?.(this));
  }

  /** dev_err and its like. */
  print(level: LogLine['level'], text: string): void {
    this.system.log.print(level, `${this.driver?.name ?? 'virtio'} ${this.name}: ${text}`);
  }
}

/**
 * register_virtio_device: resets the device, shows it in /sys/bus/virtio, and looks for its driver. The driver has probed it when this
 * returns, unless its probe waits.
 *
 * @throws Errno EEXIST
 */
export function registerVirtioDevice(description: VirtioDeviceDescription): VirtioDevice {
  const bus = virtioBus(description.system);
  const device = new VirtioDevice(description, bus.takeIndex());
  device.reset();
  device.addStatus(VIRTIO_CONFIG_S_ACKNOWLEDGE);
  try {
    bus.add(device);
  } catch (error) {
    device.addStatus(VIRTIO_CONFIG_S_FAILED);
    bus.returnIndex(device.index);
    throw error;
  }
  return device;
}

/** unregister_virtio_device: its driver lets go of it first, which may wait; then its index is free. */
export function* unregisterVirtioDevice(device: VirtioDevice): Kernel<void> {
  const bus = virtioBus(device.system);
  yield* bus.remove(device);
  bus.returnIndex(device.index);
}
