/** drivers/usb/gadget/composite.c, composite_setup: requests of the host on ep0. */
import { Errno } from '../../abi/index.ts';
import type { UsbCtrlRequest } from '../../abi/uapi/index.ts';
import * as ch9 from '../../abi/uapi/index.ts';
import { EP0_BUFFER_SIZE, type UsbCompositeDev } from './composite.ts';
import { bosDescriptor, configDescriptor, deviceDescriptor, qualifierDescriptor } from './composite-descriptors.ts';
import { stringDescriptor } from './composite-strings.ts';
import { answerOsDescriptor } from './os-descriptors.ts';
import type { UsbFunction } from './usb-function.ts';
import { USB_GADGET_DELAYED_STATUS } from './usb-gadget.ts';
import { webUsbUrl } from './webusb.ts';

/** Bits of an interface's status: it can wake the host up, and may. */
const FUNC_RW_CAP = 1;
const FUNC_RW = 2;

const stall = (why: string) => new Errno('EOPNOTSUPP', why);

/** What the composite layer knows to answer: bytes for the data stage, the delayed status, or undefined when it is none of its. */
type Answer = Uint8Array | typeof USB_GADGET_DELAYED_STATUS | undefined;

const NOTHING = new Uint8Array(0);

const isUnknown = (request: UsbCtrlRequest, wanted: number) => request.bRequestType !== wanted;

/** The function that has an interface of the chosen configuration. */
function ownerOf({ config }: UsbCompositeDev, wIndex: number): UsbFunction | undefined {
  return config?.interfaces[wIndex & 0xff];
}

function descriptor(cdev: UsbCompositeDev, { wValue, wIndex }: UsbCtrlRequest): Uint8Array {
  const { gadget } = cdev;
  const type = wValue >> 8;
  const hasOtherSpeed = gadget.isDualspeed && gadget.speed < ch9.USB_SPEED_SUPER;
  if (type === ch9.USB_DT_DEVICE) return deviceDescriptor(cdev);
  if (type === ch9.USB_DT_DEVICE_QUALIFIER && hasOtherSpeed) return qualifierDescriptor(cdev);
  if (type === ch9.USB_DT_CONFIG || (type === ch9.USB_DT_OTHER_SPEED_CONFIG && hasOtherSpeed))
    return configDescriptor(cdev, type, wValue & 0xff);
  if (type === ch9.USB_DT_STRING) return stringDescriptor(cdev, wIndex, wValue & 0xff);
  if (type === ch9.USB_DT_BOS && (gadget.isSuperspeed || gadget.lpmCapable || cdev.webUsb !== undefined)) return bosDescriptor(cdev);
  throw stall(`there is no descriptor of type ${type}`);
}

function setInterface(cdev: UsbCompositeDev, { wValue, wIndex }: UsbCtrlRequest): Answer {
  const owner = ownerOf(cdev, wIndex);
  if (owner === undefined) throw stall(`there is no interface ${wIndex & 0xff}`);
  if (wValue !== 0 && owner.getAlt === undefined) throw stall(`${owner.name} has one setting only`);
  if (owner.setAlt(wIndex, wValue) !== USB_GADGET_DELAYED_STATUS) return NOTHING;
  cdev.delayedStatus++;
  return USB_GADGET_DELAYED_STATUS;
}

/** What super speed adds: the status of a function, by its first interface. */
function interfaceStatus(cdev: UsbCompositeDev, { wIndex }: UsbCtrlRequest): Uint8Array {
  const owner = ownerOf(cdev, wIndex);
  let status = 0;
  if (owner?.getStatus !== undefined) status = owner.getStatus();
  else if (((owner?.config?.bmAttributes ?? 0) & ch9.USB_CONFIG_ATT_WAKEUP) !== 0)
    status = FUNC_RW_CAP | (owner?.funcWakeupArmed === true ? FUNC_RW : 0);
  return Uint8Array.of(status & 0xff, status >> 8);
}

/** FUNCTION_SUSPEND of super speed. What a function says to it the host does not hear. */
function functionSuspend(cdev: UsbCompositeDev, { bRequest, wIndex }: UsbCtrlRequest): Uint8Array {
  const owner = ownerOf(cdev, wIndex);
  if (owner === undefined) throw stall(`there is no interface ${wIndex & 0xff}`);
  const sets = bRequest === ch9.USB_REQ_SET_FEATURE;
  const arms = sets && (wIndex & ch9.USB_INTRF_FUNC_SUSPEND_RW) !== 0;
  if (owner.funcSuspend !== undefined) {
    owner.funcSuspend(wIndex >> 8);
    return NOTHING;
  }
  if (arms && ((owner.config?.bmAttributes ?? 0) & ch9.USB_CONFIG_ATT_WAKEUP) === 0) return NOTHING;
  owner.funcWakeupArmed = arms;
  const suspends = sets && (wIndex & ch9.USB_INTRF_FUNC_SUSPEND_LP) !== 0;
  if (suspends === owner.funcSuspended) return NOTHING;
  if (suspends && owner.suspend !== undefined) {
    owner.suspend();
    owner.funcSuspended = true;
  } else if (!suspends && owner.resume !== undefined) {
    owner.resume();
    owner.funcSuspended = false;
  }
  return NOTHING;
}

/** Standard requests. @throws Errno they stall */
function standard(cdev: UsbCompositeDev, request: UsbCtrlRequest): Answer {
  const { bRequest, wIndex, wValue } = request;
  switch (bRequest) {
    case ch9.USB_REQ_GET_DESCRIPTOR:
      return isUnknown(request, ch9.USB_DIR_IN) ? undefined : descriptor(cdev, request);
    case ch9.USB_REQ_SET_CONFIGURATION:
      if (isUnknown(request, 0)) return undefined;
      return cdev.setConfig(wValue) === USB_GADGET_DELAYED_STATUS ? USB_GADGET_DELAYED_STATUS : NOTHING;
    case ch9.USB_REQ_GET_CONFIGURATION:
      return isUnknown(request, ch9.USB_DIR_IN) ? undefined : Uint8Array.of(cdev.config?.bConfigurationValue ?? 0);
    case ch9.USB_REQ_SET_INTERFACE:
      return isUnknown(request, ch9.USB_RECIP_INTERFACE) ? undefined : setInterface(cdev, request);
    case ch9.USB_REQ_GET_INTERFACE: {
      if (isUnknown(request, ch9.USB_DIR_IN | ch9.USB_RECIP_INTERFACE)) return undefined;
      const owner = ownerOf(cdev, wIndex);
      if (owner === undefined) throw stall(`there is no interface ${wIndex & 0xff}`);
      return Uint8Array.of(owner.getAlt?.(wIndex) ?? 0);
    }
    case ch9.USB_REQ_GET_STATUS:
      if (!cdev.gadget.isSuperspeed || isUnknown(request, ch9.USB_DIR_IN | ch9.USB_RECIP_INTERFACE)) return undefined;
      return interfaceStatus(cdev, request);
    case ch9.USB_REQ_CLEAR_FEATURE:
    case ch9.USB_REQ_SET_FEATURE:
      if (!cdev.gadget.isSuperspeed || isUnknown(request, ch9.USB_RECIP_INTERFACE)) return undefined;
      if (wValue === ch9.USB_INTRF_FUNC_SUSPEND) return functionSuspend(cdev, request);
      throw stall(`an interface has no feature ${wValue}`);
    default:
      return undefined;
  }
}

/** The function that a request is for which the composite layer does not know. */
function addressee(cdev: UsbCompositeDev, request: UsbCtrlRequest): UsbFunction | undefined {
  const { bRequestType, wIndex } = request;
  const { config } = cdev;
  const candidates = config === undefined ? cdev.configs.flatMap(({ functions }) => functions) : config.functions;
  const matching = candidates.find((one) => one.reqMatch?.(request, config === undefined) === true);
  if (matching !== undefined) return matching;
  const recipient = bRequestType & ch9.USB_RECIP_MASK;
  let owner: UsbFunction | undefined;
  if (recipient === ch9.USB_RECIP_INTERFACE) owner = ownerOf(cdev, wIndex);
  else if (recipient === ch9.USB_RECIP_ENDPOINT) owner = config?.functions.find(({ endpoints }) => endpoints.has(wIndex & 0x8f));
  if (owner?.setup !== undefined) return owner;
  return config?.functions.length === 1 ? config.functions[0] : undefined;
}

/**
 * @returns USB_GADGET_DELAYED_STATUS when the status stage comes later
 * @throws Errno ep0 stalls
 */
export function answerSetup(cdev: UsbCompositeDev, given: UsbCtrlRequest): number | void {
  const isIn = (given.bRequestType & ch9.USB_DIR_IN) !== 0;
  if (given.wLength > EP0_BUFFER_SIZE && !isIn) throw stall(`${given.wLength} bytes are too many`);
  const request = given.wLength > EP0_BUFFER_SIZE ? { ...given, wLength: EP0_BUFFER_SIZE } : given;
  const isStandard = (request.bRequestType & ch9.USB_TYPE_MASK) === ch9.USB_TYPE_STANDARD;
  const answer = (isStandard ? standard(cdev, request) : undefined) ?? answerOsDescriptor(cdev, request) ?? webUsbUrl(cdev, request);
  if (answer === USB_GADGET_DELAYED_STATUS) return answer;
  if (answer === undefined) {
    const function_ = addressee(cdev, request);
    if (function_?.setup === undefined) throw stall('no function knows the request');
    return function_.setup(request);
  }
  const bytes = answer.subarray(0, request.wLength);
  cdev.request.buf?.set(bytes);
  cdev.request.length = bytes.length;
  cdev.request.zero = bytes.length < request.wLength;
  cdev.queue();
}
