/** linux/usb/functionfs.h. Strings and descriptors are little endian whatever the machine is. */
import { flagFormatter } from '../flags.ts';
import { array, flags, i32, struct, u8, u16, u32, u64 } from '../layout.ts';
import { IO, IOR, IOW, requests, takesValue } from '../request.ts';
import { usb_endpoint_descriptor } from './usb-ch9.ts';

export const FUNCTIONFS_DESCRIPTORS_MAGIC = 1;
export const FUNCTIONFS_STRINGS_MAGIC = 2;
export const FUNCTIONFS_DESCRIPTORS_MAGIC_V2 = 3;

/** enum functionfs_flags. */
export const FUNCTIONFS_HAS_FS_DESC = 1;
export const FUNCTIONFS_HAS_HS_DESC = 2;
export const FUNCTIONFS_HAS_SS_DESC = 4;
export const FUNCTIONFS_HAS_MS_OS_DESC = 8;
export const FUNCTIONFS_VIRTUAL_ADDR = 16;
export const FUNCTIONFS_EVENTFD = 32;
export const FUNCTIONFS_ALL_CTRL_RECIP = 64;
export const FUNCTIONFS_CONFIG0_SETUP = 128;

/** enum usb_functionfs_event_type. */
export const FUNCTIONFS_BIND = 0;
export const FUNCTIONFS_UNBIND = 1;
export const FUNCTIONFS_ENABLE = 2;
export const FUNCTIONFS_DISABLE = 3;
export const FUNCTIONFS_SETUP = 4;
export const FUNCTIONFS_SUSPEND = 5;
export const FUNCTIONFS_RESUME = 6;

/** No flag is defined yet. */
export const USB_FFS_DMABUF_TRANSFER_MASK = 0x0;

/** What a read of ep0 gives; the setup packet means something for FUNCTIONFS_SETUP only. */
export const usb_functionfs_event = struct(
  'usb_functionfs_event',
  { bRequestType: u8, bRequest: u8, wValue: u16, wIndex: u16, wLength: u16, type: u8, _pad: array(u8, 3) },
  { packed: true },
);

/** `length` in bytes, from the buffer's beginning. */
export const usb_ffs_dmabuf_transfer_req = struct(
  'usb_ffs_dmabuf_transfer_req',
  { fd: i32, flags: flags(u32, flagFormatter({ bits: {} })), length: u64 },
  { packed: true },
);

export const {
  FUNCTIONFS_FIFO_STATUS,
  FUNCTIONFS_FIFO_FLUSH,
  FUNCTIONFS_CLEAR_HALT,
  FUNCTIONFS_INTERFACE_REVMAP,
  FUNCTIONFS_ENDPOINT_REVMAP,
  FUNCTIONFS_ENDPOINT_DESC,
  FUNCTIONFS_DMABUF_ATTACH,
  FUNCTIONFS_DMABUF_DETACH,
  FUNCTIONFS_DMABUF_TRANSFER,
} = requests({
  FUNCTIONFS_FIFO_STATUS: IO('g', 1),
  FUNCTIONFS_FIFO_FLUSH: IO('g', 2),
  FUNCTIONFS_CLEAR_HALT: IO('g', 3),
  FUNCTIONFS_INTERFACE_REVMAP: takesValue(IO('g', 128)),
  FUNCTIONFS_ENDPOINT_REVMAP: IO('g', 129),
  FUNCTIONFS_ENDPOINT_DESC: IOR('g', 130, usb_endpoint_descriptor),
  FUNCTIONFS_DMABUF_ATTACH: IOW('g', 131, i32),
  FUNCTIONFS_DMABUF_DETACH: IOW('g', 132, i32),
  FUNCTIONFS_DMABUF_TRANSFER: IOW('g', 133, usb_ffs_dmabuf_transfer_req),
});
