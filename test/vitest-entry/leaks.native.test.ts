import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../support/paths.ts';
import { start } from '../support/run.ts';

test('a test that leaves something behind fails, and says which call made it and where', async () => {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const config = join(root, 'test/vitest-entry/fixtures/vitest.config.ts');
  const { status, stdout, stderr } = await start(process.execPath, [vitest, 'run', '-c', config], { env: { NO_COLOR: '1', CI: '1' } })
    .ended;
  const output = stdout + stderr;
  expect(output).toContain('1 failed | 1 passed');
  expect(output).toContain('file /dev/dma_heap/system, made by openat(-100, /dev/dma_heap/system) of task 1 (main)');
  expect(output).toMatch(/at .*leaking\.test\.ts:4/);
  expect(status).toBe(1);
});
