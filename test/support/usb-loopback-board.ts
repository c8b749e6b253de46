import { addUsbControllers } from '../../src/boards/usb-controllers.ts';
import type { Board } from '../../src/machine/index.ts';
import { registerGadgetDriver } from '../../src/usb/index.ts';
import { LoopbackGadget } from './loopback-gadget.ts';

/** A machine with USB controllers, and a device that gives back what it is sent, plugged into one of them. @param udcName which */
export function usbLoopbackBoard(udcName = 'dummy_udc.0'): Board {
  return {
    name: 'usb-loopback',
    description: 'a USB device that gives back what it is sent',
    setUp(machine) {
      addUsbControllers(machine);
      machine.system.scheduler.spawn('gadget', undefined, bind());
      function* bind() {
        yield* registerGadgetDriver(machine.system, new LoopbackGadget(udcName));
      }
    },
  };
}
