/** devio.c: transfers that the call waits for. */
import { Errno, errno, isErrno } from '../../../abi/index.ts';
import { PAGE_SIZE, USB_DIR_IN, usb_endpoint_maxp, usbdevfs_bulktransfer, usbdevfs_ctrltransfer } from '../../../abi/uapi/index.ts';
import { copyFromUser, copyStructFromUser, copyToUser, type Kernel, type Task, WaitQueue, wait } from '../../../kernel/index.ts';
import { killUrb, setupBytes } from '../message.ts';
import { errnoOf, Urb, type UrbDescription } from '../urb.ts';
import { checkRecipient } from './recipient.ts';
import type { UsbFile } from './usb-file.ts';

const INT_MAX = 0x7fffffff;
/** sizeof(struct urb). */
const URB_BYTES = 192;

/** usbfs_start_wait_urb: only a fatal signal ends the wait. @throws Errno ETIMEDOUT, EINTR, and what the transfer ended with */
function* startAndWait(description: Omit<UrbDescription, 'complete'>, timeout_ms: number): Kernel<number> {
  const done = new WaitQueue(`a transfer of ${description.endpoint.device.name}`);
  const urb = new Urb({ ...description, complete: () => done.wake() });
  const { device } = urb;
  // Others may talk to the device meanwhile.
  device.lock.unlock();
  let why: 'ETIMEDOUT' | 'EINTR' = 'ETIMEDOUT';
  try {
    urb.submit();
    const timeout_ns = timeout_ms === 0 ? Number.POSITIVE_INFINITY : timeout_ms * 1e6;
    yield* wait(done, () => !urb.isQueued, { mode: 'killable', timeout_ns });
  } catch (error) {
    if (!isErrno(error, 'ERESTARTSYS')) throw error;
    why = 'EINTR';
  } finally {
    if (urb.isQueued) yield* killUrb(urb);
    yield* device.lock.lock();
  }
  if (urb.status === -errno.ENOENT) throw new Errno(why, 'the transfer has not ended');
  if (urb.status < 0) throw errnoOf(urb.status, 'the transfer has failed');
  return urb.actualLength;
}

/** proc_control. @returns bytes moved @throws Errno of the recipient's check; EINVAL wLength is above a page; EFAULT; ENOMEM; the transfer's */
export function* control(file: UsbFile, address: number, task: Task): Kernel<number> {
  const { bRequestType, bRequest, wValue, wIndex, wLength, timeout, data } = yield* copyStructFromUser(
    task.memory,
    usbdevfs_ctrltransfer,
    address,
  );
  yield* checkRecipient(file, bRequestType, bRequest, wIndex);
  if (wLength > PAGE_SIZE) throw new Errno('EINVAL', `${wLength} bytes are more than a page`);
  const charge = PAGE_SIZE + URB_BYTES;
  file.usbfs.take(charge);
  try {
    const isIn = (bRequestType & USB_DIR_IN) !== 0 && wLength > 0;
    const buffer = isIn || wLength === 0 ? new Uint8Array(wLength) : yield* copyFromUser(task.memory, data, wLength);
    const setup = setupBytes({ bRequestType, bRequest, wValue, wIndex, data: buffer });
    const count = yield* startAndWait({ endpoint: file.device.ep0, setup, buffer }, timeout);
    if (isIn && count > 0) yield* copyToUser(task.memory, data, buffer.subarray(0, count));
    return count;
  } finally {
    file.usbfs.give(charge);
  }
}

/** proc_bulk, for interrupt endpoints too. @returns bytes moved @throws Errno EINVAL, ESRCH, ENOENT, claim's; ENOMEM; EFAULT; the transfer's */
export function* bulk(file: UsbFile, address: number, task: Task): Kernel<number> {
  const { ep, len, timeout, data } = yield* copyStructFromUser(task.memory, usbdevfs_bulktransfer, address);
  yield* file.check(file.interfaceOf(ep));
  if (len >= INT_MAX - URB_BYTES) throw new Errno('EINVAL', `${len} bytes are too many`);
  const endpoint = file.device.endpoint(ep);
  if (endpoint === undefined || usb_endpoint_maxp(endpoint.desc) === 0) throw new Errno('EINVAL', 'the endpoint is not in use');
  const charge = len + URB_BYTES;
  file.usbfs.take(charge);
  try {
    const buffer = endpoint.isIn || len === 0 ? new Uint8Array(len) : yield* copyFromUser(task.memory, data, len);
    const count = yield* startAndWait({ endpoint, buffer }, timeout);
    if (endpoint.isIn && count > 0) yield* copyToUser(task.memory, data, buffer.subarray(0, count));
    return count;
  } finally {
    file.usbfs.give(charge);
  }
}
