import { addSwSync, addSystemHeap, addUdmabuf } from '../dma-buf/index.ts';
import { addFunctionFs } from '../drivers/functionfs/index.ts';
import { addVgem } from '../drivers/vgem/index.ts';
import type { Board } from '../machine/index.ts';
import { addUsbGadgets } from '../usb/index.ts';
import { addUsbControllers } from './usb-controllers.ts';

/** A PC without special hardware: what every Linux machine has. */
export function generic(): Board {
  return {
    name: 'generic',
    description: 'a PC with a system DMA heap, udmabuf, sw_sync, vgem, a card without hardware, two USB device controllers, and FunctionFS',
    setUp(machine) {
      addSystemHeap(machine.system, machine.ram);
      addUdmabuf(machine.system);
      addSwSync(machine.system);
      addVgem(machine.system, machine.ram);
      addUsbControllers(machine);
      addUsbGadgets(machine.system);
      addFunctionFs(machine.system);
    },
  };
}
