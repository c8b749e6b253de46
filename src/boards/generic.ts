import { addSwSync, addSystemHeap } from '../dma-buf/index.ts';
import type { Board } from '../machine/index.ts';

/** A PC without special hardware: what every Linux machine has. */
export function generic(): Board {
  return {
    name: 'generic',
    description: 'a PC with a system DMA heap and sw_sync',
    setUp(machine) {
      addSystemHeap(machine.system, machine.ram);
      addSwSync(machine.system);
    },
  };
}
