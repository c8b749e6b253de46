import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { boot } from '../../src/doors/boot.ts';
import { experiments, formatComparison } from '../../src/experiments/index.ts';
import { root } from '../support/paths.ts';

const experiment = experiments['keembay-lifetimes'];
if (experiment === undefined) throw new Error('the experiment is gone');
const comparison = experiment.run(1, boot);
const answers = (question: string) => comparison.rows.find((row) => row.question.startsWith(question))?.answers;

describe('keembay-lifetimes', () => {
  test('the table in the documents is what it prints', () => {
    expect(readFileSync(join(root, 'docs/experiments.md'), 'utf8')).toContain(formatComparison(comparison));
  });

  test('the same seed gives the same table', () => {
    expect(experiment.run(1, boot)).toEqual(comparison);
  });

  test('only what is freed at a reply comes back after a reset, and only that is reused early', () => {
    expect(answers('3:')).toEqual(['59', '59', '59', '59', '64']);
    expect(answers('4:')?.map((count) => count !== '0')).toEqual([false, false, false, false, true]);
  });

  test('design B loses a packet for each message that found the FIFO full', () => {
    expect(answers('6:')?.map((answer) => answer.split('; ')[1])).toEqual([
      '128 in use',
      '130 in use',
      '129 in use',
      '128 in use',
      '128 in use',
    ]);
  });
});
