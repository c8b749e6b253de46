import { addPlatformDevice, type Device, platformBus } from '../../src/kernel/index.ts';
import type { Board } from '../../src/machine/index.ts';
import { board } from './boards.ts';

/** What the probes on events ask about: a misc device, and a platform driver with a device of a class below its own, as dummy_hcd has. */
export function gadgetBoard(): Board {
  return board(({ system }) => {
    const { deviceModel, devices } = system;
    devices.addMisc({ name: 'udmabuf', minor: 258, ops: {} });
    const below = new Map<Device, { readonly udc: Device; readonly gadget: Device }>();
    const udcs = deviceModel.class('udc');
    const gadgets = deviceModel.addBus({ name: 'gadget' });
    platformBus(system).addDriver({ name: 'dummy_hcd' });
    platformBus(system).addDriver({
      name: 'dummy_udc',
      probe(parent) {
        const udc = deviceModel.register({
          name: parent.name,
          class: udcs,
          parent,
          groups: [{ attributes: [{ name: 'state', mode: 0o444, show: () => 'not attached\n' }] }],
          uevent: () => [['USB_UDC_NAME', 'dummy_udc']],
        });
        below.set(parent, { udc, gadget: deviceModel.register({ name: 'gadget.0', bus: gadgets, parent }) });
      },
      remove(parent) {
        const { udc, gadget } = below.get(parent) as { udc: Device; gadget: Device };
        // usb_del_gadget tells of it once more than the device model does.
        deviceModel.uevents.publish('remove', udc);
        gadget.unregister();
        udc.unregister();
      },
    });
    addPlatformDevice(system, { name: 'dummy_hcd', id: 0 });
    addPlatformDevice(system, { name: 'dummy_udc', id: 0 });
  });
}
