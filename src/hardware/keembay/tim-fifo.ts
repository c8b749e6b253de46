import {
  PROCESSOR_ID_MASK,
  TIM_IPC_FIFO,
  TIM_IPC_FIFO_ATM,
  TIM_IPC_FIFO_DEPTH,
  TIM_IPC_FIFO_EMPTY,
  TIM_IPC_FIFO_OF_FLAG0,
  TIM_IPC_FIFO_OF_FLAG1,
  TIM_IPC_FIFO_STAT,
  type TimIpcRegisters,
} from '../../ports/keembay/index.ts';

/** What the FIFO's output drives: an interrupt controller's input, or the firmware's attention. */
export interface LevelOutput {
  raise(): void;
  lower(): void;
}

/**
 * A TIM IPC FIFO: section 2 of docs/reference/keembay-ipc.md.
 *
 * Invariant: its output is high exactly while it holds a word.
 */
export class TimIpcFifo implements TimIpcRegisters {
  readonly #output: LevelOutput;
  readonly #words = new Uint32Array(TIM_IPC_FIFO_DEPTH);
  #readAt = 0;
  #writeAt = 0;
  #fill = 0;
  #overflow0 = 0;
  #overflow1 = 0;
  /** The most words that it ever held. */
  highWater = 0;
  /** Pushes that found it full, by processor id. */
  readonly overflows = new Map<number, number>();

  constructor(output: LevelOutput) {
    this.#output = output;
  }

  /** Words that it holds. */
  get fill(): number {
    return this.#fill;
  }

  read(offset: number): number {
    switch (offset) {
      case TIM_IPC_FIFO:
        return this.#pop();
      case TIM_IPC_FIFO_ATM:
        return this.#pop();
      case TIM_IPC_FIFO_STAT:
        return ((this.#fill << 16) | (this.#writeAt << 8) | this.#readAt) >>> 0;
      case TIM_IPC_FIFO_OF_FLAG0:
        return this.#overflow0 >>> 0;
      case TIM_IPC_FIFO_OF_FLAG1:
        return this.#overflow1 >>> 0;
      default:
        return 0;
    }
  }

  write(offset: number, value: number): void {
    if (offset === TIM_IPC_FIFO) this.#push(value >>> 0);
    else if (offset === TIM_IPC_FIFO_OF_FLAG0) this.#overflow0 &= ~value;
    else if (offset === TIM_IPC_FIFO_OF_FLAG1) this.#overflow1 &= ~value;
  }

  /** Forgets its words, as the reset of its processor does. */
  reset(): void {
    this.#readAt = 0;
    this.#writeAt = 0;
    this.#fill = 0;
    this.#output.lower();
  }

  /** What it ever held or refused does not count any more. */
  forgetHistory(): void {
    this.highWater = this.#fill;
    this.overflows.clear();
  }

  #push(word: number): void {
    if (this.#fill === TIM_IPC_FIFO_DEPTH) {
      this.#overflowed(word & PROCESSOR_ID_MASK);
      return;
    }
    this.#words[this.#writeAt] = word;
    this.#writeAt = (this.#writeAt + 1) % TIM_IPC_FIFO_DEPTH;
    this.#fill++;
    if (this.#fill > this.highWater) this.highWater = this.#fill;
    if (this.#fill === 1) this.#output.raise();
  }

  #overflowed(id: number): void {
    if (id < 32) this.#overflow0 |= 1 << id;
    // Nobody has id 63, and it has no flag.
    else if (id < PROCESSOR_ID_MASK) this.#overflow1 |= 1 << (id - 32);
    this.overflows.set(id, (this.overflows.get(id) ?? 0) + 1);
  }

  #pop(): number {
    if (this.#fill === 0) return TIM_IPC_FIFO_EMPTY;
    const word = this.#words[this.#readAt] as number;
    this.#readAt = (this.#readAt + 1) % TIM_IPC_FIFO_DEPTH;
    this.#fill--;
    if (this.#fill === 0) this.#output.lower();
    return (word & ~PROCESSOR_ID_MASK) >>> 0;
  }
}
