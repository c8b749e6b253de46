/** devio.c: programs submit urbs, take them back, and reap those that have ended. */
import { Errno } from '../../../abi/index.ts';
import {
  USB_DIR_IN,
  USB_ENDPOINT_DIR_MASK,
  USB_ENDPOINT_XFER_BULK,
  USB_ENDPOINT_XFER_CONTROL,
  USB_ENDPOINT_XFER_INT,
  USB_ENDPOINT_XFER_ISOC,
  USBDEVFS_URB_BULK_CONTINUATION,
  USBDEVFS_URB_ISO_ASAP,
  USBDEVFS_URB_NO_FSBR,
  USBDEVFS_URB_NO_INTERRUPT,
  USBDEVFS_URB_SHORT_NOT_OK,
  USBDEVFS_URB_TYPE_BULK,
  USBDEVFS_URB_TYPE_CONTROL,
  USBDEVFS_URB_TYPE_INTERRUPT,
  USBDEVFS_URB_TYPE_ISO,
  USBDEVFS_URB_ZERO_PACKET,
  type UsbdevfsUrb,
  usb_ctrlrequest,
  usb_endpoint_num,
  usb_endpoint_type,
  usbdevfs_iso_packet_desc,
  usbdevfs_urb,
} from '../../../abi/uapi/index.ts';
import { copyFromUser, copyStructFromUser, copyToUser, type Kernel, type Task, wait } from '../../../kernel/index.ts';
import { killUrb } from '../message.ts';
import { URB_ISO_ASAP, URB_NO_INTERRUPT, URB_SHORT_NOT_OK, URB_ZERO_PACKET, Urb } from '../urb.ts';
import type { UsbHostEndpoint } from '../usb-device.ts';
import { checkRecipient } from './recipient.ts';
import type { Submitted, UsbFile } from './usb-file.ts';

const KNOWN_FLAGS =
  USBDEVFS_URB_ISO_ASAP |
  USBDEVFS_URB_SHORT_NOT_OK |
  USBDEVFS_URB_BULK_CONTINUATION |
  USBDEVFS_URB_NO_FSBR |
  USBDEVFS_URB_ZERO_PACKET |
  USBDEVFS_URB_NO_INTERRUPT;

const INT_MAX = 0x7fffffff;
/** USBFS_XFER_MAX and what a packet of USB 3.1 can have. */
const ISO_PACKET_MAX = 98_304;
const ISO_PACKETS_MAX = 128;
const SETUP_BYTES = 8;
const USER_END = 2 ** 47 - 4096;
/** What is kept of it, about. */
const URB_CHARGE = 320;

/** What is known of a transfer before it is made. */
interface Plan {
  readonly endpoint: UsbHostEndpoint;
  readonly ifnum: number;
  readonly isIn: boolean;
  readonly setup?: Uint8Array;
  /** Where the program's data are. */
  readonly buffer: number;
  readonly length: number;
  readonly packets?: readonly { readonly offset: number; readonly length: number }[];
  /** Which of the program's flags count. */
  readonly mayBeShort: boolean;
  readonly mayBeZero: boolean;
}

const invalid = (why: string) => new Errno('EINVAL', why);

/** proc_submiturb. @param address of the program's urb @throws Errno as the table of the reference says, in its order */
export function* submitUrb(file: UsbFile, address: number, task: Task): Kernel<number> {
  const given = yield* copyStructFromUser(task.memory, usbdevfs_urb, address);
  const plan = yield* planOf(file, given, address, task);
  if (plan.length > 0 && (plan.buffer < 0 || plan.buffer + plan.length > USER_END))
    throw new Errno('EFAULT', 'the buffer is no memory of the program');
  const area = file.areaOf(plan.buffer, plan.length);
  const charge = URB_CHARGE + (area === undefined ? plan.length : 0);
  file.usbfs.take(charge);
  try {
    let bytes: Uint8Array;
    if (area !== undefined) {
      const at = plan.buffer - area.vma.address;
      bytes = area.memory.bytes().subarray(at, at + plan.length);
    } else if (plan.isIn || plan.length === 0) bytes = new Uint8Array(plan.length);
    else bytes = yield* copyFromUser(task.memory, plan.buffer, plan.length);
    submit(file, given, plan, bytes, { address, charge, area, ifnum: plan.ifnum });
  } catch (error) {
    file.usbfs.give(charge);
    throw error;
  }
  return 0;
}

function submit(
  file: UsbFile,
  given: UsbdevfsUrb,
  plan: Plan,
  buffer: Uint8Array,
  parts: Pick<Submitted, 'address' | 'charge' | 'area' | 'ifnum'>,
): void {
  const { endpoint, isIn, setup, packets } = plan;
  const { desc } = endpoint;
  const flag = (theirs: number, ours: number, counts = true) => (counts && (given.flags & theirs) !== 0 ? ours : 0);
  const urb = new Urb({
    endpoint,
    ...(setup === undefined ? {} : { setup }),
    buffer,
    flags:
      flag(USBDEVFS_URB_ISO_ASAP, URB_ISO_ASAP) |
      flag(USBDEVFS_URB_SHORT_NOT_OK, URB_SHORT_NOT_OK, plan.mayBeShort) |
      flag(USBDEVFS_URB_ZERO_PACKET, URB_ZERO_PACKET, plan.mayBeZero) |
      flag(USBDEVFS_URB_NO_INTERRUPT, URB_NO_INTERRUPT),
    ...(packets === undefined ? {} : { packets }),
    complete: () => file.ended(submitted),
  });
  const submitted: Submitted = {
    ...parts,
    urb,
    userBuffer: isIn && plan.length > 0 && parts.area === undefined ? plan.buffer : 0,
    bulkAddress: 0,
    isContinuation: false,
  };
  if (usb_endpoint_type(desc) === USB_ENDPOINT_XFER_BULK) {
    submitted.bulkAddress = usb_endpoint_num(desc) | ((desc.bEndpointAddress & USB_ENDPOINT_DIR_MASK) >> 3);
    submitted.isContinuation = (given.flags & USBDEVFS_URB_BULK_CONTINUATION) !== 0;
    const bit = 1 << submitted.bulkAddress;
    if (!submitted.isContinuation) file.disabledBulk &= ~bit;
    if ((file.disabledBulk & bit) !== 0) throw new Errno('EREMOTEIO', 'the transfer that it continues has ended');
  }
  file.pending.add(submitted);
  try {
    urb.submit();
  } catch (error) {
    file.pending.delete(submitted);
    throw error;
  }
}

/** The checks of proc_do_submiturb, in order. @throws Errno */
function* planOf(file: UsbFile, given: UsbdevfsUrb, address: number, task: Task): Kernel<Plan> {
  const { type, endpoint: number, flags, buffer, buffer_length: length } = given;
  const known = type === USBDEVFS_URB_TYPE_ISO ? KNOWN_FLAGS : KNOWN_FLAGS & ~USBDEVFS_URB_ISO_ASAP;
  if ((flags & ~known) !== 0) throw invalid('a flag is not known, or not for transfers of this type');
  if (length >>> 0 >= INT_MAX) throw invalid(`${length >>> 0} bytes are too many`);
  if (length > 0 && buffer === 0) throw invalid('there is no buffer');
  let ifnum = -1;
  if (!(type === USBDEVFS_URB_TYPE_CONTROL && (number & ~USB_ENDPOINT_DIR_MASK) === 0)) {
    ifnum = file.interfaceOf(number);
    yield* file.check(ifnum);
  }
  const endpoint = file.device.endpoint(number);
  if (endpoint === undefined) throw new Errno('ENOENT', 'the endpoint is not in use');
  const isIn = (number & USB_DIR_IN) !== 0;
  const kind = usb_endpoint_type(endpoint.desc);
  const plain = { endpoint, ifnum, isIn, buffer, length, mayBeShort: isIn, mayBeZero: !isIn };
  switch (type) {
    case USBDEVFS_URB_TYPE_CONTROL:
      return yield* planControl(file, endpoint, ifnum, given, task);
    case USBDEVFS_URB_TYPE_BULK:
      if (kind === USB_ENDPOINT_XFER_CONTROL || kind === USB_ENDPOINT_XFER_ISOC) throw invalid('the endpoint is not for bulk transfers');
      return plain;
    case USBDEVFS_URB_TYPE_INTERRUPT:
      if (kind !== USB_ENDPOINT_XFER_INT) throw invalid('the endpoint is not for interrupt transfers');
      return plain;
    case USBDEVFS_URB_TYPE_ISO: {
      const count = given.number_of_packets;
      if (count < 1 || count > ISO_PACKETS_MAX) throw invalid(`${count} packets are too few or too many`);
      if (kind !== USB_ENDPOINT_XFER_ISOC) throw invalid('the endpoint is not for isochronous transfers');
      const packets = yield* isoPackets(address, count, task);
      const total = packets.reduce((sum, packet) => sum + packet.length, 0);
      return { ...plain, length: total, packets, mayBeShort: false, mayBeZero: false };
    }
    default:
      throw invalid(`${type} is no type of transfer`);
  }
}

function* planControl(file: UsbFile, endpoint: UsbHostEndpoint, ifnum: number, given: UsbdevfsUrb, task: Task): Kernel<Plan> {
  if (usb_endpoint_type(endpoint.desc) !== USB_ENDPOINT_XFER_CONTROL) throw invalid('the endpoint is not for control transfers');
  if (given.buffer_length < SETUP_BYTES) throw invalid('there is no room for a request');
  const setup = Uint8Array.from(yield* copyFromUser(task.memory, given.buffer, SETUP_BYTES));
  const { bRequestType, bRequest, wIndex, wLength } = usb_ctrlrequest.decode(new DataView(setup.buffer), 0);
  if (given.buffer_length < wLength + SETUP_BYTES) throw invalid(`there is no room for ${wLength} bytes behind the request`);
  yield* checkRecipient(file, bRequestType, bRequest, wIndex);
  const isIn = (bRequestType & USB_DIR_IN) !== 0 && wLength > 0;
  const buffer = given.buffer + SETUP_BYTES;
  return { endpoint, ifnum, isIn, setup, buffer, length: wLength, mayBeShort: isIn, mayBeZero: false };
}

function* isoPackets(address: number, count: number, task: Task): Kernel<{ offset: number; length: number }[]> {
  const { size } = usbdevfs_iso_packet_desc;
  const bytes = Uint8Array.from(yield* copyFromUser(task.memory, address + usbdevfs_urb.size, count * size));
  const view = new DataView(bytes.buffer);
  const packets: { offset: number; length: number }[] = [];
  let offset = 0;
  for (let i = 0; i < count; i++) {
    const { length } = usbdevfs_iso_packet_desc.decode(view, i * size);
    if (length > ISO_PACKET_MAX) throw invalid(`a packet of ${length} bytes is too long`);
    packets.push({ offset, length });
    offset += length;
  }
  return packets;
}

/** proc_unlinkurb: it still has to be reaped. @param address of the program's urb @throws Errno EINVAL it is not pending here */
export function* discardUrb(file: UsbFile, address: number): Kernel<number> {
  const found = [...file.pending].find((submitted) => submitted.address === address);
  if (found === undefined) throw invalid('no urb of that address is pending');
  yield* killUrb(found.urb);
  return 0;
}

/** proc_reapurb. @param pointer where the urb's address goes @throws Errno EINTR; ENODEV the device has gone and nothing is left; EFAULT */
export function* reapUrb(file: UsbFile, pointer: number, task: Task): Kernel<number> {
  try {
    yield* wait(file.wait, () => file.completed.length > 0 || !file.isConnected);
  } catch (error) {
    if (error instanceof Errno) throw new Errno('EINTR', 'a signal came before a urb had ended');
    throw error;
  }
  const submitted = file.completed.shift();
  if (submitted === undefined) throw new Errno('ENODEV', 'the device has gone');
  return yield* complete(file, submitted, pointer, task);
}

/** proc_reapurbnonblock. @throws Errno EAGAIN; ENODEV; EFAULT */
export function* reapUrbNoDelay(file: UsbFile, pointer: number, task: Task): Kernel<number> {
  const submitted = file.completed.shift();
  if (submitted === undefined) throw new Errno(file.isConnected ? 'EAGAIN' : 'ENODEV', 'no urb has ended');
  return yield* complete(file, submitted, pointer, task);
}

const OFFSETS = Object.fromEntries(usbdevfs_urb.fields.map(({ name, offset }) => [name, offset])) as Record<string, number>;

/** processcompl: what came of it goes to the program. @throws Errno EFAULT: it is gone all the same */
function* complete(file: UsbFile, submitted: Submitted, pointer: number, task: Task): Kernel<number> {
  const { urb, address, userBuffer } = submitted;
  const { memory } = task;
  file.free(submitted);
  const length = urb.packets.length > 0 ? urb.length : urb.actualLength;
  if (userBuffer !== 0 && urb.actualLength > 0) yield* copyToUser(memory, userBuffer, urb.buffer.subarray(0, length));
  yield* copyToUser(memory, address + (OFFSETS.status as number), int32(urb.status));
  yield* copyToUser(memory, address + (OFFSETS.actual_length as number), int32(urb.actualLength));
  yield* copyToUser(memory, address + (OFFSETS.error_count as number), int32(urb.errorCount));
  for (const [index, { actualLength, status }] of urb.packets.entries()) {
    const at = address + usbdevfs_urb.size + index * usbdevfs_iso_packet_desc.size;
    yield* copyToUser(memory, at + 4, int32(actualLength, status));
  }
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(address), true);
  yield* copyToUser(memory, pointer, bytes);
  return 0;
}

const int32 = (...values: number[]) => new Uint8Array(Int32Array.from(values).buffer);
