/** drivers/usb/core/hub.c and config.c: from a device that answers at address 0 to one that is known. */
import { Errno } from '../../abi/index.ts';
import {
  USB_DIR_OUT,
  USB_DT_BOS,
  USB_DT_BOS_SIZE,
  USB_DT_CONFIG,
  USB_DT_CONFIG_SIZE,
  USB_DT_DEVICE,
  USB_DT_DEVICE_SIZE,
  USB_REQ_SET_ADDRESS,
  USB_REQ_SET_ISOCH_DELAY,
  USB_SPEED_SUPER,
  USB_STATE_ADDRESS,
  USB_STATE_DEFAULT,
  usb_device_descriptor,
} from '../../abi/uapi/index.ts';
import { type Kernel, sleep } from '../../kernel/index.ts';
import { parseConfiguration } from './configuration.ts';
import { controlMessage, getDescriptor, getString } from './message.ts';
import type { UsbDevice } from './usb-device.ts';

/** GET_MAXPACKET0_TRIES and GET_DESCRIPTOR_TRIES are more patient; this many in all. */
const TRIES = 2;

/**
 * hub_port_init: the device gets its address and says what it is. The port has been reset once.
 *
 * @param reset resets the port again
 * @throws Errno when it does not answer as it should
 */
export function* initialize(device: UsbDevice, reset: () => Kernel<void>): Kernel<void> {
  device.state = USB_STATE_DEFAULT;
  device.canSubmit = true;
  const isSuper = device.speed >= USB_SPEED_SUPER;
  if (!isSuper) {
    // The new scheme: ask for 64 bytes at address 0, then reset again.
    yield* askPatiently(device, 64, 8);
    yield* reset();
  }
  yield* controlMessage(device, { bRequestType: USB_DIR_OUT, bRequest: USB_REQ_SET_ADDRESS, wValue: device.devnum });
  yield* sleep(10e6);
  if (isSuper) {
    // 40 ns for the root hub itself; devices need not know it.
    yield* attempt(controlMessage(device, { bRequestType: USB_DIR_OUT, bRequest: USB_REQ_SET_ISOCH_DELAY, wValue: 40 }));
    yield* askPatiently(device, 8, 8);
  }
  yield* describe(device);
}

/** What the device says it is, and can. @throws Errno when that is not possible */
export function* describe(device: UsbDevice): Kernel<void> {
  const isSuper = device.speed >= USB_SPEED_SUPER;
  device.state = USB_STATE_ADDRESS;
  const bytes = yield* askPatiently(device, USB_DT_DEVICE_SIZE, USB_DT_DEVICE_SIZE);
  const descriptor = usb_device_descriptor.decode(new DataView(bytes.buffer, bytes.byteOffset), 0);
  const maxPacket0 = isSuper ? 1 << descriptor.bMaxPacketSize0 : descriptor.bMaxPacketSize0;
  if (isSuper ? descriptor.bMaxPacketSize0 !== 9 : ![8, 16, 32, 64].includes(maxPacket0))
    throw new Errno('EMSGSIZE', `${device.name} has packets of ${maxPacket0} bytes on ep0`);
  device.ep0.desc.wMaxPacketSize = maxPacket0;
  device.descriptor = descriptor;
  device.descriptorBytes = Uint8Array.from(bytes);
  device.bos = descriptor.bcdUSB >= 0x0201 ? yield* readBos(device) : undefined;
}

function* askPatiently(device: UsbDevice, length: number, least: number): Kernel<Uint8Array> {
  for (let left = TRIES; ; left--) {
    try {
      const bytes = yield* getDescriptor(device, USB_DT_DEVICE, 0, length);
      if (bytes.length >= least) return bytes;
      throw new Errno('EPROTO', `${device.name} sent ${bytes.length} bytes of its descriptor`);
    } catch (error) {
      if (!(error instanceof Errno) || left === 1) throw error;
    }
  }
}

/** What an optional request throws does not matter. */
function* attempt(work: Kernel<unknown>): Kernel<void> {
  try {
    yield* work;
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
  }
}

/** usb_get_bos_descriptor. */
function* readBos(device: UsbDevice): Kernel<Uint8Array | undefined> {
  try {
    const head = yield* getDescriptor(device, USB_DT_BOS, 0, USB_DT_BOS_SIZE);
    const length = (head[2] as number) | ((head[3] as number) << 8);
    if (head.length < USB_DT_BOS_SIZE || length < USB_DT_BOS_SIZE) return undefined;
    const whole = yield* getDescriptor(device, USB_DT_BOS, 0, length);
    return whole.length < length ? undefined : whole;
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    return undefined;
  }
}

/** usb_enumerate_device: its configurations and strings. @throws Errno */
export function* enumerate(device: UsbDevice): Kernel<void> {
  const { descriptor } = device;
  const configurations = [];
  for (let index = 0; index < descriptor.bNumConfigurations; index++) {
    const head = yield* getDescriptor(device, USB_DT_CONFIG, index, USB_DT_CONFIG_SIZE);
    if (head.length < 4) throw new Errno('EINVAL', `${device.name} sent ${head.length} bytes of a configuration`);
    const length = Math.max((head[2] as number) | ((head[3] as number) << 8), USB_DT_CONFIG_SIZE);
    const bytes = yield* getDescriptor(device, USB_DT_CONFIG, index, length);
    const configuration = parseConfiguration(bytes);
    if (configuration === undefined) throw new Errno('EINVAL', `${device.name} sent no configuration`);
    configurations.push(configuration);
  }
  device.configurations = configurations;
  device.product = yield* getString(device, descriptor.iProduct);
  device.manufacturer = yield* getString(device, descriptor.iManufacturer);
  device.serial = yield* getString(device, descriptor.iSerialNumber);
}

/** Whether a reset device is still the same: descriptors_changed. */
export function* isUnchanged(device: UsbDevice, before: Uint8Array): Kernel<boolean> {
  if (before.some((byte, at) => byte !== device.descriptorBytes[at])) return false;
  for (const [index, { bytes }] of device.configurations.entries()) {
    const now = yield* getDescriptor(device, USB_DT_CONFIG, index, bytes.length);
    if (now.length !== bytes.length || now.some((byte, at) => byte !== bytes[at])) return false;
  }
  return true;
}
