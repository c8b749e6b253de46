/** drivers/usb/core/message.c: usb_set_configuration: the interfaces of a device come and go. */
import { Errno } from '../../abi/index.ts';
import {
  USB_CLASS_VENDOR_SPEC,
  USB_DIR_OUT,
  USB_REQ_SET_CONFIGURATION,
  USB_STATE_ADDRESS,
  USB_STATE_CONFIGURED,
} from '../../abi/uapi/index.ts';
import type { Device, Kernel } from '../../kernel/index.ts';
import { CONTROL_TIMEOUT_MS, controlMessage, getString } from './message.ts';
import { addEndpoint, interfaceGroups } from './sysfs.ts';
import { type UsbDevice, UsbInterface } from './usb-device.ts';
import { usbBus } from './usb-driver.ts';

/** Endpoints in sysfs, by the interface whose they are. */
const shownEndpoints = new WeakMap<UsbInterface, Device[]>();

/** usb_create_sysfs_intf_files and create_intf_ep_devs: what an alternate setting shows. */
export function* showSetting(intf: UsbInterface): Kernel<void> {
  intf.string = yield* getString(intf.usbDevice, intf.current.desc.iInterface);
  if ((intf.string ?? '') !== '') intf.device.createFile({ name: 'interface', mode: 0o444, show: () => `${intf.string}\n` });
  const endpoints = intf.current.endpoints.map(({ desc }) => addEndpoint(intf.device, intf.usbDevice, desc));
  shownEndpoints.set(intf, endpoints);
}

/** The opposite. */
export function hideSetting(intf: UsbInterface): void {
  for (const endpoint of shownEndpoints.get(intf) ?? []) endpoint.unregister();
  shownEndpoints.delete(intf);
  if (intf.device.directory.has('interface')) intf.device.directory.remove('interface');
}

/** usb_disable_device: drivers let go, interfaces vanish. */
export function* removeInterfaces(device: UsbDevice): Kernel<void> {
  const bus = usbBus(device.hcd.system);
  const { interfaces } = device;
  for (const intf of interfaces) {
    yield* bus.release(intf);
    hideSetting(intf);
    intf.device.unregister();
    bus.forget(intf.device.name);
  }
  device.interfaces = [];
  device.active = undefined;
  device.configurationString = undefined;
  for (const endpoint of [...device.endpoints.values()]) yield* endpoint.disable();
  device.endpoints.clear();
}

/**
 * usb_set_configuration. The caller holds the device's lock.
 *
 * @param value bConfigurationValue; 0 and -1 leave it without one
 * @throws Errno EINVAL there is no such configuration; ENODEV it is gone; what the device says
 */
export function* setConfiguration(device: UsbDevice, value: number): Kernel<void> {
  const chosen =
    device.isAuthorized && value > 0 ? device.configurations.find(({ desc }) => desc.bConfigurationValue === value) : undefined;
  if (chosen === undefined && value > 0 && device.isAuthorized) throw new Errno('EINVAL', `${device.name} has no configuration ${value}`);
  if (device.isGone) throw new Errno('ENODEV', `${device.name} is gone`);
  if (device.state !== USB_STATE_ADDRESS) yield* removeInterfaces(device);
  device.state = USB_STATE_ADDRESS;
  yield* controlMessage(
    device,
    {
      bRequestType: USB_DIR_OUT,
      bRequest: USB_REQ_SET_CONFIGURATION,
      wValue: chosen?.desc.bConfigurationValue ?? 0,
    },
    { timeout_ms: CONTROL_TIMEOUT_MS },
  );
  if (chosen === undefined) return;
  device.active = chosen;
  device.interfaces = [...chosen.interfaces].map(([number, settings]) => new UsbInterface(device, number, settings));
  for (const intf of device.interfaces) device.enable(intf.current);
  device.state = USB_STATE_CONFIGURED;
  device.configurationString = yield* getString(device, chosen.desc.iConfiguration);
  for (const intf of device.interfaces) yield* addInterface(intf);
}

function* addInterface(intf: UsbInterface): Kernel<void> {
  const { usbDevice } = intf;
  const { system } = usbDevice.hcd;
  const { bus } = usbBus(system);
  const place = `${usbDevice.hcd.busnum}-${usbDevice.devpath}`;
  const name = `${place}:${usbDevice.active?.desc.bConfigurationValue}.${intf.number}`;
  usbBus(system).name(name, { kind: 'interface', usb: intf });
  // Its driver is looked for once it is shown; the folder is complete by then.
  intf.device = system.deviceModel.register({
    name,
    parent: usbDevice.device,
    bus,
    devtype: 'usb_interface',
    groups: interfaceGroups(intf),
  });
  yield* showSetting(intf);
}

/** usb_choose_configuration: the first whose first interface is not of a vendor's own class, else the first. -1 when there is none. */
export function chooseConfiguration(device: UsbDevice): number {
  const isOpen = device.descriptor.bDeviceClass !== USB_CLASS_VENDOR_SPEC;
  const open = device.configurations.find(({ interfaces }) => {
    const [settings] = interfaces.values();
    return isOpen && settings !== undefined && settings[0]?.desc.bInterfaceClass !== USB_CLASS_VENDOR_SPEC;
  });
  return (open ?? device.configurations[0])?.desc.bConfigurationValue ?? -1;
}
