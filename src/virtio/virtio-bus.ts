/** drivers/virtio/virtio.c: the bus, and what it does around a driver's probe and remove. */
import { Errno } from '../abi/index.ts';
import {
  VIRTIO_CONFIG_S_ACKNOWLEDGE,
  VIRTIO_CONFIG_S_DRIVER,
  VIRTIO_CONFIG_S_DRIVER_OK,
  VIRTIO_CONFIG_S_FAILED,
  VIRTIO_CONFIG_S_FEATURES_OK,
  VIRTIO_F_VERSION_1,
} from '../abi/uapi/index.ts';
import { type AttributeGroup, type Bus, type Device, type DeviceDriver, finish, Idr, type Kernel, type System } from '../kernel/index.ts';
import { featureSet, TRANSPORT_FEATURES } from './features.ts';
import type { VirtioDevice } from './virtio-device.ts';
import { VIRTIO_DEV_ANY_ID, type VirtioDriver } from './virtio-driver.ts';

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
const modalias = ({ deviceId, vendorId }: VirtioDevice): string =>
  `virtio:d${hex(deviceId, 8).toUpperCase()}v${hex(vendorId, 8).toUpperCase()}`;

function attributesOf(device: VirtioDevice): AttributeGroup {
  const shown = (name: string, show: () => string) => ({ name, mode: 0o444, show: () => `${show()}\n` });
  return {
    attributes: [
      shown('device', () => `0x${hex(device.deviceId, 4)}`),
      shown('vendor', () => `0x${hex(device.vendorId, 4)}`),
      shown('status', () => `0x${hex(device.transport.getStatus(), 8)}`),
      shown('modalias', () => modalias(device)),
      // Bit 0 comes first.
      shown('features', () => [...device.features.toString(2).padStart(64, '0')].reverse().join('')),
    ],
  };
}

const matches = (device: VirtioDevice, driver: VirtioDriver): boolean =>
  driver.idTable.some(
    (id) =>
      (id.device === device.deviceId || id.device === VIRTIO_DEV_ANY_ID) &&
      (id.vendor === device.vendorId || id.vendor === VIRTIO_DEV_ANY_ID),
  );

/** virtio_features_ok: only devices of version 1 are asked whether they agree. */
function confirmFeatures(device: VirtioDevice): void {
  if (!device.hasFeature(VIRTIO_F_VERSION_1)) return;
  device.addStatus(VIRTIO_CONFIG_S_FEATURES_OK);
  if ((device.transport.getStatus() & VIRTIO_CONFIG_S_FEATURES_OK) === 0)
    throw new Errno('ENODEV', `${device.name} refuses features ${device.features.toString(16)}`);
}

/** virtio_dev_probe. */
function* probe(device: VirtioDevice, driver: VirtioDriver): Kernel<void> {
  device.driver = driver;
  device.addStatus(VIRTIO_CONFIG_S_DRIVER);
  const offered = device.transport.getFeatures();
  device.features = offered & (featureSet(driver.featureTable) | TRANSPORT_FEATURES);
  try {
    device.transport.finalizeFeatures(device);
    confirmFeatures(device);
    yield* finish(driver.probe(device));
  } catch (error) {
    device.addStatus(VIRTIO_CONFIG_S_FAILED);
    device.driver = undefined;
    throw error;
  }
  if ((device.transport.getStatus() & VIRTIO_CONFIG_S_DRIVER_OK) === 0) device.ready();
}

/** virtio_dev_remove. */
function* remove(device: VirtioDevice, driver: VirtioDriver): Kernel<void> {
  yield* finish(driver.remove(device));
  const status = device.transport.getStatus();
  if (status !== 0)
    device.system.findings.report('virtio-not-reset', `${driver.name} let go of ${device.name} with status 0x${hex(status, 2)}`);
  device.addStatus(VIRTIO_CONFIG_S_ACKNOWLEDGE);
  device.driver = undefined;
}

/** The virtio bus of a machine. */
class VirtioBus {
  readonly #system: System;
  readonly #bus: Bus;
  readonly #indices = new Idr<true>(0);
  readonly #devices = new Map<string, VirtioDevice>();
  readonly #drivers = new Map<DeviceDriver, VirtioDriver>();

  constructor(system: System) {
    this.#system = system;
    this.#bus = system.deviceModel.addBus({
      name: 'virtio',
      match: (device, driver) => matches(this.#of(device), this.#drivers.get(driver) as VirtioDriver),
      uevent: (device) => [['MODALIAS', modalias(this.#of(device))]],
      deviceGroups: (device) => [attributesOf(this.#of(device))],
    });
  }

  get devices(): readonly VirtioDevice[] {
    return [...this.#devices.values()];
  }

  takeIndex(): number {
    return this.#indices.allocate(true);
  }

  returnIndex(index: number): void {
    this.#indices.remove(index);
  }

  /** device_add. @throws Errno EEXIST */
  add(device: VirtioDevice): void {
    this.#devices.set(device.name, device);
    try {
      this.#system.deviceModel.register({ name: device.name, parent: device.parent, bus: this.#bus }, (shown) => {
        device.device = shown;
      });
    } catch (error) {
      this.#devices.delete(device.name);
      throw error;
    }
  }

  /** device_unregister, which waits until the driver has let go. */
  *remove(device: VirtioDevice): Kernel<void> {
    const shown = device.device as Device;
    yield* this.#bus.unbind(shown);
    shown.unregister();
    this.#devices.delete(device.name);
  }

  addDriver(driver: VirtioDriver): () => void {
    const own: DeviceDriver = {
      name: driver.name,
      probe: (device) => probe(this.#of(device), driver),
      remove: (device) => remove(this.#of(device), driver),
    };
    this.#drivers.set(own, driver);
    return this.#bus.addDriver(own);
  }

  #of(device: Device): VirtioDevice {
    return this.#devices.get(device.name) as VirtioDevice;
  }
}

const makeVirtioBus = (system: System) => new VirtioBus(system);

/** For this folder. */
export const virtioBus = (system: System): VirtioBus => system.single(makeVirtioBus);

/** register_virtio_driver: it is given the devices that have none. @returns unregister_virtio_driver @throws Errno EBUSY */
export const registerVirtioDriver = (system: System, driver: VirtioDriver): (() => void) => virtioBus(system).addDriver(driver);

/** What is on the bus now. */
export const virtioDevices = (system: System): readonly VirtioDevice[] => virtioBus(system).devices;
