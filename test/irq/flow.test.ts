import { describe, expect, test } from 'vitest';
import {
  disableIrq,
  disableIrqNosync,
  enableIrq,
  freeIrq,
  handleSimpleIrq,
  IRQ_HANDLED,
  IRQ_TYPE_EDGE_BOTH,
  IRQ_WAKE_THREAD,
  IRQF_ONESHOT,
  IRQF_SHARED,
  IRQF_TRIGGER_RISING,
  IrqDomain,
  requestIrq,
  synchronizeIrq,
} from '../../src/irq/index.ts';
import { sleep } from '../../src/kernel/index.ts';
import { bootIrqs, Doorbell } from './fixture.ts';

describe.each([
  ['a controller without an end of interrupt', false],
  ['a controller that waits for the end of interrupts', true],
])('%s', (_name, waitsForEnd) => {
  test('a level interrupts until the device is quiet', () => {
    const { machine, all, intc, run, pass } = bootIrqs({ waitsForEnd });
    const bell = new Doorbell(intc.line(3));
    const irq = intc.irq(3);
    const seen: number[] = [];
    let isDeaf = true;
    requestIrq(all, irq, {
      name: 'bell',
      handler: () => {
        // The first time, the driver does not quiet it.
        if (!isDeaf) seen.push(bell.take());
        isDeaf = false;
        return IRQ_HANDLED;
      },
    });
    bell.ring(1);
    bell.ring(2);
    expect(seen).toEqual([]);
    pass(10_000);
    expect(seen).toEqual([3]);
    expect(all.get(irq)?.counts).toEqual([2]);
    run(freeIrq(all, irq));
    machine.shutdown();
  });

  test('a line that was lowered in time does not interrupt', () => {
    const { machine, all, intc, run, pass } = bootIrqs({ waitsForEnd });
    const irq = intc.irq(0);
    requestIrq(all, irq, { name: 'bell', handler: () => IRQ_HANDLED });
    intc.line(0).raise();
    intc.line(0).lower();
    pass(10_000);
    expect(all.get(irq)?.counts).toEqual([0]);
    run(freeIrq(all, irq));
    machine.shutdown();
  });

  test('each edge interrupts, whatever the line is then; edges before the interrupt is taken are one', () => {
    const { machine, all, intc, run, pass } = bootIrqs({ waitsForEnd });
    const irq = intc.irq(5);
    const line = intc.line(5);
    let handled = 0;
    const handler = () => {
      // One more while it is handled.
      if (++handled === 1) line.pulse();
      return IRQ_HANDLED;
    };
    requestIrq(all, irq, { name: 'bell', handler, flags: IRQF_TRIGGER_RISING });
    line.pulse();
    line.pulse();
    pass(10_000);
    expect(handled).toBe(2);
    line.raise();
    pass(10_000);
    expect(handled).toBe(3);
    run(freeIrq(all, irq));
    machine.shutdown();
  });

  test('both edges of a line', () => {
    const { machine, all, intc, run, pass } = bootIrqs({ waitsForEnd });
    const irq = intc.irq(5);
    requestIrq(all, irq, { name: 'bell', handler: () => IRQ_HANDLED, flags: IRQ_TYPE_EDGE_BOTH });
    intc.line(5).raise();
    pass(10_000);
    intc.line(5).lower();
    pass(10_000);
    expect(all.get(irq)?.counts).toEqual([2]);
    run(freeIrq(all, irq));
    machine.shutdown();
  });

  test('an edge that comes while it is disabled comes when it is enabled', () => {
    const { machine, all, intc, run, pass } = bootIrqs({ waitsForEnd });
    const irq = intc.irq(5);
    let handled = 0;
    const handler = () => {
      handled++;
      return IRQ_HANDLED;
    };
    requestIrq(all, irq, { name: 'bell', handler, flags: IRQF_TRIGGER_RISING });
    disableIrqNosync(all, irq);
    disableIrqNosync(all, irq);
    for (let i = 0; i < 3; i++) {
      intc.line(5).pulse();
      pass(10_000);
    }
    enableIrq(all, irq);
    pass(10_000);
    expect(handled, 'disabled twice, enabled once').toBe(0);
    enableIrq(all, irq);
    pass(10_000);
    expect(handled, 'three edges are one').toBe(1);
    run(freeIrq(all, irq));
    machine.shutdown();
  });

  test('a thread does what may wait, and the line stays masked until it is done', () => {
    const { machine, all, intc, run, pass } = bootIrqs({ waitsForEnd });
    const bell = new Doorbell(intc.line(1));
    const irq = intc.irq(1);
    const log: string[] = [];
    requestIrq(all, irq, {
      name: 'bell',
      flags: IRQF_ONESHOT,
      *thread() {
        log.push('thread');
        yield* sleep(50_000);
        log.push(`took ${bell.take()}`);
        return IRQ_HANDLED;
      },
    });
    bell.ring(4);
    pass(20_000);
    expect(log).toEqual(['thread']);
    expect(all.get(irq)?.counts, 'the line is high, but masked').toEqual([1]);
    run(synchronizeIrq(all, irq));
    expect(log).toEqual(['thread', 'took 4']);
    bell.ring(8);
    pass(100_000);
    expect(log).toEqual(['thread', 'took 4', 'thread', 'took 8']);
    run(freeIrq(all, irq));
    machine.shutdown();
  });

  test('drivers that share a line are all asked, and each by its own thread', () => {
    const { machine, all, intc, run, pass } = bootIrqs({ waitsForEnd });
    const irq = intc.irq(2);
    const line = intc.line(2);
    const log: string[] = [];
    for (const name of ['first', 'second']) {
      requestIrq(all, irq, {
        name,
        devId: name,
        flags: IRQF_SHARED | IRQF_ONESHOT,
        handler: (_irq, devId) => {
          log.push(`${devId}`);
          return IRQ_WAKE_THREAD;
        },
        *thread(_irq, devId) {
          yield* sleep(devId === 'first' ? 10_000 : 20_000);
          log.push(`thread of ${devId}`);
          if (devId === 'second') line.lower();
          return IRQ_HANDLED;
        },
      });
    }
    line.raise();
    pass(100_000);
    expect(log).toEqual(['first', 'second', 'thread of first', 'thread of second']);
    run(freeIrq(all, irq, 'first'));
    run(freeIrq(all, irq, 'second'));
    machine.shutdown();
  });
});

test('free_irq waits for the thread', () => {
  const { machine, all, intc, run, pass } = bootIrqs();
  const irq = intc.irq(1);
  let done = false;
  requestIrq(all, irq, {
    name: 'slow',
    flags: IRQF_ONESHOT | IRQF_TRIGGER_RISING,
    *thread() {
      yield* sleep(1_000_000);
      done = true;
      return IRQ_HANDLED;
    },
  });
  intc.line(1).pulse();
  pass(2000);
  expect(done).toBe(false);
  run(freeIrq(all, irq));
  expect(done).toBe(true);
  machine.shutdown();
});

test('disable_irq waits for the thread, and nothing comes until it is enabled', () => {
  const { machine, all, intc, run, pass } = bootIrqs();
  const irq = intc.irq(1);
  let done = 0;
  requestIrq(all, irq, {
    name: 'slow',
    flags: IRQF_ONESHOT | IRQF_TRIGGER_RISING,
    *thread() {
      yield* sleep(1_000_000);
      done++;
      return IRQ_HANDLED;
    },
  });
  intc.line(1).pulse();
  pass(2000);
  run(disableIrq(all, irq));
  expect(done).toBe(1);
  intc.line(1).pulse();
  pass(1e7);
  expect(done).toBe(1);
  enableIrq(all, irq);
  pass(1e7);
  expect(done).toBe(2);
  run(freeIrq(all, irq));
  machine.shutdown();
});

test('an interrupt of software needs no acknowledgement', () => {
  const { machine, all, run } = bootIrqs();
  const domain = new IrqDomain(all, {
    name: 'SOFT',
    ops: { map: (desc, hwirq) => domain.setChip(desc.irq, hwirq, { name: 'SOFT' }, undefined, handleSimpleIrq) },
  });
  const irq = domain.createMapping(4);
  let handled = 0;
  const handler = () => {
    handled++;
    return IRQ_HANDLED;
  };
  requestIrq(all, irq, { name: 'soft', handler });
  domain.handle(4);
  disableIrqNosync(all, irq);
  domain.handle(4);
  expect(handled).toBe(1);
  enableIrq(all, irq);
  machine.system.scheduler.settle();
  expect(handled, 'what came while it was disabled comes then').toBe(2);
  run(freeIrq(all, irq));
  machine.shutdown();
});
