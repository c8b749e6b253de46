import { expect, test } from 'vitest';
import { runMutants } from '../../support/firmware-mutants.ts';

test('5000 mutants of firmware are refused or boot, and leave nothing', { timeout: 300_000 }, () => {
  const { refused, booted, crashed } = runMutants(1, 5000);
  expect(refused + booted + crashed).toBe(5000);
  // None of the three is a rarity, or the mutants are no test.
  for (const count of [refused, booted, crashed]) expect(count).toBeGreaterThan(100);
});
