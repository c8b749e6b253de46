import { describe, expect, test } from 'vitest';
import { isErrno } from '../../src/abi/index.ts';
import {
  enableIrq,
  freeIrq,
  IRQ_HANDLED,
  IRQ_NONE,
  IRQ_NOTCONNECTED,
  IRQ_TYPE_LEVEL_HIGH,
  IRQ_WAKE_THREAD,
  IRQF_COND_ONESHOT,
  IRQF_COND_SUSPEND,
  IRQF_NO_AUTOEN,
  IRQF_NO_SUSPEND,
  IRQF_ONESHOT,
  IRQF_PROBE_SHARED,
  IRQF_SHARED,
  IRQF_TRIGGER_HIGH,
  IRQF_TRIGGER_RISING,
  type IrqRequest,
  requestIrq,
} from '../../src/irq/index.ts';
import { bootIrqs } from './fixture.ts';

const handler = () => IRQ_HANDLED;
function* thread() {
  return IRQ_HANDLED;
}

/** The errno that a function fails with; undefined when it does not. */
function codeOf(act: () => void): string | undefined {
  try {
    act();
  } catch (error) {
    if (isErrno(error)) return error.code;
    throw error;
  }
  return undefined;
}

describe('what a request is refused for', () => {
  const refused: readonly (readonly [string, Partial<IrqRequest>, string])[] = [
    ['shared, and no device', { handler, flags: IRQF_SHARED }, 'EINVAL'],
    ['shared, and not enabled by itself', { handler, flags: IRQF_SHARED | IRQF_NO_AUTOEN, devId: 1 }, 'EINVAL'],
    ['not shared, and on in suspend if others are', { handler, flags: IRQF_COND_SUSPEND }, 'EINVAL'],
    ['both ways of suspend', { handler, flags: IRQF_SHARED | IRQF_COND_SUSPEND | IRQF_NO_SUSPEND, devId: 1 }, 'EINVAL'],
    ['nothing to call', {}, 'EINVAL'],
    ['a thread alone, not one-shot', { thread }, 'EINVAL'],
    ['a trigger that the controller has not', { handler, flags: IRQF_TRIGGER_HIGH | IRQF_TRIGGER_RISING }, 'EINVAL'],
  ];
  test.each(refused)('%s', (_what, request, code) => {
    const { machine, all, intc } = bootIrqs();
    const irq = intc.irq(1);
    expect(codeOf(() => requestIrq(all, irq, { name: 'bad', ...request }))).toBe(code);
    expect(all.get(irq)?.actions).toEqual([]);
    machine.shutdown();
  });

  test('no such interrupt, nothing that controls it, a line that is not connected', () => {
    const { machine, all } = bootIrqs();
    expect(codeOf(() => requestIrq(all, 77, { name: 'bad', handler }))).toBe('EINVAL');
    expect(codeOf(() => requestIrq(all, all.allocate(1), { name: 'bad', handler }))).toBe('ENOSYS');
    expect(codeOf(() => requestIrq(all, IRQ_NOTCONNECTED, { name: 'bad', handler }))).toBe('ENOTCONN');
    machine.shutdown();
  });
});

describe('sharing', () => {
  const first: IrqRequest = { name: 'first', devId: 1, handler, flags: IRQF_SHARED | IRQF_TRIGGER_HIGH };
  const cases: readonly (readonly [string, IrqRequest, Partial<IrqRequest>, string | undefined])[] = [
    ['alike', first, { flags: IRQF_SHARED | IRQF_TRIGGER_HIGH }, undefined],
    ['the second takes the trigger as it is', first, { flags: IRQF_SHARED }, undefined],
    ['the second does not share', first, { flags: IRQF_TRIGGER_HIGH }, 'EBUSY'],
    ['the first does not share', { ...first, flags: IRQF_TRIGGER_HIGH }, { flags: IRQF_SHARED }, 'EBUSY'],
    ['another trigger', first, { flags: IRQF_SHARED | IRQF_TRIGGER_RISING }, 'EBUSY'],
    ['one-shot or not', first, { flags: IRQF_SHARED | IRQF_ONESHOT }, 'EBUSY'],
    ['one-shot if the other is', { ...first, flags: IRQF_SHARED | IRQF_ONESHOT }, { flags: IRQF_SHARED | IRQF_COND_ONESHOT }, undefined],
  ];
  test.each(cases)('%s', (_what, one, other, code) => {
    const { machine, all, intc, run } = bootIrqs();
    const irq = intc.irq(1);
    requestIrq(all, irq, one);
    expect(codeOf(() => requestIrq(all, irq, { name: 'second', devId: 2, handler, ...other }))).toBe(code);
    if (code === undefined) run(freeIrq(all, irq, 2));
    else expect(machine.system.log.toString()).toMatch(/genirq: Flags mismatch irq 1\. [0-9a-f]{8} \(second\) vs\. [0-9a-f]{8} \(first\)/);
    run(freeIrq(all, irq, 1));
    machine.shutdown();
  });

  test('who only asks whether it could is not complained of', () => {
    const { machine, all, intc, run } = bootIrqs();
    const irq = intc.irq(1);
    requestIrq(all, irq, { name: 'first', handler });
    expect(codeOf(() => requestIrq(all, irq, { name: 'second', devId: 2, handler, flags: IRQF_PROBE_SHARED }))).toBe('EBUSY');
    expect(machine.system.log.toString()).not.toContain('mismatch');
    run(freeIrq(all, irq));
    machine.shutdown();
  });
});

test('with IRQF_NO_AUTOEN it waits to be enabled', () => {
  const { machine, all, intc, run, pass } = bootIrqs();
  const irq = intc.irq(1);
  let handled = 0;
  const lowering = () => {
    handled++;
    intc.line(1).lower();
    return IRQ_HANDLED;
  };
  requestIrq(all, irq, { name: 'late', handler: lowering, flags: IRQF_NO_AUTOEN });
  intc.line(1).raise();
  pass(10_000);
  expect(handled).toBe(0);
  enableIrq(all, irq);
  pass(10_000);
  expect(handled).toBe(1);
  run(freeIrq(all, irq));
  machine.shutdown();
});

describe('rules', () => {
  test('enabling more often than disabling', () => {
    const { machine, all, intc, run } = bootIrqs();
    const irq = intc.irq(1);
    requestIrq(all, irq, { name: 'bell', handler });
    machine.system.findings.expect('irq-unbalanced-enable');
    enableIrq(all, irq);
    expect(machine.system.findings.all.map(({ text }) => text)).toEqual(['Unbalanced enable for IRQ 1']);
    run(freeIrq(all, irq));
    machine.shutdown();
  });

  test('freeing twice', () => {
    const { machine, all, intc, run } = bootIrqs();
    machine.system.findings.expect('irq-already-free');
    run(freeIrq(all, intc.irq(1)));
    expect(machine.system.findings.all.map(({ text }) => text)).toEqual(['Trying to free already-free IRQ 1']);
    machine.shutdown();
  });

  test('waking a thread that there is not', () => {
    const { machine, all, intc, run, pass } = bootIrqs();
    const irq = intc.irq(1);
    machine.system.findings.expect('irq-no-thread');
    requestIrq(all, irq, { name: 'bell', handler: () => IRQ_WAKE_THREAD, flags: IRQF_TRIGGER_RISING });
    intc.line(1).pulse();
    pass(10_000);
    expect(machine.system.findings.all).toHaveLength(1);
    run(freeIrq(all, irq));
    machine.shutdown();
  });

  test('a request that is left at shutdown is named', () => {
    const { machine, all, intc } = bootIrqs();
    requestIrq(all, intc.irq(1), { name: 'bell', handler });
    expect(() => machine.shutdown()).toThrow(/interrupt 1 for bell, made by the kernel/);
  });
});

describe('a line that nobody quiets', () => {
  test('is switched off when nobody cares, and the time goes on', () => {
    const { machine, all, intc, run, pass } = bootIrqs();
    const irq = intc.irq(1);
    machine.system.findings.expect('irq-nobody-cared');
    requestIrq(all, irq, { name: 'deaf', handler: () => IRQ_NONE });
    intc.line(1).raise();
    let ticks = 0;
    for (let i = 1; i <= 10; i++)
      machine.system.clock.schedule(i * 1e6, 'a tick', () => {
        ticks++;
      });
    pass(1e9);
    expect(ticks).toBe(10);
    expect(all.get(irq)?.counts).toEqual([100_000]);
    expect(machine.system.log.lines.map(({ text }) => text)).toEqual([
      'irq 1: nobody cared (try booting with the "irqpoll" option)',
      'handlers:',
      'deaf',
      'Disabling IRQ #1',
    ]);
    run(freeIrq(all, irq));
    machine.shutdown();
  });

  test('and somebody who shares it later enables it again', () => {
    const { machine, all, intc, run, pass } = bootIrqs();
    const irq = intc.irq(1);
    machine.system.findings.expect('irq-nobody-cared');
    requestIrq(all, irq, { name: 'deaf', devId: 1, handler: () => IRQ_NONE, flags: IRQF_SHARED | IRQ_TYPE_LEVEL_HIGH });
    intc.line(1).raise();
    pass(1e9);
    const before = all.get(irq)?.counts[0] as number;
    const quiet = () => {
      intc.line(1).lower();
      return IRQ_HANDLED;
    };
    requestIrq(all, irq, { name: 'hears', devId: 2, handler: quiet, flags: IRQF_SHARED });
    pass(1e6);
    expect(all.get(irq)?.counts).toEqual([before + 1]);
    run(freeIrq(all, irq, 1));
    run(freeIrq(all, irq, 2));
    machine.shutdown();
  });
});
