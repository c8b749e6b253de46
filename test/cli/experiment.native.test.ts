import { expect, test } from 'vitest';
import { boot } from '../../src/doors/boot.ts';
import { experiments, formatComparison } from '../../src/experiments/index.ts';
import { cli } from '../support/paths.ts';
import { start } from '../support/run.ts';

const experiment = (...args: string[]) => start(process.execPath, [cli, 'experiment', ...args]).ended;

test('experiments are listed and run by name', async () => {
  const { status, stdout } = await experiment('list');
  expect(status).toBe(0);
  expect(stdout.trimEnd().split('\n')).toEqual(Object.values(experiments).map(({ name, description }) => `${name}\t${description}`));
  const comparison = experiments['keembay-lifetimes']?.run(7, boot);
  if (comparison === undefined) throw new Error('the experiment is gone');
  expect((await experiment('run', 'keembay-lifetimes', '--seed', '7')).stdout).toBe(formatComparison(comparison));
  expect((await experiment('keembay-lifetimes', '--seed', '7')).stdout).toBe(formatComparison(comparison));
  const json = await experiment('run', 'keembay-lifetimes', '--seed', '7', '--json');
  expect(JSON.parse(json.stdout)).toEqual({ name: 'keembay-lifetimes', seed: 7, ...comparison });
});

test('one that there is not is refused', async () => {
  expect(await experiment('run', 'nothing')).toMatchObject({ status: 125, stdout: '' });
  expect(await experiment('nothing')).toMatchObject({ status: 125, stdout: '' });
});
