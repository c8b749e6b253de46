/** drivers/usb/core/devio.c: what an open file of /dev/bus/usb has, as struct usb_dev_state. */
import { Errno } from '../../../abi/index.ts';
import {
  addModule,
  type IntegerParameter,
  type Kernel,
  type MemoryObject,
  type System,
  type Vma,
  WaitQueue,
} from '../../../kernel/index.ts';
import { killUrb } from '../message.ts';
import type { Urb } from '../urb.ts';
import type { UsbDevice, UsbInterface } from '../usb-device.ts';
import { claimInterface, registerUsbDriver, releaseInterface, type UsbDriver } from '../usb-driver.ts';

/** Interfaces that a file can have: bits of an unsigned long. */
const INTERFACES = 64;

/** A urb that a program submitted. */
export interface Submitted {
  readonly urb: Urb;
  /** Where the program's urb is. */
  readonly address: number;
  /** Where its data go; 0 when nothing is to be copied. */
  readonly userBuffer: number;
  readonly ifnum: number;
  /** Of bulk endpoints, between 1 and 31; 0 for others, and once it is to be unlinked. */
  bulkAddress: number;
  isContinuation: boolean;
  /** What it takes of the memory that all files share. */
  readonly charge: number;
  /** Memory that the program has mapped, if that is where its data are. */
  readonly area: MappedArea | undefined;
}

/** Memory of a file that its program has mapped: struct usb_memory. */
export interface MappedArea {
  readonly vma: Vma;
  readonly memory: MemoryObject;
}

/** Files of usbfs in a machine, and the memory that they share. */
class Usbfs {
  readonly files = new Set<UsbFile>();
  /** usbfs_memory_mb: 0 for no limit. */
  readonly limit_mb: IntegerParameter;
  #used = 0;
  readonly driver: UsbDriver;

  constructor(system: System) {
    this.limit_mb = addModule(system, 'usbcore', { usbfs_memory_mb: 16 }).usbfs_memory_mb;
    this.driver = { name: 'usbfs', match: () => false, disconnect: (intf) => this.#disconnect(intf) };
    registerUsbDriver(system, this.driver);
  }

  /** usbfs_increase_memory_usage. @throws Errno ENOMEM */
  take(bytes: number): void {
    const limit = this.limit_mb.value * 2 ** 20;
    if (limit !== 0 && this.#used + bytes > limit) throw new Errno('ENOMEM', `files of usbfs may have ${limit} bytes in all`);
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }

  /** driver_disconnect: the interface is taken from the file that had it. */
  *#disconnect(intf: UsbInterface): Kernel<void> {
    for (const file of this.files) {
      if (file.device !== intf.usbDevice || !file.claimed.delete(intf.number)) continue;
      yield* file.killAll((submitted) => submitted.ifnum === intf.number);
    }
  }
}

const makeUsbfs = (system: System) => new Usbfs(system);

export const usbfs = (system: System): Usbfs => system.single(makeUsbfs);

export class UsbFile {
  readonly device: UsbDevice;
  readonly usbfs: Usbfs;
  readonly claimed = new Set<number>();
  /** Those that have not ended, oldest first. */
  readonly pending = new Set<Submitted>();
  /** Those that nobody has reaped, in the order in which they ended. */
  readonly completed: Submitted[] = [];
  /** Told when one ends, and when the device goes. */
  readonly wait: WaitQueue;
  /** Whether the device has gone. */
  isGone = false;
  /** Bulk endpoints that take no continuation, as bits. */
  disabledBulk = 0;
  /** Undefined until privileges are dropped: then the interfaces that may still be claimed. */
  allowed: ReadonlySet<number> | undefined;
  isSuspendAllowed = false;
  /** USBDEVFS_ALLOW_SUSPEND was called and the device has not woken up since. */
  isAwaitingResume = false;
  readonly areas: MappedArea[] = [];
  readonly #forget: () => void;

  constructor(device: UsbDevice) {
    this.device = device;
    this.usbfs = usbfs(device.hcd.system);
    this.wait = new WaitQueue(`transfers of ${device.name}`);
    const gone = () => {
      this.isGone = true;
      this.wait.wake();
    };
    const resumed = () => {
      this.isAwaitingResume = false;
      this.wait.wake();
    };
    device.onGone.add(gone);
    device.onResume.add(resumed);
    this.#forget = () => {
      device.onGone.delete(gone);
      device.onResume.delete(resumed);
    };
    this.usbfs.files.add(this);
  }

  get isConnected(): boolean {
    return !this.isGone && !this.device.isGone;
  }

  /** claimintf. @throws Errno EINVAL, EACCES, ENOENT, EBUSY */
  *claim(ifnum: number): Kernel<void> {
    if (ifnum >= INTERFACES) throw new Errno('EINVAL', `there is no interface ${ifnum}`);
    if (this.claimed.has(ifnum)) return;
    if (this.allowed?.has(ifnum) === false) throw new Errno('EACCES', `interface ${ifnum} is not among those that are left`);
    const intf = this.device.interface(ifnum);
    if (intf === undefined) throw new Errno('ENOENT', `${this.device.name} has no interface ${ifnum}`);
    yield* claimInterface(this.usbfs.driver, intf, true);
    this.claimed.add(ifnum);
  }

  /** releaseintf. @throws Errno EINVAL, ENOENT */
  *release(ifnum: number): Kernel<void> {
    if (ifnum >= INTERFACES) throw new Errno('EINVAL', `there is no interface ${ifnum}`);
    const intf = this.device.interface(ifnum);
    if (intf === undefined) throw new Errno('ENOENT', `${this.device.name} has no interface ${ifnum}`);
    if (!this.claimed.delete(ifnum)) throw new Errno('EINVAL', `interface ${ifnum} is not claimed`);
    yield* releaseInterface(intf, true);
    yield* this.killAll((submitted) => submitted.ifnum === ifnum);
  }

  /** checkintf: claims it, if that was forgotten. @throws Errno EHOSTUNREACH, and claim's */
  *check(ifnum: number): Kernel<void> {
    if (this.device.active === undefined) throw new Errno('EHOSTUNREACH', `${this.device.name} is not configured`);
    if (ifnum >= INTERFACES) throw new Errno('EINVAL', `there is no interface ${ifnum}`);
    if (this.claimed.has(ifnum)) return;
    const { log, scheduler } = this.device.hcd.system;
    const pid = scheduler.current?.tgid ?? 0;
    log.print('warn', `usb ${this.device.name}: usbfs: process ${pid} did not claim interface ${ifnum} before use`);
    yield* this.claim(ifnum);
  }

  /** findintfep: whose an endpoint is. @throws Errno EINVAL, ESRCH, ENOENT */
  interfaceOf(address: number): number {
    if ((address & ~0x8f) !== 0) throw new Errno('EINVAL', `0x${address.toString(16)} is no endpoint`);
    if (this.device.active === undefined) throw new Errno('ESRCH', `${this.device.name} is not configured`);
    for (const { number, settings } of this.device.interfaces)
      for (const { endpoints } of settings) if (endpoints.some(({ desc }) => desc.bEndpointAddress === address)) return number;
    throw new Errno('ENOENT', `${this.device.name} has no endpoint 0x${address.toString(16)}`);
  }

  /** async_completed. */
  ended(submitted: Submitted): void {
    this.pending.delete(submitted);
    this.completed.push(submitted);
    const { status } = submitted.urb;
    if (status < 0 && submitted.bulkAddress !== 0 && submitted.urb.unlinked === 0) this.#cancelBulk(submitted.bulkAddress);
    this.wait.wake();
  }

  /** cancel_bulk_urbs: what continues a transfer that has ended early is taken back, and no more of it is accepted. */
  #cancelBulk(bulkAddress: number): void {
    const marked: Submitted[] = [];
    let hasNewOne = false;
    for (const submitted of this.pending) {
      if (submitted.bulkAddress !== bulkAddress) continue;
      hasNewOne = !submitted.isContinuation;
      if (hasNewOne) break;
      submitted.bulkAddress = 0;
      marked.push(submitted);
    }
    if (!hasNewOne) this.disabledBulk |= 1 << bulkAddress;
    for (const { urb } of marked) urb.unlink('ECONNRESET');
  }

  /** Takes urbs back; they are to be reaped all the same. */
  *killAll(isMeant: (submitted: Submitted) => boolean): Kernel<void> {
    // Last first, so that none begins because one before it has ended.
    for (const submitted of [...this.pending].reverse()) if (isMeant(submitted)) yield* killUrb(submitted.urb);
  }

  /** Gives back what a urb took. */
  free(submitted: Submitted): void {
    this.usbfs.give(submitted.charge);
  }

  /** find_memory_area. @throws Errno EINVAL when it is half in one */
  areaOf(address: number, length: number): MappedArea | undefined {
    const area = this.areas.find(({ vma }) => vma.address <= address && address < vma.address + vma.length);
    if (area !== undefined && address + length > area.vma.address + area.vma.length)
      throw new Errno('EINVAL', 'the buffer goes beyond the memory that is mapped');
    return area;
  }

  /** usbdev_release. */
  *close(): Kernel<void> {
    for (const ifnum of [...this.claimed]) {
      const intf = this.device.interface(ifnum);
      this.claimed.delete(ifnum);
      if (intf !== undefined) yield* releaseInterface(intf, true);
    }
    yield* this.killAll(() => true);
    for (const submitted of this.completed) this.free(submitted);
    this.completed.length = 0;
    for (const { memory, vma } of this.areas) {
      memory.put();
      this.usbfs.give(vma.length);
    }
    this.device.portOwners.forEach((owner, port) => {
      if (owner === this) this.device.portOwners.delete(port);
    });
    this.usbfs.files.delete(this);
    this.#forget();
  }
}
