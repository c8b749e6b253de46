/** USB: device controllers and what gadgets are made with; host controllers, devices and their drivers. */
export { autoconfigEndpoint, autoconfigEndpointSs, autoconfigRelease, autoconfigReset } from './gadget/autoconfig.ts';
export { type OsDescriptors, UsbCompositeDev, type WebUsb } from './gadget/composite.ts';
export { isLanguage, USB_MAX_STRING_LEN } from './gadget/composite-strings.ts';
export { configEpBySpeed } from './gadget/config-ep.ts';
export { addUsbGadgets, unregisterGadgetItem } from './gadget/configfs/index.ts';
export {
  activateGadget,
  addUdc,
  connectGadget,
  deactivateGadget,
  disconnectGadget,
  registerGadgetDriver,
  type Udc,
  udcs,
  unregisterGadgetDriver,
} from './gadget/udc.ts';
export { functionDescriptors, UsbConfiguration } from './gadget/usb-configuration.ts';
export { UsbEp, type UsbEpCaps, type UsbEpDescription, type UsbEpOps } from './gadget/usb-ep.ts';
export {
  getUsbFunctionInstance,
  registerUsbFunction,
  UsbFunction,
  type UsbFunctionDriver,
  UsbFunctionInstance,
  type UsbGadgetStrings,
  type UsbOsDescTable,
  type UsbOsProperty,
  type UsbString,
} from './gadget/usb-function.ts';
export {
  USB_GADGET_DELAYED_STATUS,
  UsbGadget,
  type UsbGadgetDescription,
  type UsbGadgetDriver,
  type UsbGadgetOps,
} from './gadget/usb-gadget.ts';
export { UsbRequest, type UsbRequestComplete } from './gadget/usb-request.ts';
export { addHcd } from './host/add-hcd.ts';
export { type AltSetting, type Configuration, parseConfiguration } from './host/configuration.ts';
export type { HcDriver, Hcd } from './host/hcd.ts';
export {
  bulkMessage,
  type ControlRequest,
  clearHalt,
  controlMessage,
  getDescriptor,
  getString,
  killUrb,
  type TransferOptions,
  transfer,
} from './host/message.ts';
export { setConfiguration } from './host/set-configuration.ts';
export { type IsoPacket, URB_ISO_ASAP, URB_NO_INTERRUPT, URB_SHORT_NOT_OK, URB_ZERO_PACKET, Urb, type UrbDescription } from './host/urb.ts';
export { chooseSetting, resetDevice, rootHubOf, usbDevices } from './host/usb-core.ts';
export { UsbDevice, UsbHostEndpoint, UsbInterface } from './host/usb-device.ts';
export { claimInterface, deregisterUsbDriver, registerUsbDriver, releaseInterface, type UsbDriver } from './host/usb-driver.ts';
