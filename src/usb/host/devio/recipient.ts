/** devio.c: who a control request is for must be whom the file may talk to. */
import { Errno } from '../../../abi/index.ts';
import {
  USB_DIR_IN,
  USB_RECIP_ENDPOINT,
  USB_RECIP_INTERFACE,
  USB_RECIP_MASK,
  USB_STATE_ADDRESS,
  USB_TYPE_MASK,
  USB_TYPE_VENDOR,
} from '../../../abi/uapi/index.ts';
import type { Kernel } from '../../../kernel/index.ts';
import type { UsbFile } from './usb-file.ts';

const USB_CLASS_PRINTER = 7;

/** check_ctrlrecip. @throws Errno EHOSTUNREACH the device has no address; what finding and claiming the interface says */
export function* checkRecipient(file: UsbFile, bRequestType: number, bRequest: number, wIndex: number): Kernel<void> {
  const { device } = file;
  if (device.state < USB_STATE_ADDRESS) throw new Errno('EHOSTUNREACH', `${device.name} has no address`);
  if ((bRequestType & USB_TYPE_MASK) === USB_TYPE_VENDOR) return;
  // GET_DEVICE_ID of printers is let through: wIndex is interface and setting, the wrong way round.
  if (bRequestType === 0xa1 && bRequest === 0) {
    const setting = device.interface(wIndex >> 8)?.setting(wIndex & 0xff);
    if (setting?.desc.bInterfaceClass === USB_CLASS_PRINTER) return;
  }
  const index = wIndex & 0xff;
  switch (bRequestType & USB_RECIP_MASK) {
    case USB_RECIP_ENDPOINT:
      if ((index & ~USB_DIR_IN) !== 0) yield* file.check(ownerOf(file, index));
      return;
    case USB_RECIP_INTERFACE:
      yield* file.check(index);
  }
}

/** Programs get the direction wrong, and other systems let that through. */
function ownerOf(file: UsbFile, address: number): number {
  try {
    return file.interfaceOf(address);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    return file.interfaceOf(address ^ USB_DIR_IN);
  }
}
