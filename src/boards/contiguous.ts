import { addCmaHeap } from '../dma-buf/index.ts';
import type { Board } from '../machine/index.ts';
import { generic } from './generic.ts';

const MIB = 2 ** 20;
/** Where CMA areas of PCs are: as high as 32 bits of address reach. */
const AREA = { name: 'reserved', base: 1984 * MIB, size: 64 * MIB };

/** The PC of {@link generic}, started with `cma=64M`. */
export function contiguous(): Board {
  const { setUp } = generic();
  return {
    name: 'contiguous',
    description: 'a PC with a heap of contiguous memory as well, 64 MiB',
    regions: [AREA],
    setUp(machine) {
      setUp(machine);
      addCmaHeap(machine.system, machine.ram.region(AREA.name));
    },
  };
}
