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
/** The schemes whose answer is such a one. */
const by = (question: string, isSuch: (answer: string) => boolean) =>
  comparison.variants.filter((_, column) => isSuch(answers(question)?.[column] ?? ''));

describe('keembay-lifetimes', () => {
  test('the table in the documents is what it prints', () => {
    expect(readFileSync(join(root, 'docs/experiments.md'), 'utf8')).toContain(formatComparison(comparison));
  });

  test('the same seed gives the same table', () => {
    expect(experiment.run(1, boot)).toEqual(comparison);
  });

  test('only what is freed at a reply comes back after a reset, and only that is reused early', () => {
    expect(by('3:', (packets) => packets === '8')).toEqual(['gen_pool, reply']);
    expect(by('4:', (count) => count !== '0')).toEqual(['gen_pool, reply']);
  });

  test('nobody who polls for room is woken but by a doorbell, which costs an interrupt for each free', () => {
    expect(by('1: who', (after) => after !== 'never')).toEqual(['scan, doorbell on free']);
    expect(by('1: 20', (answer) => answer === '8 sent, 12 ENOMEM')).toEqual(comparison.variants);
    expect(answers('2:')?.[0]).toBe('20 in 101 ms, 20 irqs');
  });

  test('payload is as lost as its importer says, whoever has the packets', () => {
    expect(by('5:', (answer) => answer === 'fault, read, EBUSY')).toEqual(comparison.variants);
  });

  test('who waits for each queue in turn gives an HS channel half of all against ten senders', () => {
    expect(by('7:', (answer) => answer.startsWith('50 % HS; waits 20 us'))).toEqual(comparison.variants);
  });

  test('a dma-buf of all outlives the driver, and dma-bufs of each cost pages', () => {
    expect(by('the driver goes', (answer) => answer === 'read')).toEqual(['a dma-buf of all']);
    expect(by('in 1: buffers', (costs) => costs === '8, 8, 32256')).toEqual(['a dma-buf each']);
    expect(by('in 1: buffers', (costs) => costs === '1, 1, 0')).toEqual(['a dma-buf of all']);
  });

  test('design B loses a packet for each message that found the FIFO full', () => {
    expect(by('6:', (answer) => answer.endsWith('130 in use'))).toEqual(['scan (B)']);
    expect(by('6:', (answer) => answer.endsWith('129 in use'))).toEqual(['scan, tries again']);
  });
});
