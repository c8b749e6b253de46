import { addSystemHeap, addUdmabuf, addUncachedHeap, type CoherencySettings, setCoherency } from '../dma-buf/index.ts';
import { addDmaTest } from '../drivers/dma-test/index.ts';
import { DmaTestHardware } from '../hardware/dma-test/index.ts';
import type { Board } from '../machine/index.ts';
import { DmaDevice, type DmaDeviceTraits, NonCoherentCaches, type NonCoherentOptions } from '../memory/index.ts';

/** What can be chosen; the eviction of cache lines is the machine's option. */
export interface NonCoherentBoardOptions extends Partial<CoherencySettings>, Omit<NonCoherentOptions, 'eviction'> {}

/** Devices by the way they reach memory: each has a node /dev/dma-NAME. */
const DEVICES: Readonly<Record<string, Omit<DmaDeviceTraits, 'name'>>> = {
  /** Neither sees the CPU's caches nor is seen by them. */
  direct: { snoopsCpu: false },
  /** The same, and keeps lines of its own. */
  private: { snoopsCpu: false, privateCache: true },
  /** The CPU's caches see what it does. */
  snooping: {},
  /** And they take what it writes; memory gets it when they write it back. */
  allocating: { allocatesInCpu: true },
};

/** A board of the kind on which programs must sync: not every device looks into the CPU's caches. */
export function noncoherent(options: NonCoherentBoardOptions = {}): Board {
  return {
    name: 'noncoherent',
    description: "a board whose devices do not all see the CPU's caches, with DMA test devices and heaps",
    caches: ({ system, eviction }) => new NonCoherentCaches(system, { ...options, eviction }),
    setUp({ system, ram }) {
      setCoherency(system, { attach: 'track', ...options });
      addSystemHeap(system, ram);
      addUncachedHeap(system, ram);
      addUdmabuf(system, { snoopsCpu: false });
      for (const [kind, traits] of Object.entries(DEVICES)) {
        const name = `dma-${kind}`;
        const device = new DmaDevice(system, { name, ...traits });
        addDmaTest(system, { name, device, engine: new DmaTestHardware(system, device) });
      }
    },
  };
}
