import { describe, test } from 'vitest';
import { temporaryFolder } from '../support/compiler.ts';
import { crowd } from '../support/crowd.ts';
import { hasFuse } from '../support/fuse.ts';

describe.skipIf(!hasFuse)('32 processes at one node, natively and through the mount, half of them killed', () => {
  const folder = temporaryFolder();

  test.each([1, 2, 3])('no record is lost, torn or doubled, and nothing is left, seed %i', async (seed) => {
    await crowd(folder)(seed);
  });
});
