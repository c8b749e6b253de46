/** misc/xlink_uapi.h, of Intel's kernels for Keem Bay, with what of linux/xlink.h its programs need. Section 16 of docs/reference/keembay-ipc.md. */
import { IOC_WRITE, ioc } from '../ioc.ts';
import { type Decoded, i32, type Layout, pointer, struct, u16, u32 } from '../layout.ts';
import { Request, requests } from '../request.ts';

// enum xlink_dev_type
export const HOST_DEVICE = 0;
export const VPUIP_DEVICE = 1;

// enum xlink_opmode: who waits
export const RXB_TXB = 0;
export const RXN_TXN = 1;
export const RXB_TXN = 2;
export const RXN_TXB = 3;

// enum xlink_error
export const X_LINK_SUCCESS = 0;
export const X_LINK_ALREADY_INIT = 1;
export const X_LINK_ALREADY_OPEN = 2;
export const X_LINK_COMMUNICATION_NOT_OPEN = 3;
export const X_LINK_COMMUNICATION_FAIL = 4;
export const X_LINK_COMMUNICATION_UNKNOWN_ERROR = 5;
export const X_LINK_DEVICE_NOT_FOUND = 6;
export const X_LINK_TIMEOUT = 7;
export const X_LINK_ERROR = 8;
export const X_LINK_CHAN_FULL = 9;

/** What every handle points to. */
export const xlink_handle = struct('xlink_handle', { sw_device_id: u32, dev_type: u32 });

// Of all of these, return_code points to an int, for one of enum xlink_error or a negative errno.
export const xlinkopenchannel = struct('xlinkopenchannel', {
  handle: pointer,
  chan: u16,
  mode: i32,
  data_size: u32,
  /** In milliseconds. */
  timeout: u32,
  return_code: pointer,
});
export const xlinkcallback = struct('xlinkcallback', { handle: pointer, chan: u16, callback: pointer, return_code: pointer });
export const xlinkwritedata = struct('xlinkwritedata', { handle: pointer, chan: u16, pmessage: pointer, size: u32, return_code: pointer });
/** `size` points to an unsigned int. */
export const xlinkreaddata = struct('xlinkreaddata', {
  handle: pointer,
  chan: u16,
  pmessage: pointer,
  size: pointer,
  return_code: pointer,
});
export const xlinkreadtobuffer = struct('xlinkreadtobuffer', {
  handle: pointer,
  chan: u16,
  pmessage: pointer,
  size: pointer,
  return_code: pointer,
});
export const xlinkconnect = struct('xlinkconnect', { handle: pointer, return_code: pointer });
export const xlinkrelease = struct('xlinkrelease', { handle: pointer, chan: u16, addr: pointer, return_code: pointer });
export const xlinkstartvpu = struct('xlinkstartvpu', { filename: pointer, namesize: i32, return_code: pointer });
export const xlinkgetdevicename = struct('xlinkgetdevicename', { handle: pointer, name: pointer, name_size: u32, return_code: pointer });
export const xlinkgetdevicelist = struct('xlinkgetdevicelist', { sw_device_id_list: pointer, num_devices: pointer, return_code: pointer });
export const xlinkgetdevicestatus = struct('xlinkgetdevicestatus', { handle: pointer, device_status: pointer, return_code: pointer });
export const xlinkbootdevice = struct('xlinkbootdevice', {
  handle: pointer,
  binary_name: pointer,
  binary_name_size: u32,
  return_code: pointer,
});
export const xlinkresetdevice = struct('xlinkresetdevice', { handle: pointer, return_code: pointer });
export const xlinkdevmode = struct('xlinkdevmode', { handle: pointer, device_mode: pointer, return_code: pointer });
export const xlinkregdevevent = struct('xlinkregdevevent', { handle: pointer, event_list: pointer, num_events: u32, return_code: pointer });

const POINTER_SIZE = 8;
const number = (nr: number) => ioc(IOC_WRITE, 'x', nr, POINTER_SIZE);
/** A request whose number says that a pointer is written, and whose argument is the address of a struct. */
const request = <T, I>(nr: number, layout: Layout<T, I>) => new Request<I, Decoded<Layout<T, I>>>(number(nr), 'in', layout, undefined);
const bare = (nr: number) => new Request<undefined>(number(nr), 'none', undefined, undefined);

export const {
  XL_OPEN_CHANNEL,
  XL_READ_DATA,
  XL_WRITE_DATA,
  XL_CLOSE_CHANNEL,
  XL_WRITE_VOLATILE,
  XL_READ_TO_BUFFER,
  XL_START_VPU,
  XL_STOP_VPU,
  XL_RESET_VPU,
  XL_CONNECT,
  XL_RELEASE_DATA,
  XL_DISCONNECT,
  XL_WRITE_CONTROL_DATA,
  XL_DATA_READY_CALLBACK,
  XL_DATA_CONSUMED_CALLBACK,
  XL_GET_DEVICE_NAME,
  XL_GET_DEVICE_LIST,
  XL_GET_DEVICE_STATUS,
  XL_BOOT_DEVICE,
  XL_RESET_DEVICE,
  XL_GET_DEVICE_MODE,
  XL_SET_DEVICE_MODE,
  XL_REGISTER_DEV_EVENT,
  XL_UNREGISTER_DEV_EVENT,
} = requests({
  XL_OPEN_CHANNEL: request(1, xlinkopenchannel),
  XL_READ_DATA: request(2, xlinkreaddata),
  XL_WRITE_DATA: request(3, xlinkwritedata),
  XL_CLOSE_CHANNEL: request(4, xlinkopenchannel),
  XL_WRITE_VOLATILE: request(5, xlinkwritedata),
  XL_READ_TO_BUFFER: request(6, xlinkreadtobuffer),
  XL_START_VPU: request(7, xlinkstartvpu),
  XL_STOP_VPU: bare(8),
  XL_RESET_VPU: bare(9),
  XL_CONNECT: request(10, xlinkconnect),
  XL_RELEASE_DATA: request(11, xlinkrelease),
  XL_DISCONNECT: request(12, xlinkconnect),
  XL_WRITE_CONTROL_DATA: request(13, xlinkwritedata),
  XL_DATA_READY_CALLBACK: request(14, xlinkcallback),
  XL_DATA_CONSUMED_CALLBACK: request(15, xlinkcallback),
  XL_GET_DEVICE_NAME: request(16, xlinkgetdevicename),
  XL_GET_DEVICE_LIST: request(17, xlinkgetdevicelist),
  XL_GET_DEVICE_STATUS: request(18, xlinkgetdevicestatus),
  XL_BOOT_DEVICE: request(19, xlinkbootdevice),
  XL_RESET_DEVICE: request(20, xlinkresetdevice),
  XL_GET_DEVICE_MODE: request(21, xlinkdevmode),
  XL_SET_DEVICE_MODE: request(22, xlinkdevmode),
  XL_REGISTER_DEV_EVENT: request(23, xlinkregdevevent),
  XL_UNREGISTER_DEV_EVENT: request(24, xlinkregdevevent),
});
