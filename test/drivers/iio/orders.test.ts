import { isErrno } from '../../../src/abi/index.ts';
import { F_SETFL, IIO_BUFFER_DMABUF_CYCLIC, O_NONBLOCK, O_RDWR } from '../../../src/abi/uapi/index.ts';
import { Random } from '../../../src/kernel/index.ts';
import { allocate, type Bench, bootBench, describe, endProgram, expect, type Radio, test, watchFences } from './fixture.ts';

const STEPS = 100;
const SIZES = [4096, 65_536, 1 << 20];
/** What a program may be told when it does things in any order. */
const REFUSALS = new Set(['EBUSY', 'EPERM', 'EBADF', 'EINVAL', 'EAGAIN', 'ENODEV', 'EINTR']);

/** One run: a program does whatever it can with a device, in any order. @returns what was refused, and each fence's end */
function runOrder(seed: number) {
  const bench = bootBench({ isUnlimited: seed % 2 === 0 }, { seed });
  const { sys, machine } = bench;
  const random = Random.stream(seed, 'orders');
  const refused = new Map<string, number>();
  const statuses: (() => number)[] = [];
  const program = new Program(bench, random, statuses);
  for (let step = 0; step < STEPS; step++) {
    try {
      program.step();
    } catch (error) {
      if (!isErrno(error)) throw error;
      refused.set(error.code, (refused.get(error.code) ?? 0) + 1);
    }
  }
  program.radio.disable();
  machine.system.scheduler.runFor(1e9);
  const pending = statuses.filter((status) => status() === 0).length;
  const incoming = program.isQueued;
  const notEnded = incoming ? 0 : pending;
  if (random.below(2) === 0) endProgram(machine);
  else for (const fd of program.buffers) sys.close(fd);
  machine.system.scheduler.runReady();
  endProgram(machine);
  machine.shutdown();
  return { refused: [...refused.keys()], notEnded, seen: statuses.length };
}

class Program {
  readonly radio: Radio;
  readonly buffers: number[] = [];
  /** Whether something was enqueued while the buffer was disabled: it waits for the next time. */
  isQueued = false;
  readonly #bench: Bench;
  readonly #random: Random;
  readonly #statuses: (() => number)[];
  readonly #isOut: boolean;
  #node: number | undefined;
  #buffer: number | undefined;

  constructor(bench: Bench, random: Random, statuses: (() => number)[]) {
    this.#bench = bench;
    this.#random = random;
    this.#statuses = statuses;
    this.#isOut = random.below(2) === 1;
    this.radio = this.#isOut ? bench.send : bench.receive;
    this.radio.choose(1 + random.below(15));
    this.#open();
    for (let i = 0; i < 2; i++) {
      this.buffers.push(allocate(bench.sys, this.#one(SIZES)));
      if (random.below(4) > 0) this.radio.attach(this.#descriptor, this.buffers[i] as number);
    }
  }

  step(): void {
    const { radio } = this;
    const { sys, machine } = this.#bench;
    switch (this.#random.below(11)) {
      case 0:
        if (radio.enable() === 1) this.isQueued = false;
        break;
      case 1:
        radio.disable();
        break;
      case 2:
        this.#open();
        break;
      case 3:
        if (this.#buffer === undefined || this.#random.below(3) > 0) break;
        sys.close(this.#buffer);
        this.#buffer = undefined;
        break;
      case 4:
        if (this.buffers.length < 4) this.buffers.push(allocate(sys, this.#one(SIZES)));
        break;
      case 5:
        radio.attach(this.#descriptor, this.#any);
        break;
      case 6:
        radio.detach(this.#descriptor, this.#any);
        break;
      case 7:
        if (this.buffers.length > 3) sys.close(this.buffers.shift() as number);
        break;
      case 8:
        machine.system.scheduler.runFor(this.#random.below(500_000));
        break;
      default:
        this.#enqueue();
    }
  }

  #open(): void {
    this.#node ??= this.radio.open(O_RDWR | O_NONBLOCK);
    if (this.#buffer !== undefined) return;
    this.#buffer = this.radio.buffer(this.#node);
    if (this.#random.below(4) > 0) this.#bench.sys.fcntl(this.#buffer, F_SETFL, O_NONBLOCK);
  }

  #enqueue(): void {
    const fd = this.#any;
    const flags = this.#isOut && this.#random.below(8) === 0 ? IIO_BUFFER_DMABUF_CYCLIC : 0;
    this.radio.enqueue(this.#descriptor, fd, 4096, flags);
    if (this.radio.show('buffer0/enable') === '0\n') this.isQueued = true;
    this.#statuses.push(watchFences(this.#bench.sys, fd));
  }

  get #descriptor(): number {
    return this.#buffer ?? 1000;
  }

  get #any(): number {
    return this.buffers.length === 0 ? 1000 : this.#one(this.buffers);
  }

  #one<T>(choice: readonly T[]): T {
    return choice[this.#random.below(choice.length)] as T;
  }
}

describe('whatever a program does in whatever order', () => {
  test('every fence ends, and nothing is left', () => {
    let seen = 0;
    const refusals = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      const { refused, notEnded, seen: count } = runOrder(seed);
      expect(notEnded, `seed ${seed}`).toBe(0);
      for (const code of refused) {
        expect(REFUSALS, `seed ${seed}`).toContain(code);
        refusals.add(code);
      }
      seen += count;
    }
    expect(seen).toBeGreaterThan(100);
    expect([...refusals].sort()).toEqual(expect.arrayContaining(['EBADF', 'EBUSY', 'EPERM']));
  });

  test('the same seed gives the same', () => {
    expect(runOrder(7)).toEqual(runOrder(7));
  });
});
