import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/kernel/index.ts';

describe('the clock', () => {
  test('time moves to the next event, and nowhere else', () => {
    const clock = new Clock(100);
    const seen: number[] = [];
    clock.schedule(50, 'late', () => seen.push(clock.now()));
    clock.schedule(10, 'early', () => seen.push(clock.now()));
    expect([clock.now(), clock.nextAt_ns, clock.pending]).toEqual([100, 110, 2]);
    while (clock.runNext());
    expect(seen).toEqual([110, 150]);
    expect([clock.now(), clock.pending]).toEqual([150, 0]);
  });

  test('runUntil runs what is due and stops there', () => {
    const clock = new Clock(0);
    const seen: string[] = [];
    clock.schedule(10, 'due', () => seen.push('due'));
    clock.schedule(21, 'not due', () => seen.push('not due'));
    clock.runUntil(20);
    expect([seen, clock.now()]).toEqual([['due'], 20]);
  });

  test('a cancelled event never runs, and cancelling late does nothing', () => {
    const clock = new Clock(0);
    let ran = 0;
    const cancelled = clock.schedule(1, 'cancelled', () => ran++);
    const kept = clock.schedule(2, 'kept', () => ran++);
    cancelled.cancel();
    cancelled.cancel();
    expect([cancelled.pending, clock.pending, clock.nextAt_ns]).toEqual([false, 1, 2]);
    clock.runUntil(5);
    kept.cancel();
    expect([ran, clock.pending]).toEqual([1, 0]);
  });

  test('hardware that schedules itself at the same instant for ever is an error that names it', () => {
    const clock = new Clock(0);
    const again = () => void clock.schedule(0, 'the eager device', again);
    again();
    expect(() => {
      while (clock.runNext());
    }).toThrow('the eager device');
  });

  test('an event in the past is refused', () => {
    expect(() => new Clock(5).schedule(-1, 'yesterday', () => {})).toThrow('cannot schedule yesterday');
  });

  test('events run by time, and in the order they were made where times are equal', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ delay: fc.nat(20), cancel: fc.boolean() }), { maxLength: 200 }), (plan) => {
        const clock = new Clock(0);
        const order: number[] = [];
        const events = plan.map(({ delay }, index) => clock.schedule(delay, String(index), () => order.push(index)));
        for (const [index, { cancel }] of plan.entries()) if (cancel) events[index]?.cancel();
        while (clock.runNext());
        const expected = plan
          .map(({ delay, cancel }, index) => ({ delay, cancel, index }))
          .filter(({ cancel }) => !cancel)
          .sort((a, b) => a.delay - b.delay || a.index - b.index)
          .map(({ index }) => index);
        expect(order).toEqual(expected);
      }),
    );
  });
});
