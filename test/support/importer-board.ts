import { addCmaHeap, addReservedHeap, addSystemHeap, type Board } from 'ioctopus/driver';
import { addImporter } from './importer.ts';

const MIB = 2 ** 20;

/** Heaps of each kind, and devices that buffers can be attached to: one that sees all memory, one that sees its first 16 MiB. */
export default {
  name: 'importers',
  description: 'heaps of each kind, and devices that use their buffers',
  ram: 64 * MIB,
  regions: [
    { name: 'reserved', base: 32 * MIB, size: 4 * MIB },
    { name: 'carveout', base: 2 ** 32, size: MIB },
  ],
  setUp({ system, ram }) {
    addSystemHeap(system, ram);
    addCmaHeap(system, ram.region('reserved'));
    addReservedHeap(system, ram.region('carveout'));
    addImporter(system, { name: 'importer' });
    addImporter(system, { name: 'narrow', maskBits: 24 });
  },
} satisfies Board;
