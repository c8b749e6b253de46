/** drivers/usb/core/sysfs.c and endpoint.c: what sysfs shows of devices, interfaces and endpoints. */
import { Errno } from '../../abi/index.ts';
import {
  USB_ENDPOINT_XFER_CONTROL,
  USB_ENDPOINT_XFER_INT,
  USB_ENDPOINT_XFER_ISOC,
  USB_SPEED_HIGH,
  USB_SPEED_LOW,
  USB_SPEED_SUPER,
  type UsbEndpointDescriptor,
  usb_endpoint_dir_in,
  usb_endpoint_type,
} from '../../abi/uapi/index.ts';
import { type Attribute, type AttributeGroup, type Device, type Kernel, kstrtobool, kstrtoint } from '../../kernel/index.ts';
import { modalias } from './sysfs-text.ts';
import type { UsbDevice, UsbInterface } from './usb-device.ts';
import { driverOf } from './usb-driver.ts';

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
const shown = (name: string, show: () => string): Attribute => ({ name, mode: 0o444, show: () => `${show()}\n` });

const SPEEDS = ['unknown', '1.5', '12', '480', '480', '5000', '10000'];

/** What stores of a device's attributes do; in other files. */
export interface DeviceActions {
  setConfiguration(device: UsbDevice, value: number): Kernel<void>;
  remove(device: UsbDevice): Kernel<void>;
}

export function deviceGroups(device: UsbDevice, actions: DeviceActions): readonly AttributeGroup[] {
  const d = device.descriptor;
  const active = (show: () => string) => () => (device.active === undefined ? '' : `${show()}\n`);
  const strings = (['product', 'manufacturer', 'serial'] as const).filter((name) => (device[name] ?? '') !== '');
  const attributes: Attribute[] = [
    { name: 'bNumInterfaces', mode: 0o444, show: active(() => `${device.active?.interfaces.size}`.padStart(2)) },
    { name: 'bmAttributes', mode: 0o444, show: active(() => (device.active?.desc.bmAttributes ?? 0).toString(16).padStart(2)) },
    { name: 'bMaxPower', mode: 0o444, show: active(() => `${maxPower(device)}mA`) },
    { name: 'configuration', mode: 0o444, show: () => (device.configurationString === undefined ? '' : `${device.configurationString}\n`) },
    {
      name: 'bConfigurationValue',
      mode: 0o644,
      show: active(() => `${device.active?.desc.bConfigurationValue}`),
      store: (text) => storeConfiguration(device, text, actions),
    },
    shown('idVendor', () => hex(d.idVendor, 4)),
    shown('idProduct', () => hex(d.idProduct, 4)),
    shown('bcdDevice', () => hex(d.bcdDevice, 4)),
    shown('bDeviceClass', () => hex(d.bDeviceClass, 2)),
    shown('bDeviceSubClass', () => hex(d.bDeviceSubClass, 2)),
    shown('bDeviceProtocol', () => hex(d.bDeviceProtocol, 2)),
    shown('bNumConfigurations', () => `${d.bNumConfigurations}`),
    shown('bMaxPacketSize0', () => `${d.bMaxPacketSize0}`),
    shown('urbnum', () => `${device.urbnum}`),
    shown('speed', () => SPEEDS[device.speed] ?? 'unknown'),
    shown('busnum', () => `${device.hcd.busnum}`),
    shown('devnum', () => `${device.devnum}`),
    shown('devpath', () => device.devpath),
    shown('version', () => `${(d.bcdUSB >> 8).toString(16).padStart(2)}.${hex(d.bcdUSB & 0xff, 2)}`),
    shown('maxchild', () => `${device.parent === undefined ? device.hcd.driver.ports : 0}`),
    shown('quirks', () => '0x0'),
    {
      name: 'avoid_reset_quirk',
      mode: 0o644,
      show: () => `${device.quirkAvoidReset ? 1 : 0}\n`,
      store(text) {
        device.quirkAvoidReset = kstrtobool(text);
      },
    },
    shown('removable', () => 'unknown'),
    shown('rx_lanes', () => '1'),
    shown('tx_lanes', () => '1'),
    shown('ltm_capable', () => 'no'),
    {
      name: 'authorized',
      mode: 0o644,
      show: () => `${device.isAuthorized ? 1 : 0}\n`,
      store: (text) => storeAuthorized(device, text, actions),
    },
    { name: 'remove', mode: 0o200, store: (text) => storeRemove(device, text, actions) },
    ...strings.map((name) => shown(name, () => device[name] as string)),
  ];
  if (device.parent === undefined)
    for (const name of ['authorized_default', 'interface_authorized_default']) attributes.push(shown(name, () => '1'));
  return [
    {
      attributes,
      binaryAttributes: [
        { name: 'descriptors', mode: 0o444, size: 65_553, read: (offset, length) => slice(deviceBytes(device), offset, length) },
        ...(device.bos === undefined
          ? []
          : [
              {
                name: 'bos_descriptors',
                mode: 0o444,
                size: 65_535,
                read: (offset: number, length: number) => slice(device.bos as Uint8Array, offset, length),
              },
            ]),
      ],
    },
  ];
}

/** What `descriptors` and a read of the device's node begin and end with: the device's, then each configuration, as they came. */
export function deviceBytes(device: UsbDevice): Uint8Array {
  const parts = [device.descriptorBytes, ...device.configurations.map(({ bytes }) => bytes)];
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const slice = (bytes: Uint8Array, offset: number, length: number) => bytes.slice(offset, offset + length);

/** usb_get_max_power: in units of 2 mA, 8 mA for super speed. */
const maxPower = ({ active, speed }: UsbDevice) => (active?.desc.bMaxPower ?? 0) * (speed >= USB_SPEED_SUPER ? 8 : 2);

function* storeConfiguration(device: UsbDevice, text: string, actions: DeviceActions): Kernel<void> {
  const value = Number(/^\s*([+-]?\d+)/.exec(text)?.[1] ?? Number.NaN);
  if (!(value >= -1 && value <= 255)) throw new Errno('EINVAL', `${text} is no configuration`);
  yield* device.lock.lock();
  try {
    yield* actions.setConfiguration(device, value);
  } finally {
    device.lock.unlock();
  }
}

/** usb_deauthorize_device leaves it without configuration; usb_authorize_device chooses one. */
function* storeAuthorized(device: UsbDevice, text: string, actions: DeviceActions): Kernel<void> {
  const isAuthorized = kstrtoint(text) !== 0;
  if (device.isAuthorized === isAuthorized) return;
  device.isAuthorized = isAuthorized;
  yield* device.lock.lock();
  try {
    yield* actions.setConfiguration(device, isAuthorized ? (device.configurations[0]?.desc.bConfigurationValue ?? -1) : -1);
  } finally {
    device.lock.unlock();
  }
}

function* storeRemove(device: UsbDevice, text: string, actions: DeviceActions): Kernel<void> {
  if (kstrtoint(text) !== 1) throw new Errno('EINVAL', 'only 1 removes');
  yield* actions.remove(device);
}

export function interfaceGroups(intf: UsbInterface): readonly AttributeGroup[] {
  const byte = (name: string, get: () => number) => shown(name, () => hex(get(), 2));
  return [
    {
      attributes: [
        byte('bInterfaceNumber', () => intf.current.desc.bInterfaceNumber),
        shown('bAlternateSetting', () => `${intf.current.desc.bAlternateSetting}`.padStart(2)),
        byte('bNumEndpoints', () => intf.current.desc.bNumEndpoints),
        byte('bInterfaceClass', () => intf.current.desc.bInterfaceClass),
        byte('bInterfaceSubClass', () => intf.current.desc.bInterfaceSubClass),
        byte('bInterfaceProtocol', () => intf.current.desc.bInterfaceProtocol),
        shown('modalias', () => modalias(intf)),
        shown('supports_autosuspend', () => (driverOf(intf)?.supportsAutosuspend === false ? '0' : '1')),
        {
          name: 'authorized',
          mode: 0o644,
          show: () => `${intf.isAuthorized ? 1 : 0}\n`,
          store(text) {
            intf.isAuthorized = kstrtobool(text);
          },
        },
      ],
    },
  ];
}

const TYPES = ['Control', 'Isoc', 'Bulk', 'Interrupt'];

/** usb_create_ep_devs: an endpoint's folder, ep_XX. It has no events, for it is of no class. @returns the device that shows it */
export function addEndpoint(parent: Device, usb: UsbDevice, desc: UsbEndpointDescriptor): Device {
  const address = hex(desc.bEndpointAddress, 2);
  const type = usb_endpoint_type(desc);
  return usb.hcd.system.deviceModel.register({
    name: `ep_${address}`,
    parent,
    groups: [
      {
        attributes: [
          shown('bLength', () => hex(desc.bLength, 2)),
          shown('bEndpointAddress', () => address),
          shown('bmAttributes', () => hex(desc.bmAttributes, 2)),
          shown('bInterval', () => hex(desc.bInterval, 2)),
          shown('wMaxPacketSize', () => hex(desc.wMaxPacketSize, 4)),
          shown('interval', () => interval(usb, desc)),
          shown('type', () => TYPES[type] as string),
          shown('direction', () => (type === USB_ENDPOINT_XFER_CONTROL ? 'both' : usb_endpoint_dir_in(desc) ? 'in' : 'out')),
        ],
      },
    ],
  });
}

/** usb_decode_interval, in the unit that interval_show chooses. */
function interval({ speed }: UsbDevice, desc: UsbEndpointDescriptor): string {
  const type = usb_endpoint_type(desc);
  const exponent = Math.min(Math.max(desc.bInterval, 1), 16) - 1;
  let us = 0;
  if (type === USB_ENDPOINT_XFER_ISOC) us = 2 ** exponent * (speed >= USB_SPEED_HIGH ? 125 : 1000);
  else if (type === USB_ENDPOINT_XFER_INT) us = speed >= USB_SPEED_HIGH ? 2 ** exponent * 125 : desc.bInterval * 1000;
  else if (speed === USB_SPEED_HIGH && !usb_endpoint_dir_in(desc)) us = desc.bInterval * 125;
  if (speed === USB_SPEED_LOW && type === USB_ENDPOINT_XFER_INT) us = desc.bInterval * 1000;
  return us % 1000 === 0 ? `${us / 1000}ms` : `${us}us`;
}
