import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { boot } from '../../src/doors/boot.ts';
import { experiments, formatComparison } from '../../src/experiments/index.ts';
import { root } from '../support/paths.ts';

const experiment = experiments.ims;
if (experiment === undefined) throw new Error('the experiment is gone');
const comparison = experiment.run(1, boot);
const answers = (question: string) => comparison.rows.find((row) => row.question.startsWith(question))?.answers;

describe('ims', () => {
  test('the table in the documents is what it prints', () => {
    expect(readFileSync(join(root, 'docs/experiments.md'), 'utf8')).toContain(formatComparison(comparison));
  });

  test('tables end at their entries, contexts at the vectors of the processors', () => {
    const CONTEXTS = 64 * 202 - 9 - 1;
    expect(answers('2:')?.map((answer) => Number.parseInt(answer, 10))).toEqual([2048, 0, 2048 - 9, CONTEXTS, CONTEXTS, CONTEXTS]);
  });

  test('only a table that is given back loses events', () => {
    expect(answers('4:')).toEqual(['1', 'EBUSY', '0', '0', '0', '0']);
  });

  test('with remapping a move leaves the device alone', () => {
    expect(answers('5:')).toEqual(['0', '0', '0', '0', '0', '10']);
  });
});
