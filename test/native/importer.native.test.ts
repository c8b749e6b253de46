import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();

/** What the program says of a heap; only where the memory lies differs. */
const linesOf = (heap: string, privately: string, narrow: string) => [
  `/dev/dma_heap/${heap}: allocation works`,
  `  mapped shared: works, a page privately: ${privately}`,
  '  attach /dev/importer: works',
  '  map: works',
  '  the device wrote: 77',
  '  the program wrote: 78',
  '  attach /dev/narrow: works',
  `  map for a device of 24 bits: ${narrow}`,
  '  while attached: narrow importer Total 2 devices attached; Total 1 objects, 409600 bytes;',
  '  held by the devices: narrow importer Total 2 devices attached; Total 1 objects, 409600 bytes;',
  '  detach: works',
  '  closed: Total 0 objects, 0 bytes;',
];

describe('buffers that a device uses', () => {
  testWithCompiler('are the same memory for it and for programs, from each heap', async () => {
    const program = compile(join(root, 'test/native/programs/importer.c'), join(folder, 'importer'));
    const { status, stdout, stderr } = await runNative([program], { options: ['--board', join(root, 'test/support/importer-board.ts')] });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual([
      ...linesOf('reserved', 'EINVAL', 'ENOMEM'),
      ...linesOf('carveout', 'EINVAL', 'EIO'),
      ...linesOf('system', 'works', 'works'),
    ]);
  });
});
