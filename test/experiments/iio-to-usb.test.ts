import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { boot } from '../../src/doors/boot.ts';
import { experiments, formatComparison } from '../../src/experiments/index.ts';
import { root } from '../support/paths.ts';

const experiment = experiments['iio-to-usb'];
if (experiment === undefined) throw new Error('the experiment is gone');
const comparison = experiment.run(1, boot);
const column = (name: string) => comparison.variants.indexOf(name);
const answer = (question: string, name: string) =>
  comparison.rows.find((row) => row.question === question)?.answers[column(name)] ?? expect.fail(`no ${name} of ${question}`);

const BOARDS = ['coherent', 'non-coherent'];
const DESIGNS = ['merged', 'posted begin/end_access', 'mapped per transfer', 'enforced at attach'];
const cells = BOARDS.flatMap((board) => DESIGNS.map((design) => `${board} board, ${design}`));
const refused = 'non-coherent board, enforced at attach';
const spoilt = 'non-coherent board, merged';

describe('iio-to-usb', () => {
  test('the table in the documents is what it prints', () => {
    expect(readFileSync(join(root, 'docs/experiments.md'), 'utf8')).toContain(formatComparison(comparison));
  });

  test('asks each question of each design, on each board, both ways', () => {
    expect(comparison.variants).toEqual(['copied by the CPU', 'MiB/s', 'ratio to copies', 'stale lines', 'findings', 'errno']);
    expect(comparison.rows.map(({ question }) => question)).toEqual(cells.flatMap((cell) => [`${cell}, copy`, `${cell}, dma-buf`]));
  });

  test.each(cells)('copies are right on the %s, and cost the CPU two for each byte', (cell) => {
    expect(answer(`${cell}, copy`, 'copied by the CPU')).toBe('8 MiB');
    expect(answer(`${cell}, copy`, 'stale lines')).toBe('0 of 65536');
    expect(answer(`${cell}, copy`, 'findings')).toBe('none');
  });

  test.each(cells)('the CPU copies nothing on the %s by dma-bufs', (cell) => {
    expect(answer(`${cell}, dma-buf`, 'copied by the CPU')).toBe('0 MiB');
  });

  test.each(cells.filter((cell) => cell !== refused))('dma-bufs are more than 2.16 times as fast on the %s', (cell) => {
    expect(Number(answer(`${cell}, dma-buf`, 'ratio to copies'))).toBeGreaterThan(2.16);
    expect(answer(`${cell}, dma-buf`, 'errno')).toBe('none');
  });

  test.each(cells.filter((cell) => cell !== refused && cell !== spoilt))('dma-bufs are right on the %s', (cell) => {
    expect(answer(`${cell}, dma-buf`, 'stale lines')).toBe('0 of 65536');
    expect(answer(`${cell}, dma-buf`, 'findings')).toBe('none');
  });

  test('what was merged gives the host old lines on the non-coherent board, and says so', () => {
    expect(Number.parseInt(answer(`${spoilt}, dma-buf`, 'stale lines'), 10)).toBeGreaterThan(0);
    expect(answer(`${spoilt}, dma-buf`, 'findings')).toBe('coherency-stale-read');
  });

  test('a check at attach refuses there', () => {
    expect(answer(`${refused}, dma-buf`, 'errno')).toBe('EPERM');
    expect(answer(`${refused}, dma-buf`, 'stale lines')).toBe('nothing came');
  });

  test('the same seed gives the same table', () => {
    expect(experiment.run(1, boot)).toEqual(comparison);
  });
});
