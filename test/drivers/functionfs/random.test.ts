import { describe, expect, test } from 'vitest';
import { runFunctionFsRounds } from '../../support/functionfs-rounds.ts';

describe('a host that stalls, resets and pulls the plug at any packet, against transfers of every kind', () => {
  test.each(Array.from({ length: 20 }, (_, index) => index))('seeds %i × 50', (group) => {
    expect(runFunctionFsRounds(group * 50 + 1, 50)).toBeGreaterThan(0);
  });
});
