/** devio.c: the requests of /dev/bus/usb. */
import { Errno, IOC_READ, IOC_WRITE, iocDirection, iocSize } from '../../../abi/index.ts';
import {
  USB_DIR_OUT,
  USB_REQ_SET_CONFIGURATION,
  USB_SPEED_LOW,
  USB_STATE_CONFIGURED,
  USBDEVFS_ALLOC_STREAMS,
  USBDEVFS_ALLOW_SUSPEND,
  USBDEVFS_BULK,
  USBDEVFS_CAP_BULK_CONTINUATION,
  USBDEVFS_CAP_BULK_SCATTER_GATHER,
  USBDEVFS_CAP_CONNINFO_EX,
  USBDEVFS_CAP_DROP_PRIVILEGES,
  USBDEVFS_CAP_MMAP,
  USBDEVFS_CAP_NO_PACKET_SIZE_LIM,
  USBDEVFS_CAP_REAP_AFTER_DISCONNECT,
  USBDEVFS_CAP_SUSPEND,
  USBDEVFS_CAP_ZERO_PACKET,
  USBDEVFS_CLAIM_PORT,
  USBDEVFS_CLAIMINTERFACE,
  USBDEVFS_CLEAR_HALT,
  USBDEVFS_CONNECT,
  USBDEVFS_CONNECTINFO,
  USBDEVFS_CONTROL,
  USBDEVFS_DISCARDURB,
  USBDEVFS_DISCONNECT,
  USBDEVFS_DISCONNECT_CLAIM,
  USBDEVFS_DISCONNECT_CLAIM_EXCEPT_DRIVER,
  USBDEVFS_DISCONNECT_CLAIM_IF_DRIVER,
  USBDEVFS_DISCSIGNAL,
  USBDEVFS_DROP_PRIVILEGES,
  USBDEVFS_FORBID_SUSPEND,
  USBDEVFS_FREE_STREAMS,
  USBDEVFS_GET_CAPABILITIES,
  USBDEVFS_GET_SPEED,
  USBDEVFS_GETDRIVER,
  USBDEVFS_IOCTL,
  USBDEVFS_REAPURB,
  USBDEVFS_REAPURBNDELAY,
  USBDEVFS_RELEASE_PORT,
  USBDEVFS_RELEASEINTERFACE,
  USBDEVFS_RESET,
  USBDEVFS_RESETEP,
  USBDEVFS_SETCONFIGURATION,
  USBDEVFS_SETINTERFACE,
  USBDEVFS_SUBMITURB,
  USBDEVFS_WAIT_FOR_RESUME,
  usbdevfs_connectinfo,
  usbdevfs_conninfo_ex,
  usbdevfs_disconnect_claim,
  usbdevfs_disconnectsignal,
  usbdevfs_getdriver,
  usbdevfs_ioctl,
  usbdevfs_setinterface,
  usbdevfs_streams,
} from '../../../abi/uapi/index.ts';
import {
  copyFromUser,
  copyStructFromUser,
  copyStructToUser,
  copyToUser,
  type File,
  finish,
  type Kernel,
  on,
  onRaw,
  type Task,
  takeStruct,
  wait,
} from '../../../kernel/index.ts';
import { clearHalt, controlMessage } from '../message.ts';
import { setConfiguration } from '../set-configuration.ts';
import { chooseSetting, resetDevice } from '../usb-core.ts';
import type { UsbInterface } from '../usb-device.ts';
import { driverOf, releaseInterface } from '../usb-driver.ts';
import { discardUrb, reapUrb, reapUrbNoDelay, submitUrb } from './submit.ts';
import { bulk, control } from './transfers.ts';
import type { UsbFile } from './usb-file.ts';

type Opened = File<UsbFile>;

const CAPABILITIES =
  USBDEVFS_CAP_ZERO_PACKET |
  USBDEVFS_CAP_BULK_CONTINUATION |
  USBDEVFS_CAP_NO_PACKET_SIZE_LIM |
  USBDEVFS_CAP_BULK_SCATTER_GATHER |
  USBDEVFS_CAP_REAP_AFTER_DISCONNECT |
  USBDEVFS_CAP_MMAP |
  USBDEVFS_CAP_DROP_PRIVILEGES |
  USBDEVFS_CAP_CONNINFO_EX |
  USBDEVFS_CAP_SUSPEND;

const ENDPOINTS_MAX = 30;
const STREAMS_MAX = 65_536;

/** These read a number that their encoding says they write. */
function* u32At(memory: Task['memory'], address: number): Kernel<number> {
  const bytes = yield* copyFromUser(memory, address, 4);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

/** A request whose argument is the address of a number. */
const withNumber = (run: (file: UsbFile, value: number) => Kernel<void>) =>
  function* ({ private: file }: Opened, address: number, task: Task): Kernel<number> {
    yield* run(file, yield* u32At(task.memory, address));
    return 0;
  };

function* resetEndpoint(file: UsbFile, address: number): Kernel<void> {
  yield* file.check(file.interfaceOf(address));
}

function* clearHaltOf(file: UsbFile, address: number): Kernel<void> {
  yield* file.check(file.interfaceOf(address));
  yield* clearHalt(file.device, address);
}

/** proc_setconfig. @throws Errno EBUSY a driver has an interface; EINVAL no such configuration */
function* choose(file: UsbFile, value: number): Kernel<void> {
  const { device } = file;
  if (device.interfaces.some((intf) => intf.device.driver !== undefined))
    throw new Errno('EBUSY', `a driver has an interface of ${device.name}`);
  if (device.active === undefined || device.active.desc.bConfigurationValue !== value) {
    yield* setConfiguration(device, value | 0);
    return;
  }
  // usb_reset_configuration: the same again, and every interface at setting 0.
  for (const intf of device.interfaces) yield* device.disable(intf.current);
  yield* controlMessage(device, { bRequestType: USB_DIR_OUT, bRequest: USB_REQ_SET_CONFIGURATION, wValue: value });
  device.state = USB_STATE_CONFIGURED;
  for (const intf of device.interfaces) {
    intf.current = intf.setting(0) ?? intf.current;
    device.enable(intf.current);
  }
}

/** proc_getdriver. @throws Errno ENODATA no such interface, or nobody has it */
function* getDriver({ private: file }: Opened, address: number, task: Task): Kernel<number> {
  const argument = yield* takeStruct(task.memory, usbdevfs_getdriver, address);
  const driver = file.device.interface(argument.value.interface)?.device.driver;
  if (driver === undefined) throw new Errno('ENODATA', 'no driver has the interface');
  yield* argument.giveBack({ driver: driver.name });
  return 0;
}

/** proc_resetdevice. @throws Errno EACCES another has an interface, after privileges were dropped; usb_reset_device's */
function* reset({ private: file }: Opened): Kernel<number> {
  const { device } = file;
  const isAnothers = ({ device: shown, number }: UsbInterface) => shown.driver !== undefined && !file.claimed.has(number);
  if (file.allowed !== undefined && device.interfaces.some(isAnothers)) throw new Errno('EACCES', 'another has an interface');
  yield* resetDevice(device);
  return 0;
}

/** proc_disconnect_claim. @throws Errno EINVAL, EACCES, EBUSY, claim's */
function* disconnectClaim(file: UsbFile, argument: { interface: number; flags: number; driver: string }): Kernel<void> {
  const intf = file.device.interface(argument.interface);
  if (intf === undefined) throw new Errno('EINVAL', `there is no interface ${argument.interface}`);
  const { driver } = intf.device;
  if (driver !== undefined) {
    if (file.allowed !== undefined) throw new Errno('EACCES', 'privileges were dropped');
    const isNamed = driver.name === argument.driver;
    if ((argument.flags & USBDEVFS_DISCONNECT_CLAIM_IF_DRIVER) !== 0 && !isNamed) throw new Errno('EBUSY', `${driver.name} has it`);
    if ((argument.flags & USBDEVFS_DISCONNECT_CLAIM_EXCEPT_DRIVER) !== 0 && isNamed) throw new Errno('EBUSY', `${driver.name} has it`);
    yield* releaseInterface(intf);
  }
  yield* file.claim(argument.interface);
}

/** proc_ioctl: what concerns the driver of an interface. @throws Errno EACCES, EFAULT, EHOSTUNREACH, EINVAL, ENODATA, EBUSY, ENOTTY */
function* driverIoctl({ private: file }: Opened, address: number, task: Task): Kernel<number> {
  const { ifno, ioctl_code, data } = yield* copyStructFromUser(task.memory, usbdevfs_ioctl, address);
  if (file.allowed !== undefined) throw new Errno('EACCES', 'privileges were dropped');
  const code = ioctl_code >>> 0;
  const size = iocSize(code);
  const buffer = new Uint8Array(size);
  if (size > 0 && (iocDirection(code) & IOC_WRITE) !== 0) buffer.set(yield* copyFromUser(task.memory, data, size));
  if (file.device.active === undefined) throw new Errno('EHOSTUNREACH', `${file.device.name} is not configured`);
  const intf = file.device.interface(ifno);
  if (intf === undefined) throw new Errno('EINVAL', `there is no interface ${ifno}`);
  const answer = yield* askDriver(intf, code, buffer);
  if (answer >= 0 && size > 0 && (iocDirection(code) & IOC_READ) !== 0) yield* copyToUser(task.memory, data, buffer);
  return answer;
}

function* askDriver(intf: UsbInterface, code: number, buffer: Uint8Array): Kernel<number> {
  const { device: shown } = intf;
  if (code === USBDEVFS_DISCONNECT.number) {
    if (shown.driver === undefined) throw new Errno('ENODATA', 'nobody has the interface');
    yield* releaseInterface(intf);
    return 0;
  }
  if (code === USBDEVFS_CONNECT.number) {
    if (shown.driver !== undefined) throw new Errno('EBUSY', `${shown.driver.name} has the interface`);
    shown.bus?.probe(shown);
    return driverOf(intf) === undefined ? 0 : 1;
  }
  const ask = driverOf(intf)?.ioctl;
  if (ask === undefined) throw new Errno('ENOTTY', 'the driver of the interface knows no requests');
  return yield* finish(ask(intf, code, buffer));
}

/** proc_conninfo_ex: as much of it as the program has room for. */
export function* connectionInfo(file: UsbFile, address: number, room: number, task: Task): Kernel<number> {
  const { device } = file;
  const ports: number[] = [];
  for (let at = device; at.parent !== undefined; at = at.parent) ports.unshift(at.port);
  const bytes = new Uint8Array(usbdevfs_conninfo_ex.size);
  usbdevfs_conninfo_ex.encode(new DataView(bytes.buffer), 0, {
    size: bytes.length,
    busnum: device.hcd.busnum,
    devnum: device.devnum,
    speed: device.speed,
    num_ports: ports.length,
    ports: Array.from({ length: 7 }, (_, i) => ports[i] ?? 0),
  });
  yield* copyToUser(task.memory, address, bytes.subarray(0, room));
  return 0;
}

/** parse_usbdevfs_streams, and then no controller that has streams. @throws Errno EFAULT, EINVAL, claim's */
function* streams({ private: file }: Opened, address: number, task: Task, hasCount: boolean): Kernel<number> {
  const { num_streams, num_eps } = yield* copyStructFromUser(task.memory, usbdevfs_streams, address);
  if (num_eps < 1 || num_eps > ENDPOINTS_MAX) throw new Errno('EINVAL', `${num_eps} endpoints are too few or too many`);
  if (hasCount && (num_streams < 2 || num_streams > STREAMS_MAX))
    throw new Errno('EINVAL', `${num_streams} streams are too few or too many`);
  const endpoints = Uint8Array.from(yield* copyFromUser(task.memory, address + usbdevfs_streams.size, num_eps));
  let owner: number | undefined;
  for (const endpoint of endpoints) {
    if (file.device.endpoint(endpoint) === undefined) throw new Errno('EINVAL', `there is no endpoint 0x${endpoint.toString(16)}`);
    const ifnum = file.interfaceOf(endpoint);
    if (owner === undefined) yield* file.check(ifnum);
    else if (owner !== ifnum) throw new Errno('EINVAL', 'the endpoints are of several interfaces');
    owner = ifnum;
  }
  throw new Errno('EINVAL', 'the controller has no streams');
}

/** usb_hub_claim_port and usb_hub_release_port. */
const port = (isClaim: boolean) =>
  withNumber(function* (file, number) {
    const { device } = file;
    const ports = device.parent === undefined ? device.hcd.driver.ports : 0;
    if (number < 1 || number > ports) throw new Errno('EINVAL', `there is no port ${number}`);
    const owner = device.portOwners.get(number);
    if (!isClaim) {
      if (owner !== file) throw new Errno('ENOENT', `port ${number} is not claimed`);
      device.portOwners.delete(number);
      return;
    }
    if (owner !== undefined) throw new Errno('EBUSY', `port ${number} is claimed`);
    device.portOwners.set(number, file);
  });

function* waitForResume(file: UsbFile): Kernel<number> {
  yield* wait(file.wait, () => !file.isAwaitingResume || !file.isConnected);
  file.isSuspendAllowed = false;
  return 0;
}

/** proc_connectinfo. */
function* connectInfo({ private: { device } }: Opened, address: number, task: Task): Kernel<number> {
  const slow = device.speed === USB_SPEED_LOW ? 1 : 0;
  yield* copyStructToUser(task.memory, usbdevfs_connectinfo, address, { devnum: device.devnum, slow });
  return 0;
}

/** proc_setintf. @throws Errno check's; EINVAL no such setting; what the device says */
function* setInterface({ private: file }: Opened, address: number, task: Task): Kernel<number> {
  const { interface: number, altsetting } = yield* copyStructFromUser(task.memory, usbdevfs_setinterface, address);
  yield* file.check(number);
  yield* file.killAll((submitted) => submitted.ifnum === number);
  const intf = file.device.interface(number);
  if (intf === undefined) throw new Errno('EINVAL', `there is no interface ${number}`);
  yield* chooseSetting(intf, altsetting);
  return 0;
}

/** proc_disconnectsignal: the signal that is to be sent when the device goes. Nothing here sends signals to programs. */
function* discSignal(_file: Opened, address: number, task: Task): Kernel<number> {
  yield* copyStructFromUser(task.memory, usbdevfs_disconnectsignal, address);
  return 0;
}

/** proc_drop_privileges: for good; again only leaves less. */
function* dropPrivileges(file: UsbFile, mask: number): Kernel<void> {
  const left = Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => (mask & (1 << bit)) !== 0 && file.allowed?.has(bit) !== false);
  file.allowed = new Set(left);
}

/** Requests that work after the device has gone. */
export const reapRequests = [
  onRaw<UsbFile>(USBDEVFS_REAPURB, ({ private: file }, pointer, task) => reapUrb(file, pointer, task)),
  onRaw<UsbFile>(USBDEVFS_REAPURBNDELAY, ({ private: file }, pointer, task) => reapUrbNoDelay(file, pointer, task)),
];

/** All others. */
export const requests = [
  onRaw<UsbFile>(USBDEVFS_CONTROL, ({ private: file }, address, task) => control(file, address, task)),
  onRaw<UsbFile>(USBDEVFS_BULK, ({ private: file }, address, task) => bulk(file, address, task)),
  onRaw<UsbFile>(USBDEVFS_RESETEP, withNumber(resetEndpoint)),
  onRaw<UsbFile>(USBDEVFS_RESET, reset),
  onRaw<UsbFile>(USBDEVFS_CLEAR_HALT, withNumber(clearHaltOf)),
  onRaw<UsbFile>(USBDEVFS_GETDRIVER, getDriver),
  onRaw<UsbFile>(USBDEVFS_CONNECTINFO, connectInfo),
  onRaw<UsbFile>(USBDEVFS_SETINTERFACE, setInterface),
  onRaw<UsbFile>(USBDEVFS_SETCONFIGURATION, withNumber(choose)),
  onRaw<UsbFile>(USBDEVFS_SUBMITURB, ({ private: file }, address, task) => submitUrb(file, address, task)),
  onRaw<UsbFile>(USBDEVFS_DISCARDURB, ({ private: file }, address) => discardUrb(file, address)),
  onRaw<UsbFile>(
    USBDEVFS_CLAIMINTERFACE,
    withNumber((file, number) => file.claim(number)),
  ),
  onRaw<UsbFile>(
    USBDEVFS_RELEASEINTERFACE,
    withNumber((file, number) => file.release(number)),
  ),
  onRaw<UsbFile>(USBDEVFS_IOCTL, driverIoctl),
  onRaw<UsbFile>(USBDEVFS_CLAIM_PORT, port(true)),
  onRaw<UsbFile>(USBDEVFS_RELEASE_PORT, port(false)),
  on<typeof USBDEVFS_GET_CAPABILITIES, UsbFile>(USBDEVFS_GET_CAPABILITIES, () => CAPABILITIES),
  onRaw<UsbFile>(USBDEVFS_ALLOC_STREAMS, (file, address, task) => streams(file, address, task, true)),
  onRaw<UsbFile>(USBDEVFS_FREE_STREAMS, (file, address, task) => streams(file, address, task, false)),
  onRaw<UsbFile>(USBDEVFS_DISCONNECT_CLAIM, function* ({ private: file }, address, task) {
    yield* disconnectClaim(file, yield* copyStructFromUser(task.memory, usbdevfs_disconnect_claim, address));
  }),
  onRaw<UsbFile>(USBDEVFS_DISCSIGNAL, discSignal),
  onRaw<UsbFile>(USBDEVFS_DROP_PRIVILEGES, withNumber(dropPrivileges)),
  onRaw<UsbFile>(USBDEVFS_FORBID_SUSPEND, ({ private: file }) => {
    file.isSuspendAllowed = false;
  }),
  onRaw<UsbFile>(USBDEVFS_ALLOW_SUSPEND, ({ private: file }) => {
    file.isAwaitingResume = true;
    file.isSuspendAllowed = true;
  }),
  onRaw<UsbFile>(USBDEVFS_WAIT_FOR_RESUME, ({ private: file }) => waitForResume(file)),
  onRaw<UsbFile>(USBDEVFS_GET_SPEED, ({ private: { device } }) => device.speed),
];
