import { describe, expect, test } from 'vitest';
import { type Failure, type Scenario, sweep } from '../support/sweep.ts';
import { FAULT_SCENARIOS } from './fault-scenarios.ts';

const swept = new Map<Scenario, readonly Failure[]>();

function failuresOf(scenario: Scenario): readonly Failure[] {
  const failures = swept.get(scenario) ?? sweep(scenario);
  swept.set(scenario, failures);
  return failures;
}

describe('whatever fails, once', () => {
  test.each(FAULT_SCENARIOS)('$name', (scenario) => {
    const failures = failuresOf(scenario);
    expect(failures.flatMap(({ problems }) => problems)).toEqual([]);
    // It is no sweep when nothing failed, or nobody noticed.
    expect(failures.length).toBeGreaterThan(10);
    expect(failures.filter(({ error }) => error !== undefined).length).toBeGreaterThan(failures.length / 2);
  });

  test('every service fails somewhere', () => {
    const services = new Set(FAULT_SCENARIOS.flatMap(failuresOf).map(({ service }) => service));
    expect([...services].sort()).toEqual(['alloc', 'copy_from_user', 'copy_to_user', 'dma_map', 'fd', 'file', 'page', 'wait']);
  });
});
