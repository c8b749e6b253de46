import { isErrno } from '../../../src/abi/index.ts';
import { O_RDONLY, O_RDWR, O_WRONLY, POLLIN, USB_DIR_IN, USB_DIR_OUT, usb_functionfs_event } from '../../../src/abi/uapi/index.ts';
import { addUsbControllers, type UsbControllers, type UsbControllersOptions } from '../../../src/boards/usb-controllers.ts';
import { addSystemHeap } from '../../../src/dma-buf/index.ts';
import { type BootedMachine, boot } from '../../../src/doors/boot.ts';
import { addFunctionFs } from '../../../src/drivers/functionfs/index.ts';
import type { Coroutine, Kernel } from '../../../src/kernel/index.ts';
import type { MachineOptions } from '../../../src/machine/index.ts';
import { type CacheModel, setCaches } from '../../../src/memory/index.ts';
import {
  addUsbGadgets,
  bulkMessage,
  type ControlRequest,
  controlMessage,
  type UsbDevice,
  type UsbHostEndpoint,
  usbDevices,
} from '../../../src/usb/index.ts';
import { blockV2, companion, endpoint, intf, stringsBlock } from '../../conformance/functionfs/blocks.ts';

const GADGET = '/sys/kernel/config/usb_gadget/g';
export const MOUNT = '/ffs';
export const VENDOR = [0xff, 0, 0] as const;
/** Addresses in the descriptors. */
export const IN = 0x81;
export const OUT = 0x02;

const EVENT_NAMES = ['BIND', 'UNBIND', 'ENABLE', 'DISABLE', 'SETUP', 'SUSPEND', 'RESUME'];

/** An interface with an endpoint in each direction. */
export const bulkPair = (packet: number) => [intf(0, 2, VENDOR, 1), endpoint(IN, 2, packet), endpoint(OUT, 2, packet)];
export const superPair = [intf(0, 2, VENDOR, 1), endpoint(IN, 2, 1024), companion(0), endpoint(OUT, 2, 1024), companion(0)];
export const descriptors = blockV2({ fs: bulkPair(64), hs: bulkPair(512), ss: superPair });
export const strings = stringsBlock([[0x0409, 'Loopback']]);

export interface FixtureOptions extends MachineOptions, UsbControllersOptions {
  readonly mountOptions?: string;
  /** What lies between memory and devices. */
  readonly caches?: CacheModel;
}

/** A machine with a gadget of one FunctionFS function, mounted and linked, and its host. Nothing is described or bound yet. */
export class FunctionFixture {
  readonly machine: BootedMachine;
  readonly sys: BootedMachine['sys'];
  controllers!: UsbControllers;
  ep0 = -1;
  in = -1;
  out = -1;

  constructor({ mountOptions = '', caches, isSuperSpeed, isHighSpeed, isSgSuperSpeed, ...options }: FixtureOptions = {}) {
    const speeds = {
      ...(isSuperSpeed && { isSuperSpeed }),
      ...(isHighSpeed === false && { isHighSpeed }),
      ...(isSgSuperSpeed && { isSgSuperSpeed }),
    };
    this.machine = boot(
      {
        name: 'usb',
        description: 'two USB device controllers',
        setUp: (machine) => {
          addSystemHeap(machine.system, machine.ram);
          if (caches !== undefined) setCaches(machine.system, caches);
          this.controllers = addUsbControllers(machine, speeds);
          addUsbGadgets(machine.system);
          addFunctionFs(machine.system);
        },
      },
      options,
    );
    this.sys = this.machine.sys;
    const { sys } = this;
    for (const path of ['', '/strings/0x409', '/configs/c.1', '/functions/ffs.loop']) sys.mkdir(`${GADGET}${path}`, 0o755);
    this.put('idVendor', '0x1209');
    sys.symlink(`${GADGET}/functions/ffs.loop`, `${GADGET}/configs/c.1/ffs.loop`);
    sys.mkdir(MOUNT, 0o755);
    sys.mount('loop', MOUNT, 'functionfs', 0, mountOptions);
  }

  /** Writes an attribute of the gadget. */
  put(attribute: string, text: string): number {
    const fd = this.sys.open(`${GADGET}/${attribute}`, O_WRONLY);
    try {
      return this.sys.write(fd, text);
    } finally {
      this.sys.close(fd);
    }
  }

  get(attribute: string): string {
    const fd = this.sys.open(`${GADGET}/${attribute}`, O_RDONLY);
    try {
      return Buffer.from(this.sys.read(fd, 4096)).toString('latin1');
    } finally {
      this.sys.close(fd);
    }
  }

  names(): string[] {
    const fd = this.sys.open(MOUNT, O_RDONLY);
    const names = this.sys.getdents(fd).map(({ name }) => name);
    this.sys.close(fd);
    return names.filter((name) => !name.startsWith('.')).sort();
  }

  /** Writes both blocks to ep0, and opens the endpoints. */
  describe(block: Uint8Array = descriptors): this {
    const { sys } = this;
    this.ep0 = sys.open(`${MOUNT}/ep0`, O_RDWR);
    sys.write(this.ep0, block);
    sys.write(this.ep0, strings);
    this.in = sys.open(`${MOUNT}/ep1`, O_RDWR);
    this.out = sys.open(`${MOUNT}/ep2`, O_RDWR);
    return this;
  }

  /** Binds the gadget, and lets the host enumerate it. */
  bind(controller: 'dummy_udc.0' | 'sg_udc.0' = 'dummy_udc.0'): this {
    this.put('UDC', `${controller}\n`);
    this.pass(1000);
    return this;
  }

  unbind(): void {
    this.put('UDC', '\n');
  }

  /** The error's name, or `ok`. */
  errorOf(call: () => unknown): string {
    try {
      call();
      return 'ok';
    } catch (error) {
      if (isErrno(error)) return error.code;
      throw error;
    }
  }

  /** Lets so much time pass. */
  pass(ms: number): void {
    this.machine.system.scheduler.runFor(ms * 1e6);
  }

  /** Events that wait at ep0, read one by one. */
  events(): string[] {
    const names: string[] = [];
    for (const [, type] of this.rawEvents()) names.push(EVENT_NAMES[type] as string);
    return names;
  }

  *rawEvents(): Generator<readonly [setup: Uint8Array, type: number]> {
    const { sys, ep0 } = this;
    while (sys.poll([{ fd: ep0, events: POLLIN }], 0)[0] !== 0) {
      const bytes = sys.read(ep0, usb_functionfs_event.size);
      yield [bytes.subarray(0, 8), bytes[8] as number];
    }
  }

  // ---- the host ---------------------------------------------------------------

  get device(): UsbDevice {
    return usbDevices(this.machine.system).find(({ parent }) => parent !== undefined) as UsbDevice;
  }

  /** The bulk endpoint of a direction: which one that is, the controller has chosen. @param direction USB_DIR_ */
  endpoint(direction: number): UsbHostEndpoint {
    for (let number = 1; number < 16; number++) {
      const found = this.device.endpoint(direction | number);
      if (found !== undefined) return found;
    }
    throw new Error('the host knows no endpoint of that direction');
  }

  /** Something that the host begins now, and goes on with while the gadget's program runs. */
  host<T>(work: Kernel<T>): Coroutine<T> {
    return this.machine.system.scheduler.spawn('host', undefined, work);
  }

  /** Its end. */
  ended<T>(coroutine: Coroutine<T>): T {
    this.machine.system.scheduler.runUntil(() => coroutine.outcome !== undefined, 'the host');
    const { outcome } = coroutine;
    if (outcome?.ok !== true) throw outcome?.error;
    return outcome.value;
  }

  hostWrites(bytes: Uint8Array, timeout_ms = 1000): Coroutine<number> {
    return this.host(bulkMessage(this.endpoint(USB_DIR_OUT), bytes, { timeout_ms }));
  }

  /** @param into filled as the data come */
  hostReads(into: Uint8Array, timeout_ms = 1000): Coroutine<number> {
    return this.host(bulkMessage(this.endpoint(USB_DIR_IN), into, { timeout_ms }));
  }

  hostAsks(request: ControlRequest): Coroutine<number> {
    return this.host(controlMessage(this.device, request, { timeout_ms: 1000 }));
  }

  /** Takes everything apart, and switches the machine off. */
  end(): void {
    const { sys } = this;
    for (const fd of [this.in, this.out, this.ep0]) if (fd >= 0) sys.close(fd);
    sys.umount(MOUNT);
    sys.unlink(`${GADGET}/configs/c.1/ffs.loop`);
    for (const path of ['/functions/ffs.loop', '/configs/c.1', '/strings/0x409', '']) sys.rmdir(`${GADGET}${path}`);
    this.pass(1000);
    this.machine.shutdown();
  }
}
