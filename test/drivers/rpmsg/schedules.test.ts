import { describe, expect, test } from 'vitest';
import { crashUnderTalks, talkAtOnce } from '../../support/rpmsg-talks.ts';

const seeds = Array.from({ length: 30 }, (_, seed) => seed);

describe('programs that talk at once to a remote', () => {
  test.each(seeds)('get each answer once and in order, and all buffers come back (seed %i)', async (seed) => {
    await expect(talkAtOnce(seed)).resolves.toContain('/dev/rpmsg2');
  });

  test.each(seeds)('get what came in time when it crashes, and it leaves nothing (seed %i)', async (seed) => {
    await expect(crashUnderTalks(seed)).resolves.toBeUndefined();
  });

  test('in the same way for the same seed', async () => {
    expect(await talkAtOnce(7)).toBe(await talkAtOnce(7));
  });
});
