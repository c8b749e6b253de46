import { expect, test } from 'vitest';
import { runSchedule } from './schedules.ts';

test('random programs end, leave nothing, and repeat for their seed', () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 150; seed++) {
    const label = `runSchedule(${seed})`;
    let trace = '';
    expect(() => {
      trace = runSchedule(seed);
    }, label).not.toThrow();
    expect(runSchedule(seed), label).toBe(trace);
    seen.add(trace);
  }
  expect(seen.size).toBe(150);
});
