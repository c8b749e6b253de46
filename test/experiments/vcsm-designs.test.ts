import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { boot } from '../../src/doors/boot.ts';
import { experiments, formatComparison } from '../../src/experiments/index.ts';
import { root } from '../support/paths.ts';

const experiment = experiments['vcsm-designs'];
if (experiment === undefined) throw new Error('the experiment is gone');
const comparison = experiment.run(1, boot);
const answers = (question: string) => comparison.rows.find((row) => row.question.startsWith(question))?.answers;

describe('vcsm-designs', () => {
  test('the table in the documents is what it prints', () => {
    expect(readFileSync(join(root, 'docs/experiments.md'), 'utf8')).toContain(formatComparison(comparison));
  });

  test('the same seed gives the same table', () => {
    expect(experiment.run(1, boot)).toEqual(comparison);
  });

  test('every design keeps the memory until RELEASED', () => {
    expect(new Set(answers('2:'))).toEqual(new Set(['with RELEASED']));
  });

  test('what is detached late loses nothing that the VPU writes, and only that', () => {
    for (const row of ['3:', '4:']) expect(answers(row)?.map((answer) => answer === 'arrives')).toEqual([true, false, true, false, true]);
  });

  test('a mapping keeps the handle only where it is of a second dma-buf or an allocation', () => {
    expect(answers('5:')).toEqual(['with munmap', 'with munmap', 'with munmap', 'with the close', 'with the close']);
  });
});
