import { addSwSync, addSystemHeap, addUdmabuf } from '../dma-buf/index.ts';
import type { Board } from '../machine/index.ts';

/** A PC without special hardware: what every Linux machine has. */
export function generic(): Board {
  return {
    name: 'generic',
    description: 'a PC with a system DMA heap, udmabuf and sw_sync',
    setUp(machine) {
      addSystemHeap(machine.system, machine.ram);
      addUdmabuf(machine.system);
      addSwSync(machine.system);
    },
  };
}
