import fc from 'fast-check';
import { describe, test } from 'vitest';
import { type FenceStep, runFenceSchedule, STEP_KINDS } from '../soak/fence-schedules.ts';

const step: fc.Arbitrary<FenceStep> = fc.record({ kind: fc.constantFrom(...STEP_KINDS), a: fc.nat(99), b: fc.nat(99) });

describe('any threads that work with fences', () => {
  test('see each signal once, lose no waiter, and never wait for each other', () => {
    const schedule = fc.record({ seed: fc.nat(), threads: fc.array(fc.array(step, { maxLength: 30 }), { minLength: 1, maxLength: 5 }) });
    fc.assert(fc.property(schedule, runFenceSchedule), { numRuns: 1000 });
  });
});
