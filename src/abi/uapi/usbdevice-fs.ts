/** linux/usbdevice_fs.h: /dev/bus/usb. */
import { flagFormatter } from '../flags.ts';
import { array, chars, type Decoded, flags, i32, pointer, struct, tail, u8, u16, u32 } from '../layout.ts';
import { IO, IOR, IOW, IOWR, requests, takesValue } from '../request.ts';

export const USBDEVFS_DISCONNECT_CLAIM_IF_DRIVER = 0x01;
export const USBDEVFS_DISCONNECT_CLAIM_EXCEPT_DRIVER = 0x02;

export const USBDEVFS_URB_SHORT_NOT_OK = 0x01;
export const USBDEVFS_URB_ISO_ASAP = 0x02;
export const USBDEVFS_URB_BULK_CONTINUATION = 0x04;
export const USBDEVFS_URB_NO_FSBR = 0x20;
export const USBDEVFS_URB_ZERO_PACKET = 0x40;
export const USBDEVFS_URB_NO_INTERRUPT = 0x80;

export const USBDEVFS_URB_TYPE_ISO = 0;
export const USBDEVFS_URB_TYPE_INTERRUPT = 1;
export const USBDEVFS_URB_TYPE_CONTROL = 2;
export const USBDEVFS_URB_TYPE_BULK = 3;

export const USBDEVFS_CAP_ZERO_PACKET = 0x01;
export const USBDEVFS_CAP_BULK_CONTINUATION = 0x02;
export const USBDEVFS_CAP_NO_PACKET_SIZE_LIM = 0x04;
export const USBDEVFS_CAP_BULK_SCATTER_GATHER = 0x08;
export const USBDEVFS_CAP_REAP_AFTER_DISCONNECT = 0x10;
export const USBDEVFS_CAP_MMAP = 0x20;
export const USBDEVFS_CAP_DROP_PRIVILEGES = 0x40;
export const USBDEVFS_CAP_CONNINFO_EX = 0x80;
export const USBDEVFS_CAP_SUSPEND = 0x100;

const formatUrbFlags = flagFormatter({
  bits: {
    USBDEVFS_URB_SHORT_NOT_OK,
    USBDEVFS_URB_ISO_ASAP,
    USBDEVFS_URB_BULK_CONTINUATION,
    USBDEVFS_URB_NO_FSBR,
    USBDEVFS_URB_ZERO_PACKET,
    USBDEVFS_URB_NO_INTERRUPT,
  },
});

/** Of the CPU's endianness; `timeout` in milliseconds. */
export const usbdevfs_ctrltransfer = struct('usbdevfs_ctrltransfer', {
  bRequestType: u8,
  bRequest: u8,
  wValue: u16,
  wIndex: u16,
  wLength: u16,
  timeout: u32,
  data: pointer,
});
export const usbdevfs_bulktransfer = struct('usbdevfs_bulktransfer', { ep: u32, len: u32, timeout: u32, data: pointer });
export const usbdevfs_setinterface = struct('usbdevfs_setinterface', { interface: u32, altsetting: u32 });
export const usbdevfs_disconnectsignal = struct('usbdevfs_disconnectsignal', { signr: u32, context: pointer });
export const usbdevfs_getdriver = struct('usbdevfs_getdriver', { interface: u32, driver: chars(256) });
export const usbdevfs_connectinfo = struct('usbdevfs_connectinfo', { devnum: u32, slow: u8 });
export const usbdevfs_conninfo_ex = struct('usbdevfs_conninfo_ex', {
  size: u32,
  busnum: u32,
  devnum: u32,
  speed: u32,
  num_ports: u8,
  ports: array(u8, 7),
});
export const usbdevfs_iso_packet_desc = struct('usbdevfs_iso_packet_desc', { length: u32, actual_length: u32, status: u32 });
/** `number_of_packets` is `stream_id` for bulk transfers. */
export const usbdevfs_urb = struct('usbdevfs_urb', {
  type: u8,
  endpoint: u8,
  status: i32,
  flags: flags(u32, formatUrbFlags),
  buffer: pointer,
  buffer_length: i32,
  actual_length: i32,
  start_frame: i32,
  number_of_packets: i32,
  error_count: i32,
  signr: u32,
  usercontext: pointer,
  iso_frame_desc: tail(usbdevfs_iso_packet_desc),
});
export const usbdevfs_ioctl = struct('usbdevfs_ioctl', { ifno: i32, ioctl_code: i32, data: pointer });
export const usbdevfs_hub_portinfo = struct('usbdevfs_hub_portinfo', { nports: u8, port: array(u8, 127) });
export const usbdevfs_disconnect_claim = struct('usbdevfs_disconnect_claim', { interface: u32, flags: u32, driver: chars(256) });
export const usbdevfs_streams = struct('usbdevfs_streams', { num_streams: u32, num_eps: u32, eps: tail(u8) });

export type UsbdevfsUrb = Decoded<typeof usbdevfs_urb>;

export const {
  USBDEVFS_CONTROL,
  USBDEVFS_BULK,
  USBDEVFS_RESETEP,
  USBDEVFS_SETINTERFACE,
  USBDEVFS_SETCONFIGURATION,
  USBDEVFS_GETDRIVER,
  USBDEVFS_SUBMITURB,
  USBDEVFS_DISCARDURB,
  USBDEVFS_REAPURB,
  USBDEVFS_REAPURBNDELAY,
  USBDEVFS_DISCSIGNAL,
  USBDEVFS_CLAIMINTERFACE,
  USBDEVFS_RELEASEINTERFACE,
  USBDEVFS_CONNECTINFO,
  USBDEVFS_IOCTL,
  USBDEVFS_HUB_PORTINFO,
  USBDEVFS_RESET,
  USBDEVFS_CLEAR_HALT,
  USBDEVFS_DISCONNECT,
  USBDEVFS_CONNECT,
  USBDEVFS_CLAIM_PORT,
  USBDEVFS_RELEASE_PORT,
  USBDEVFS_GET_CAPABILITIES,
  USBDEVFS_DISCONNECT_CLAIM,
  USBDEVFS_ALLOC_STREAMS,
  USBDEVFS_FREE_STREAMS,
  USBDEVFS_DROP_PRIVILEGES,
  USBDEVFS_GET_SPEED,
  USBDEVFS_FORBID_SUSPEND,
  USBDEVFS_ALLOW_SUSPEND,
  USBDEVFS_WAIT_FOR_RESUME,
} = requests({
  USBDEVFS_CONTROL: IOWR('U', 0, usbdevfs_ctrltransfer),
  USBDEVFS_BULK: IOWR('U', 2, usbdevfs_bulktransfer),
  USBDEVFS_RESETEP: IOR('U', 3, u32),
  USBDEVFS_SETINTERFACE: IOR('U', 4, usbdevfs_setinterface),
  USBDEVFS_SETCONFIGURATION: IOR('U', 5, u32),
  USBDEVFS_GETDRIVER: IOW('U', 8, usbdevfs_getdriver),
  USBDEVFS_SUBMITURB: IOR('U', 10, usbdevfs_urb),
  USBDEVFS_DISCARDURB: takesValue(IO('U', 11)),
  USBDEVFS_REAPURB: IOW('U', 12, pointer),
  USBDEVFS_REAPURBNDELAY: IOW('U', 13, pointer),
  USBDEVFS_DISCSIGNAL: IOR('U', 14, usbdevfs_disconnectsignal),
  USBDEVFS_CLAIMINTERFACE: IOR('U', 15, u32),
  USBDEVFS_RELEASEINTERFACE: IOR('U', 16, u32),
  USBDEVFS_CONNECTINFO: IOW('U', 17, usbdevfs_connectinfo),
  USBDEVFS_IOCTL: IOWR('U', 18, usbdevfs_ioctl),
  USBDEVFS_HUB_PORTINFO: IOR('U', 19, usbdevfs_hub_portinfo),
  USBDEVFS_RESET: IO('U', 20),
  USBDEVFS_CLEAR_HALT: IOR('U', 21, u32),
  USBDEVFS_DISCONNECT: IO('U', 22),
  USBDEVFS_CONNECT: IO('U', 23),
  USBDEVFS_CLAIM_PORT: IOR('U', 24, u32),
  USBDEVFS_RELEASE_PORT: IOR('U', 25, u32),
  USBDEVFS_GET_CAPABILITIES: IOR('U', 26, u32),
  USBDEVFS_DISCONNECT_CLAIM: IOR('U', 27, usbdevfs_disconnect_claim),
  USBDEVFS_ALLOC_STREAMS: IOR('U', 28, usbdevfs_streams),
  USBDEVFS_FREE_STREAMS: IOR('U', 29, usbdevfs_streams),
  USBDEVFS_DROP_PRIVILEGES: IOW('U', 30, u32),
  USBDEVFS_GET_SPEED: IO('U', 31),
  USBDEVFS_FORBID_SUSPEND: IO('U', 33),
  USBDEVFS_ALLOW_SUSPEND: IO('U', 34),
  USBDEVFS_WAIT_FOR_RESUME: IO('U', 35),
});
