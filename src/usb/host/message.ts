/** drivers/usb/core/message.c: transfers that wait, and the standard requests. */
import { Errno, errno } from '../../abi/index.ts';
import {
  USB_DIR_IN,
  USB_DT_STRING,
  USB_ENDPOINT_HALT,
  USB_RECIP_ENDPOINT,
  USB_RECIP_INTERFACE,
  USB_REQ_CLEAR_FEATURE,
  USB_REQ_GET_DESCRIPTOR,
  USB_REQ_SET_INTERFACE,
  usb_ctrlrequest,
} from '../../abi/uapi/index.ts';
import { type Kernel, type WaitMode, WaitQueue, wait } from '../../kernel/index.ts';
import { errnoOf, Urb, type UrbDescription } from './urb.ts';
import type { UsbDevice, UsbHostEndpoint, UsbInterface } from './usb-device.ts';

/** USB_CTRL_GET_TIMEOUT and USB_CTRL_SET_TIMEOUT. */
export const CONTROL_TIMEOUT_MS = 5000;

export interface ControlRequest {
  readonly bRequestType: number;
  readonly bRequest: number;
  readonly wValue?: number;
  readonly wIndex?: number;
  /** Its length is wLength. */
  readonly data?: Uint8Array;
}

export interface TransferOptions {
  /** 0 or left out for none. */
  readonly timeout_ms?: number;
  readonly mode?: WaitMode;
  /** URB_ flags. */
  readonly flags?: number;
}

/** The 8 bytes of a request. */
export function setupBytes({ bRequestType, bRequest, wValue, wIndex, data }: ControlRequest): Uint8Array {
  const bytes = new Uint8Array(usb_ctrlrequest.size);
  usb_ctrlrequest.encode(new DataView(bytes.buffer), 0, {
    bRequestType,
    bRequest,
    wValue: wValue ?? 0,
    wIndex: wIndex ?? 0,
    wLength: data?.length ?? 0,
  });
  return bytes;
}

/**
 * usb_start_wait_urb: submits a transfer and waits for its end.
 *
 * @returns the urb, with how many bytes were moved
 * @throws Errno ETIMEDOUT, EINTR when a signal ends the wait, what submitting says, and what the transfer ended with
 */
export function* transfer(description: Omit<UrbDescription, 'complete'>, options: TransferOptions = {}): Kernel<Urb> {
  const done = new WaitQueue('a USB transfer');
  const urb = new Urb({ ...description, flags: options.flags ?? 0, complete: () => done.wake() });
  urb.submit();
  const timeout_ns = (options.timeout_ms ?? 0) === 0 ? Number.POSITIVE_INFINITY : (options.timeout_ms as number) * 1e6;
  let why: 'ETIMEDOUT' | 'EINTR' = 'ETIMEDOUT';
  try {
    yield* wait(done, () => !urb.isQueued, { mode: options.mode ?? 'uninterruptible', timeout_ns });
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    why = 'EINTR';
  } finally {
    if (urb.isQueued) yield* killUrb(urb);
  }
  if (urb.status === -errno.ENOENT) throw new Errno(why, `a transfer of ${urb.device.name} has not ended`);
  if (urb.status < 0) throw errnoOf(urb.status, `a transfer of ${urb.device.name} has failed`);
  return urb;
}

/** usb_kill_urb: takes it back and waits until it has ended. */
export function* killUrb(urb: Urb): Kernel<void> {
  urb.unlink('ENOENT');
  yield* wait(urb.device.hcd.idle, () => !urb.isQueued, { mode: 'uninterruptible', what: 'a urb to end' });
}

/** usb_control_msg. @returns bytes moved in the data stage */
export function* controlMessage(device: UsbDevice, request: ControlRequest, options: TransferOptions = {}): Kernel<number> {
  const buffer = request.data ?? new Uint8Array(0);
  const timeout_ms = options.timeout_ms ?? CONTROL_TIMEOUT_MS;
  return (yield* transfer({ endpoint: device.ep0, setup: setupBytes(request), buffer }, { ...options, timeout_ms })).actualLength;
}

/** usb_bulk_msg, for interrupt endpoints too. @returns bytes moved */
export function* bulkMessage(endpoint: UsbHostEndpoint, buffer: Uint8Array, options: TransferOptions = {}): Kernel<number> {
  return (yield* transfer({ endpoint, buffer }, options)).actualLength;
}

/**
 * usb_get_descriptor.
 *
 * @param length the most that is asked for
 * @returns what came
 * @throws Errno EPIPE the device has none; ENODATA it is another, or empty
 */
export function* getDescriptor(device: UsbDevice, type: number, index: number, length: number, wIndex = 0): Kernel<Uint8Array> {
  const data = new Uint8Array(length);
  const wValue = (type << 8) | index;
  const count = yield* controlMessage(device, { bRequestType: USB_DIR_IN, bRequest: USB_REQ_GET_DESCRIPTOR, wValue, wIndex, data });
  if (count === 0 || data[1] !== type) throw new Errno('ENODATA', `${device.name} sent another descriptor`);
  return data.subarray(0, count);
}

const STRING_MAX = 255;

/** usb_get_langid and usb_string: undefined when there is none. */
export function* getString(device: UsbDevice, index: number): Kernel<string | undefined> {
  if (index === 0 || device.language === -1) return undefined;
  try {
    if (device.language === undefined) {
      const languages = yield* stringDescriptor(device, 0, 0);
      device.language =
        languages === undefined || languages.length < 4 ? 0x0409 : (languages[2] as number) | ((languages[3] as number) << 8);
      if (languages === undefined) device.language = -1;
    }
    if (device.language === -1) return undefined;
    const bytes = yield* stringDescriptor(device, index, device.language);
    return bytes === undefined ? undefined : new TextDecoder('utf-16le').decode(bytes.subarray(2));
  } catch (error) {
    if (error instanceof Errno) return undefined;
    throw error;
  }
}

function* stringDescriptor(device: UsbDevice, index: number, language: number): Kernel<Uint8Array | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = yield* getDescriptor(device, USB_DT_STRING, index, STRING_MAX, language);
  } catch (error) {
    if (error instanceof Errno && error.code === 'EPIPE') return undefined;
    throw error;
  }
  const length = bytes[0] as number;
  return length < 2 ? undefined : bytes.subarray(0, Math.min(bytes.length, length & ~1));
}

/** usb_clear_halt. @param address of the endpoint */
export function* clearHalt(device: UsbDevice, address: number): Kernel<void> {
  yield* controlMessage(device, {
    bRequestType: USB_RECIP_ENDPOINT,
    bRequest: USB_REQ_CLEAR_FEATURE,
    wValue: USB_ENDPOINT_HALT,
    wIndex: address,
  });
}

/**
 * usb_set_interface: chooses an alternate setting.
 *
 * @throws Errno EINVAL there is none; what the device says
 */
export function* setInterface(intf: UsbInterface, alternate: number): Kernel<void> {
  const device = intf.usbDevice;
  const setting = intf.setting(alternate);
  if (setting === undefined) throw new Errno('EINVAL', `interface ${intf.number} has no setting ${alternate}`);
  try {
    yield* controlMessage(device, {
      bRequestType: USB_RECIP_INTERFACE,
      bRequest: USB_REQ_SET_INTERFACE,
      wValue: alternate,
      wIndex: intf.number,
    });
  } catch (error) {
    // A device with one setting need not know the request.
    if (!(error instanceof Errno && error.code === 'EPIPE' && intf.settings.length === 1)) throw error;
  }
  yield* device.disable(intf.current);
  intf.current = setting;
  device.enable(setting);
}
