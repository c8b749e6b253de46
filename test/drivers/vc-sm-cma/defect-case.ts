/** What each test of a defect does: a run with the defect, and one without. */
import { describe, expect, test } from 'vitest';
import { VCSM_DEFECTS } from '../../../src/drivers/vc-sm-cma/index.ts';
import { type Bench, bench, type DefectId, heapBuffer, openNode, rules } from './fixture.ts';

export interface DefectCase {
  readonly id: DefectId;
  /** Which of several ways to see it, in words behind its number. */
  readonly what?: string;
  readonly options?: Parameters<typeof bench>[0];
  /** What a program does. @returns what it saw */
  readonly run: (on: Bench) => unknown;
  /** What it sees with the defect, and without. */
  readonly broken: unknown;
  readonly mended: unknown;
  /** The rules that the defect breaks in this. */
  readonly findings?: readonly string[];
  /** With the defect, something is left for good. */
  readonly leaks?: true;
}

/** With a node, and a buffer that is closed again at the end. */
export function withSource<T>(on: Bench, work: (node: number, source: number) => T): T {
  const node = openNode(on);
  const source = heapBuffer(on);
  try {
    return work(node, source);
  } finally {
    on.sys.close(source);
    on.sys.close(node);
  }
}

export function withNode<T>(on: Bench, work: (node: number) => T): T {
  const node = openNode(on);
  try {
    return work(node);
  } finally {
    on.sys.close(node);
  }
}

/** With a defect, a run shows what the real driver does, and breaks just the rules that belong to it; without, all is well. */
export function testDefects(cases: readonly DefectCase[]): void {
  describe.each(cases.map((one) => ({ what: '', ...one })))(
    '$id $what',
    ({ id, options, run, broken, mended, findings = [], leaks = false }) => {
      test('as the real driver has it', () => {
        const on = bench(options, [id]);
        expect(run(on)).toEqual(broken);
        if (leaks) expect(() => on.machine.shutdown()).toThrow('left at shutdown');
        else on.machine.shutdown();
        expect([...new Set(rules(on))]).toEqual(findings);
        expect(VCSM_DEFECTS[id].breaks).toEqual(expect.arrayContaining([...findings]));
      });

      test('mended', () => {
        const on = bench(options);
        expect(run(on)).toEqual(mended);
        on.machine.shutdown();
        expect(rules(on)).toEqual([]);
      });
    },
  );
}
