import { describe, expect, test } from 'vitest';
import { runKeembaySchedule, unsaidWith, wrongWithout } from '../../soak/keembay-schedules.ts';

const SEEDS = 1000;

describe('random schedules', () => {
  test(`nothing is lost, repeated or out of order on a channel, of ${SEEDS} seeds`, () => {
    const refused = new Set<string>();
    let crashes = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const outcome = runKeembaySchedule(seed, []);
      for (const code of outcome.refused) refused.add(code);
      if (outcome.crashed) crashes++;
      expect(wrongWithout(outcome), outcome.context).toEqual([]);
      outcome.machine.shutdown();
    }
    expect(crashes).toBeGreaterThan(SEEDS / 5);
    expect(refused).toEqual(new Set(['EBUSY', 'ENOMEM']));
  }, 300_000);

  test(`with the defects, each packet that is lost and each message that goes twice is a finding, of ${SEEDS} seeds`, () => {
    const rules = new Set<string>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const outcome = runKeembaySchedule(seed);
      expect(unsaidWith(outcome), outcome.context).toEqual([]);
      for (const { rule } of outcome.machine.system.findings.all) rules.add(rule);
      outcome.machine.shutdown();
    }
    expect([...rules].sort()).toEqual([
      'keembay-ipc-mailbox-use-after-free',
      'keembay-ipc-sent-though-interrupted',
      'keembay-ipc-slot-leaked',
      'keembay-ipc-slots-lost',
      'keembay-ipc-use-after-free',
    ]);
  }, 300_000);
});
