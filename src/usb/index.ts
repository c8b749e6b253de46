/** USB: device controllers and what gadgets are made with. */
export { autoconfigEndpoint, autoconfigEndpointSs, autoconfigRelease, autoconfigReset } from './gadget/autoconfig.ts';
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
export { UsbEp, type UsbEpCaps, type UsbEpDescription, type UsbEpOps } from './gadget/usb-ep.ts';
export {
  USB_GADGET_DELAYED_STATUS,
  UsbGadget,
  type UsbGadgetDescription,
  type UsbGadgetDriver,
  type UsbGadgetOps,
} from './gadget/usb-gadget.ts';
export { UsbRequest, type UsbRequestComplete } from './gadget/usb-request.ts';
