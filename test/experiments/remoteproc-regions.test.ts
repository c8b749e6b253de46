import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { boot } from '../../src/doors/boot.ts';
import { experiments, formatComparison } from '../../src/experiments/index.ts';
import { root } from '../support/paths.ts';

const experiment = experiments['remoteproc-regions'];
if (experiment === undefined) throw new Error('the experiment is gone');
const comparison = experiment.run(1, boot);
const answers = (question: string) => comparison.rows.find((row) => row.question === question)?.answers;

describe('remoteproc-regions', () => {
  test('the table in the documents is what it prints', () => {
    expect(readFileSync(join(root, 'docs/experiments.md'), 'utf8')).toContain(formatComparison(comparison));
  });

  test('the same seed gives the same table', () => {
    expect(experiment.run(1, boot)).toEqual(comparison);
  });

  test('names find what addresses that are left out cannot', () => {
    expect(answers('SRAM (gen_pool): vrings')?.map((answer) => answer.startsWith('genpool'))).toEqual([true, false, false, true]);
    expect(answers('vrings at fixed addresses of fixed regions')?.every((answer) => answer.includes('0x10040000'))).toBe(true);
  });

  test('only strict refuses what lies over each other', () => {
    expect(answers('two names in one bank')?.map((answer) => answer.split(';')[0])).toEqual(['running', 'running', 'running', 'EBUSY']);
  });
});
