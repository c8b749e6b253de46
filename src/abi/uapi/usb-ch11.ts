/** linux/usb/ch11.h: hubs. */

export const USB_PORT_FEAT_CONNECTION = 0;
export const USB_PORT_FEAT_ENABLE = 1;
export const USB_PORT_FEAT_SUSPEND = 2;
export const USB_PORT_FEAT_OVER_CURRENT = 3;
export const USB_PORT_FEAT_RESET = 4;
export const USB_PORT_FEAT_LINK_STATE = 5;
export const USB_PORT_FEAT_POWER = 8;
export const USB_PORT_FEAT_C_CONNECTION = 16;
export const USB_PORT_FEAT_C_ENABLE = 17;
export const USB_PORT_FEAT_C_SUSPEND = 18;
export const USB_PORT_FEAT_C_OVER_CURRENT = 19;
export const USB_PORT_FEAT_C_RESET = 20;

/** wPortStatus; what has changed is the same bits 16 higher. */
export const USB_PORT_STAT_CONNECTION = 0x0001;
export const USB_PORT_STAT_ENABLE = 0x0002;
export const USB_PORT_STAT_SUSPEND = 0x0004;
export const USB_PORT_STAT_OVERCURRENT = 0x0008;
export const USB_PORT_STAT_RESET = 0x0010;
export const USB_PORT_STAT_POWER = 0x0100;
export const USB_PORT_STAT_LOW_SPEED = 0x0200;
export const USB_PORT_STAT_HIGH_SPEED = 0x0400;
/** Of super speed ports, where it is in another place. */
export const USB_SS_PORT_STAT_POWER = 0x0200;

export const USB_PORT_STAT_C_CONNECTION = 0x0001;
export const USB_PORT_STAT_C_ENABLE = 0x0002;
export const USB_PORT_STAT_C_SUSPEND = 0x0004;
export const USB_PORT_STAT_C_OVERCURRENT = 0x0008;
export const USB_PORT_STAT_C_RESET = 0x0010;

export const USB_DT_HUB = 0x29;
export const USB_DT_SS_HUB = 0x2a;
