import { describe } from 'vitest';
import { hasCompiler, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { longCases, prepareSyncSelftest } from '../support/sync-selftest.ts';

const folder = temporaryFolder();
const runCase = hasCompiler ? prepareSyncSelftest(folder) : async () => {};

describe('the sync selftest on sw_sync', () => {
  for (const name of [
    'alloc_timeline',
    'alloc_fence',
    'alloc_fence_negative',
    'fence_one_timeline_wait',
    'fence_one_timeline_merge',
    'fence_merge_same_fence',
    'fence_multi_timeline_wait',
  ]) {
    testWithCompiler(name, () => runCase(name, 1));
  }

  // `npm run soak` does them as often as the kernel's own.
  for (const [name, iterations] of longCases) testWithCompiler(`${name}, a few times`, () => runCase(name, iterations >> 7));
});

describe('the graphics test suite on sw_sync', () => {
  for (const name of ['shared_by_fork', 'shared_by_socket']) testWithCompiler(name, () => runCase(name, 1));
});
