import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  disableIrqNosync,
  enableIrq,
  freeIrq,
  IRQ_HANDLED,
  IRQ_WAKE_THREAD,
  IRQF_ONESHOT,
  IRQF_TRIGGER_HIGH,
  IRQF_TRIGGER_RISING,
  requestIrq,
} from '../../src/irq/index.ts';
import { sleep } from '../../src/kernel/index.ts';
import { bootIrqs } from './fixture.ts';

const acts = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constant('ring' as const) },
    { weight: 2, arbitrary: fc.constant('disable' as const) },
    { weight: 2, arbitrary: fc.constant('enable' as const) },
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 5000 }) },
  ),
  { maxLength: 60 },
);

/** Does all of it, ends enabled, and lets everything come to rest. */
function carryOut(
  setup: ReturnType<typeof bootIrqs>,
  irq: number,
  plan: readonly (number | 'ring' | 'disable' | 'enable')[],
  ring: () => void,
): void {
  let depth = 0;
  for (const act of plan) {
    if (typeof act === 'number') setup.pass(act);
    else if (act === 'ring') ring();
    else if (act === 'disable') {
      disableIrqNosync(setup.all, irq);
      depth++;
    } else if (depth > 0) {
      enableIrq(setup.all, irq);
      depth--;
    }
  }
  for (; depth > 0; depth--) enableIrq(setup.all, irq);
  setup.pass(1e6);
}

describe.each([
  ['without an end of interrupt', false],
  ['with an end of interrupt', true],
])('random schedules, %s', (_name, waitsForEnd) => {
  test('every ring by an edge is seen by a handler that runs after it, and none runs while it is disabled', () => {
    fc.assert(
      fc.property(acts, (plan) => {
        const setup = bootIrqs({ waitsForEnd });
        const { machine, all, intc, run } = setup;
        const irq = intc.irq(3);
        let rings = 0;
        let seen = 0;
        requestIrq(all, irq, {
          name: 'edge',
          flags: IRQF_TRIGGER_RISING,
          handler: () => {
            expect(all.get(irq)?.depth, 'a handler runs while its line is disabled').toBe(0);
            seen = rings;
            return IRQ_HANDLED;
          },
        });
        carryOut(setup, irq, plan, () => {
          rings++;
          intc.line(3).pulse();
        });
        expect(seen, 'a ring that no handler saw').toBe(rings);
        run(freeIrq(all, irq));
        machine.shutdown();
      }),
    );
  });

  test('a level is quieted by its thread, which is never entered twice, and no handler runs before it is done', () => {
    fc.assert(
      fc.property(acts, (plan) => {
        const setup = bootIrqs({ waitsForEnd });
        const { machine, all, intc, run } = setup;
        const irq = intc.irq(3);
        const line = intc.line(3);
        let threads = 0;
        requestIrq(all, irq, {
          name: 'level',
          flags: IRQF_TRIGGER_HIGH | IRQF_ONESHOT,
          handler: () => {
            expect(threads, 'an interrupt while its thread is at work').toBe(0);
            return IRQ_WAKE_THREAD;
          },
          *thread() {
            expect(++threads).toBe(1);
            yield* sleep(700);
            line.lower();
            threads--;
            return IRQ_HANDLED;
          },
        });
        carryOut(setup, irq, plan, () => line.raise());
        expect(line.isHigh, 'a line that nobody quieted').toBe(false);
        run(freeIrq(all, irq));
        machine.shutdown();
      }),
    );
  });
});
