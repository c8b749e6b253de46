/** drivers/usb/gadget/composite.c: descriptors that the composite layer makes of the parts of a device. */

import type { Layout } from '../../abi/index.ts';
import { Errno } from '../../abi/index.ts';
import {
  USB_CAP_TYPE_EXT,
  USB_CONFIG_ATT_ONE,
  USB_CONFIG_ATT_SELFPOWER,
  USB_DT_BOS,
  USB_DT_BOS_SIZE,
  USB_DT_CONFIG_SIZE,
  USB_DT_DEVICE_CAPABILITY,
  USB_DT_DEVICE_QUALIFIER,
  USB_DT_OTHER_SPEED_CONFIG,
  USB_DT_USB_EXT_CAP_SIZE,
  USB_DT_USB_SS_CAP_SIZE,
  USB_SPEED_FULL,
  USB_SPEED_HIGH,
  USB_SPEED_SUPER,
  USB_SS_CAP_TYPE,
  usb_bos_descriptor,
  usb_config_descriptor,
  usb_device_descriptor,
  usb_ext_cap_descriptor,
  usb_qualifier_descriptor,
  usb_ss_cap_descriptor,
} from '../../abi/uapi/index.ts';
import { type UsbCompositeDev, VBUS_DRAW } from './composite.ts';
import { functionDescriptors, type UsbConfiguration } from './usb-configuration.ts';

/** Of the USB 2.0 extension: USB_LPM_SUPPORT and USB_BESL_SUPPORT. */
const LPM_ATTRIBUTES = 0x06;
/** USB_DEFAULT_U1_DEV_EXIT_LAT and U2, in microseconds. */
const U1_EXIT_LATENCY = 0x01;
const U2_EXIT_LATENCY = 0x01f4;
/** Low to 5 Gb/s. */
const ALL_SPEEDS = 0x0f;
/** Bits of bmAttributes in the extension for all; the speed at which everything works, low. */
const FUNCTIONALITY_SPEED = 0x01;
/** USB_PLAT_DEV_CAP_TYPE, and WebUSB's identifier. */
const PLATFORM_CAPABILITY = 5;
const WEBUSB_UUID = [0x38, 0xb6, 0x08, 0x34, 0xa9, 0x09, 0xa0, 0x47, 0x8b, 0xfd, 0xa0, 0x76, 0x88, 0x15, 0xb6, 0x65];

function encoded<T>(layout: Layout<any, T>, value: T): Uint8Array {
  const bytes = new Uint8Array(layout.size);
  layout.encode(new DataView(bytes.buffer), 0, value);
  return bytes;
}

/** The speed that descriptors are for: that of the connection, or with `isOther` the one it could have as well. */
function speedOf({ gadget }: UsbCompositeDev, isOther: boolean): number {
  if (gadget.speed >= USB_SPEED_SUPER) return gadget.speed;
  return gadget.isDualspeed && (gadget.speed === USB_SPEED_HIGH) !== isOther ? USB_SPEED_HIGH : USB_SPEED_FULL;
}

/** count_configs. */
const countConfigs = (cdev: UsbCompositeDev, isOther: boolean): number =>
  cdev.configs.filter((config) => config.isAtSpeed(speedOf(cdev, isOther))).length;

/** The device descriptor, filled in. */
export function deviceDescriptor(cdev: UsbCompositeDev): Uint8Array {
  const { gadget, desc } = cdev;
  desc.bNumConfigurations = countConfigs(cdev, false);
  desc.bMaxPacketSize0 = gadget.ep0.maxpacket;
  if (gadget.isSuperspeed) {
    const isAtSuper = gadget.speed >= USB_SPEED_SUPER;
    desc.bcdUSB = isAtSuper ? 0x0320 : 0x0210;
    if (isAtSuper) desc.bMaxPacketSize0 = 9;
  } else {
    desc.bcdUSB = gadget.lpmCapable || cdev.webUsb !== undefined ? 0x0201 : 0x0200;
  }
  return encoded(usb_device_descriptor, desc);
}

/** device_qual. */
export function qualifierDescriptor(cdev: UsbCompositeDev): Uint8Array {
  const { bcdUSB, bDeviceClass, bDeviceSubClass, bDeviceProtocol } = cdev.desc;
  return encoded(usb_qualifier_descriptor, {
    bLength: usb_qualifier_descriptor.size,
    bDescriptorType: USB_DT_DEVICE_QUALIFIER,
    bcdUSB,
    bDeviceClass,
    bDeviceSubClass,
    bDeviceProtocol,
    // The same FIFO at both speeds.
    bMaxPacketSize0: cdev.gadget.ep0.maxpacket,
    bNumConfigurations: countConfigs(cdev, true),
    bRESERVED: 0,
  });
}

/** encode_bMaxPower. */
function encodedPower(speed: number, { maxPower, bmAttributes }: UsbConfiguration): number {
  const power = maxPower !== 0 || (bmAttributes & USB_CONFIG_ATT_SELFPOWER) !== 0 ? maxPower : VBUS_DRAW;
  return speed < USB_SPEED_SUPER ? Math.floor(Math.min(power, 500) / 2) : Math.floor(Math.min(power, 900) / 8);
}

/** config_desc and config_buf: a configuration with all of its functions, by its place. @throws Errno EINVAL beyond the last */
export function configDescriptor(cdev: UsbCompositeDev, type: number, index: number): Uint8Array {
  const speed = speedOf(cdev, type === USB_DT_OTHER_SPEED_CONFIG);
  const { osDescConfig } = cdev;
  const ordered = osDescConfig === undefined ? cdev.configs : [osDescConfig, ...cdev.configs.filter((config) => config !== osDescConfig)];
  const config = ordered.filter((one) => one.isAtSpeed(speed))[index];
  if (config === undefined) throw new Errno('EINVAL', `there is no configuration at place ${index}`);
  const parts = config.functions.flatMap((one) => functionDescriptors(one, speed) ?? []);
  const wTotalLength = USB_DT_CONFIG_SIZE + parts.reduce((sum, part) => sum + part.length, 0);
  const head = encoded(usb_config_descriptor, {
    bLength: USB_DT_CONFIG_SIZE,
    bDescriptorType: type,
    wTotalLength,
    bNumInterfaces: config.nextInterfaceId,
    bConfigurationValue: config.bConfigurationValue,
    iConfiguration: config.iConfiguration,
    bmAttributes: USB_CONFIG_ATT_ONE | config.bmAttributes,
    bMaxPower: encodedPower(speed, config),
  });
  return Buffer.concat([head, ...parts]);
}

/** bos_desc: what the device can do beyond USB 2.0. */
export function bosDescriptor(cdev: UsbCompositeDev): Uint8Array {
  const { gadget, webUsb } = cdev;
  const capabilities: Uint8Array[] = [];
  const bDescriptorType = USB_DT_DEVICE_CAPABILITY;
  if (gadget.lpmCapable) {
    const bLength = USB_DT_USB_EXT_CAP_SIZE;
    const extension = { bLength, bDescriptorType, bDevCapabilityType: USB_CAP_TYPE_EXT, bmAttributes: LPM_ATTRIBUTES };
    capabilities.push(encoded(usb_ext_cap_descriptor, extension));
  }
  if (gadget.isSuperspeed) {
    capabilities.push(
      encoded(usb_ss_cap_descriptor, {
        bLength: USB_DT_USB_SS_CAP_SIZE,
        bDescriptorType,
        bDevCapabilityType: USB_SS_CAP_TYPE,
        bmAttributes: 0,
        wSpeedSupported: ALL_SPEEDS,
        bFunctionalitySupport: FUNCTIONALITY_SPEED,
        bU1devExitLat: U1_EXIT_LATENCY,
        bU2DevExitLat: U2_EXIT_LATENCY,
      }),
    );
  }
  if (webUsb !== undefined) {
    const { version, vendorCode, landingPage } = webUsb;
    const data = [version & 0xff, version >> 8, vendorCode, landingPage === '' ? 0 : 1];
    capabilities.push(Uint8Array.of(24, bDescriptorType, PLATFORM_CAPABILITY, 0, ...WEBUSB_UUID, ...data));
  }
  const wTotalLength = USB_DT_BOS_SIZE + capabilities.reduce((sum, one) => sum + one.length, 0);
  const head = { bLength: USB_DT_BOS_SIZE, bDescriptorType: USB_DT_BOS, wTotalLength, bNumDeviceCaps: capabilities.length };
  return Buffer.concat([encoded(usb_bos_descriptor, head), ...capabilities]);
}
