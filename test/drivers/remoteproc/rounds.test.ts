import { expect, test } from 'vitest';
import { runRounds } from '../../support/remoteproc-rounds.ts';

test('300 starts, stops and crashes with messages in flight leave nothing', { timeout: 120_000 }, () => {
  const { starts, stops, crashes, sent, received, cutOff } = runRounds(1, 300);
  expect(starts + stops + crashes).toBe(300);
  for (const count of [starts, stops, crashes]) expect(count).toBeGreaterThan(50);
  for (const count of [sent, received, cutOff]) expect(count).toBeGreaterThan(20);
});
