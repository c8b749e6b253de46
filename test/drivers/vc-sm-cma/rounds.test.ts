import { expect, test } from 'vitest';
import { runVideoCoreRounds } from '../../support/videocore-rounds.ts';

const SHARES = 150;

test.each([1, 2, 3, 4, 5, 6])('signals, kills and crashes at any moment leave nothing, and both sides agree (seed %d)', (seed) => {
  const { shared, failed, killed } = runVideoCoreRounds(seed, SHARES);
  expect(shared).toBeGreaterThanOrEqual(SHARES);
  expect(failed).toBeGreaterThan(0);
  expect(killed).toBeGreaterThan(0);
});
