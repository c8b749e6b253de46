/** linux/usb/ch9.h: what USB devices and hosts say to each other. On the wire as here: packed, little endian. */
import { type Decoded, struct, u8, u16, u32 } from '../layout.ts';

/** bRequestType and the direction bit of an endpoint's address. */
export const USB_DIR_OUT = 0;
export const USB_DIR_IN = 0x80;
export const USB_TYPE_MASK = 0x60;
export const USB_TYPE_STANDARD = 0x00;
export const USB_TYPE_CLASS = 0x20;
export const USB_TYPE_VENDOR = 0x40;
export const USB_RECIP_MASK = 0x1f;
export const USB_RECIP_DEVICE = 0x00;
export const USB_RECIP_INTERFACE = 0x01;
export const USB_RECIP_ENDPOINT = 0x02;
export const USB_RECIP_OTHER = 0x03;

export const USB_REQ_GET_STATUS = 0x00;
export const USB_REQ_CLEAR_FEATURE = 0x01;
export const USB_REQ_SET_FEATURE = 0x03;
export const USB_REQ_SET_ADDRESS = 0x05;
export const USB_REQ_GET_DESCRIPTOR = 0x06;
export const USB_REQ_SET_DESCRIPTOR = 0x07;
export const USB_REQ_GET_CONFIGURATION = 0x08;
export const USB_REQ_SET_CONFIGURATION = 0x09;
export const USB_REQ_GET_INTERFACE = 0x0a;
export const USB_REQ_SET_INTERFACE = 0x0b;
export const USB_REQ_SYNCH_FRAME = 0x0c;
export const USB_REQ_SET_SEL = 0x30;
export const USB_REQ_SET_ISOCH_DELAY = 0x31;

/** Features of a device. */
export const USB_DEVICE_SELF_POWERED = 0;
export const USB_DEVICE_REMOTE_WAKEUP = 1;
export const USB_DEVICE_TEST_MODE = 2;
export const USB_DEVICE_B_HNP_ENABLE = 3;
export const USB_DEVICE_A_HNP_SUPPORT = 4;
export const USB_DEVICE_A_ALT_HNP_SUPPORT = 5;
export const USB_DEVICE_U1_ENABLE = 48;
export const USB_DEVICE_U2_ENABLE = 49;
export const USB_DEVICE_LTM_ENABLE = 50;
/** Of an interface, and of an endpoint. */
export const USB_INTRF_FUNC_SUSPEND = 0;
export const USB_INTRF_FUNC_SUSPEND_LP = 1 << 8;
export const USB_INTRF_FUNC_SUSPEND_RW = 1 << 9;
export const USB_ENDPOINT_HALT = 0;

export const USB_DT_DEVICE = 0x01;
export const USB_DT_CONFIG = 0x02;
export const USB_DT_STRING = 0x03;
export const USB_DT_INTERFACE = 0x04;
export const USB_DT_ENDPOINT = 0x05;
export const USB_DT_DEVICE_QUALIFIER = 0x06;
export const USB_DT_OTHER_SPEED_CONFIG = 0x07;
export const USB_DT_INTERFACE_POWER = 0x08;
export const USB_DT_OTG = 0x09;
export const USB_DT_DEBUG = 0x0a;
export const USB_DT_INTERFACE_ASSOCIATION = 0x0b;
export const USB_DT_BOS = 0x0f;
export const USB_DT_DEVICE_CAPABILITY = 0x10;
export const USB_DT_SS_ENDPOINT_COMP = 0x30;

export const USB_DT_DEVICE_SIZE = 18;
export const USB_DT_CONFIG_SIZE = 9;
export const USB_DT_INTERFACE_SIZE = 9;
export const USB_DT_ENDPOINT_SIZE = 7;
export const USB_DT_ENDPOINT_AUDIO_SIZE = 9;
export const USB_DT_BOS_SIZE = 5;
export const USB_DT_USB_EXT_CAP_SIZE = 7;
export const USB_DT_USB_SS_CAP_SIZE = 10;
export const USB_DT_SS_EP_COMP_SIZE = 6;

export const USB_CAP_TYPE_EXT = 2;
export const USB_SS_CAP_TYPE = 3;

export const USB_CLASS_PER_INTERFACE = 0;
export const USB_CLASS_HID = 3;
export const USB_CLASS_HUB = 9;
export const USB_CLASS_CSCID = 0x0b;
export const USB_CLASS_APP_SPEC = 0xfe;
export const USB_CLASS_VENDOR_SPEC = 0xff;

export const USB_CONFIG_ATT_ONE = 1 << 7;
export const USB_CONFIG_ATT_SELFPOWER = 1 << 6;
export const USB_CONFIG_ATT_WAKEUP = 1 << 5;

export const USB_ENDPOINT_NUMBER_MASK = 0x0f;
export const USB_ENDPOINT_DIR_MASK = 0x80;
export const USB_ENDPOINT_XFERTYPE_MASK = 0x03;
export const USB_ENDPOINT_XFER_CONTROL = 0;
export const USB_ENDPOINT_XFER_ISOC = 1;
export const USB_ENDPOINT_XFER_BULK = 2;
export const USB_ENDPOINT_XFER_INT = 3;
export const USB_ENDPOINT_MAXP_MASK = 0x07ff;

/** enum usb_device_speed. */
export const USB_SPEED_UNKNOWN = 0;
export const USB_SPEED_LOW = 1;
export const USB_SPEED_FULL = 2;
export const USB_SPEED_HIGH = 3;
export const USB_SPEED_WIRELESS = 4;
export const USB_SPEED_SUPER = 5;
export const USB_SPEED_SUPER_PLUS = 6;

/** enum usb_device_state. */
export const USB_STATE_NOTATTACHED = 0;
export const USB_STATE_ATTACHED = 1;
export const USB_STATE_POWERED = 2;
export const USB_STATE_RECONNECTING = 3;
export const USB_STATE_UNAUTHENTICATED = 4;
export const USB_STATE_DEFAULT = 5;
export const USB_STATE_ADDRESS = 6;
export const USB_STATE_CONFIGURED = 7;
export const USB_STATE_SUSPENDED = 8;

const packed = { packed: true };

export const usb_ctrlrequest = struct(
  'usb_ctrlrequest',
  { bRequestType: u8, bRequest: u8, wValue: u16, wIndex: u16, wLength: u16 },
  packed,
);

export const usb_descriptor_header = struct('usb_descriptor_header', { bLength: u8, bDescriptorType: u8 }, packed);

export const usb_device_descriptor = struct(
  'usb_device_descriptor',
  {
    bLength: u8,
    bDescriptorType: u8,
    bcdUSB: u16,
    bDeviceClass: u8,
    bDeviceSubClass: u8,
    bDeviceProtocol: u8,
    bMaxPacketSize0: u8,
    idVendor: u16,
    idProduct: u16,
    bcdDevice: u16,
    iManufacturer: u8,
    iProduct: u8,
    iSerialNumber: u8,
    bNumConfigurations: u8,
  },
  packed,
);

export const usb_config_descriptor = struct(
  'usb_config_descriptor',
  {
    bLength: u8,
    bDescriptorType: u8,
    wTotalLength: u16,
    bNumInterfaces: u8,
    bConfigurationValue: u8,
    iConfiguration: u8,
    bmAttributes: u8,
    bMaxPower: u8,
  },
  packed,
);

export const usb_interface_descriptor = struct(
  'usb_interface_descriptor',
  {
    bLength: u8,
    bDescriptorType: u8,
    bInterfaceNumber: u8,
    bAlternateSetting: u8,
    bNumEndpoints: u8,
    bInterfaceClass: u8,
    bInterfaceSubClass: u8,
    bInterfaceProtocol: u8,
    iInterface: u8,
  },
  packed,
);

/** The last two are there only if bLength is {@link USB_DT_ENDPOINT_AUDIO_SIZE}. */
export const usb_endpoint_descriptor = struct(
  'usb_endpoint_descriptor',
  {
    bLength: u8,
    bDescriptorType: u8,
    bEndpointAddress: u8,
    bmAttributes: u8,
    wMaxPacketSize: u16,
    bInterval: u8,
    bRefresh: u8,
    bSynchAddress: u8,
  },
  packed,
);

export const usb_ss_ep_comp_descriptor = struct(
  'usb_ss_ep_comp_descriptor',
  { bLength: u8, bDescriptorType: u8, bMaxBurst: u8, bmAttributes: u8, wBytesPerInterval: u16 },
  packed,
);

export const usb_qualifier_descriptor = struct(
  'usb_qualifier_descriptor',
  {
    bLength: u8,
    bDescriptorType: u8,
    bcdUSB: u16,
    bDeviceClass: u8,
    bDeviceSubClass: u8,
    bDeviceProtocol: u8,
    bMaxPacketSize0: u8,
    bNumConfigurations: u8,
    bRESERVED: u8,
  },
  packed,
);

export const usb_otg_descriptor = struct('usb_otg_descriptor', { bLength: u8, bDescriptorType: u8, bmAttributes: u8 }, packed);

export const usb_interface_assoc_descriptor = struct(
  'usb_interface_assoc_descriptor',
  {
    bLength: u8,
    bDescriptorType: u8,
    bFirstInterface: u8,
    bInterfaceCount: u8,
    bFunctionClass: u8,
    bFunctionSubClass: u8,
    bFunctionProtocol: u8,
    iFunction: u8,
  },
  packed,
);

export const usb_bos_descriptor = struct(
  'usb_bos_descriptor',
  { bLength: u8, bDescriptorType: u8, wTotalLength: u16, bNumDeviceCaps: u8 },
  packed,
);

export const usb_ext_cap_descriptor = struct(
  'usb_ext_cap_descriptor',
  { bLength: u8, bDescriptorType: u8, bDevCapabilityType: u8, bmAttributes: u32 },
  packed,
);

export const usb_ss_cap_descriptor = struct(
  'usb_ss_cap_descriptor',
  {
    bLength: u8,
    bDescriptorType: u8,
    bDevCapabilityType: u8,
    bmAttributes: u8,
    wSpeedSupported: u16,
    bFunctionalitySupport: u8,
    bU1devExitLat: u8,
    bU2DevExitLat: u16,
  },
  packed,
);

export type UsbCtrlRequest = Decoded<typeof usb_ctrlrequest>;
export type UsbDeviceDescriptor = Decoded<typeof usb_device_descriptor>;
export type UsbConfigDescriptor = Decoded<typeof usb_config_descriptor>;
export type UsbInterfaceDescriptor = Decoded<typeof usb_interface_descriptor>;
export type UsbEndpointDescriptor = Decoded<typeof usb_endpoint_descriptor>;
export type UsbSsEpCompDescriptor = Decoded<typeof usb_ss_ep_comp_descriptor>;

/** usb_endpoint_type: USB_ENDPOINT_XFER_. */
export const usb_endpoint_type = ({ bmAttributes }: UsbEndpointDescriptor): number => bmAttributes & USB_ENDPOINT_XFERTYPE_MASK;
export const usb_endpoint_dir_in = ({ bEndpointAddress }: UsbEndpointDescriptor): boolean => (bEndpointAddress & USB_DIR_IN) !== 0;
export const usb_endpoint_num = ({ bEndpointAddress }: UsbEndpointDescriptor): number => bEndpointAddress & USB_ENDPOINT_NUMBER_MASK;
/** Bytes of a packet. */
export const usb_endpoint_maxp = ({ wMaxPacketSize }: UsbEndpointDescriptor): number => wMaxPacketSize & USB_ENDPOINT_MAXP_MASK;
/** Transactions in an interval: 1 to 3. */
export const usb_endpoint_maxp_mult = ({ wMaxPacketSize }: UsbEndpointDescriptor): number => ((wMaxPacketSize >> 11) & 3) + 1;

const SPEED_NAMES = ['UNKNOWN', 'low-speed', 'full-speed', 'high-speed', 'wireless', 'super-speed', 'super-speed-plus'];

/** usb_speed_string. @param speed USB_SPEED_ */
export const usb_speed_string = (speed: number): string => SPEED_NAMES[speed] ?? 'UNKNOWN';

const STATE_NAMES = [
  'not attached',
  'attached',
  'powered',
  'reconnecting',
  'unauthenticated',
  'default',
  'addressed',
  'configured',
  'suspended',
];

/** usb_state_string. @param state USB_STATE_ */
export const usb_state_string = (state: number): string => STATE_NAMES[state] ?? 'UNKNOWN';
