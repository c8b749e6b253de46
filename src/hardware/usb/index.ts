/** USB controllers: a device end and a host end, joined. */
export { addDummyHcd, type DummyOptions } from './dummy.ts';
export { addSgController, releaseSgInterrupt, type SgControllerOptions } from './sg-controller.ts';
export type { Packet, UsbLink } from './usb-link.ts';
