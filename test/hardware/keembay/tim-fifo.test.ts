import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TimIpcFifo } from '../../../src/hardware/keembay/index.ts';
import {
  fillLevelOf,
  TIM_IPC_FIFO as PUSH,
  TIM_IPC_FIFO_ATM,
  TIM_IPC_FIFO_DEPTH,
  TIM_IPC_FIFO_EMPTY,
  TIM_IPC_FIFO_OF_FLAG0,
  TIM_IPC_FIFO_OF_FLAG1,
  TIM_IPC_FIFO_STAT,
} from '../../../src/ports/keembay/index.ts';

function makeFifo() {
  let isHigh = false;
  const fifo = new TimIpcFifo({
    raise: () => {
      isHigh = true;
    },
    lower: () => {
      isHigh = false;
    },
  });
  return { fifo, isHigh: () => isHigh };
}

describe('a TIM FIFO', () => {
  test('gives words in their order, without the id of their writer', () => {
    const { fifo } = makeFifo();
    fifo.write(PUSH, 0x84000041);
    fifo.write(PUSH, 0xffffffc0);
    expect(fifo.read(TIM_IPC_FIFO_STAT)).toBe(0x00020200);
    expect(fifo.read(TIM_IPC_FIFO_ATM)).toBe(0x84000040);
    expect(fifo.read(TIM_IPC_FIFO_STAT)).toBe(0x00010201);
    expect(fifo.read(TIM_IPC_FIFO_ATM)).toBe(0xffffffc0);
    expect(fifo.read(TIM_IPC_FIFO_ATM)).toBe(TIM_IPC_FIFO_EMPTY);
  });

  test('notes by writer that it was full, and forgets what is written back', () => {
    const { fifo } = makeFifo();
    for (let i = 0; i < TIM_IPC_FIFO_DEPTH; i++) fifo.write(PUSH, i << 6);
    for (const id of [0, 5, 31, 32, 62, 63]) fifo.write(PUSH, 0x1000 | id);
    expect(fifo.read(TIM_IPC_FIFO_OF_FLAG0)).toBe(0x80000021);
    expect(fifo.read(TIM_IPC_FIFO_OF_FLAG1)).toBe(0x40000001);
    fifo.write(TIM_IPC_FIFO_OF_FLAG0, 0x1);
    fifo.write(TIM_IPC_FIFO_OF_FLAG1, 0);
    expect(fifo.read(TIM_IPC_FIFO_OF_FLAG0)).toBe(0x80000020);
    expect(fifo.read(TIM_IPC_FIFO_OF_FLAG1)).toBe(0x40000001);
    expect(fillLevelOf(fifo.read(TIM_IPC_FIFO_STAT))).toBe(TIM_IPC_FIFO_DEPTH);
    expect(fifo.highWater).toBe(TIM_IPC_FIFO_DEPTH);
    expect(fifo.read(TIM_IPC_FIFO_ATM)).toBe(0);
  });

  test('is a queue of 128, and its output says whether it holds a word', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat({ max: 2 ** 26 - 2 }), { nil: 'pop' as const }), { maxLength: 600 }), (acts) => {
        const { fifo, isHigh } = makeFifo();
        const model: number[] = [];
        for (const act of acts) {
          if (act === 'pop') expect(fifo.read(TIM_IPC_FIFO_ATM)).toBe(model.shift() ?? TIM_IPC_FIFO_EMPTY);
          else {
            fifo.write(PUSH, act * 64);
            if (model.length < TIM_IPC_FIFO_DEPTH) model.push(act * 64);
          }
          expect(fillLevelOf(fifo.read(TIM_IPC_FIFO_STAT))).toBe(model.length);
          expect(isHigh()).toBe(model.length > 0);
        }
      }),
    );
  });
});
