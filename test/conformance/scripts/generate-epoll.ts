/** Random scripts about epoll, for interpreter.c and its twin. */
import { DMA_BUF_IOCTL_EXPORT_SYNC_FILE, DMA_HEAP_IOCTL_ALLOC } from '../../../src/abi/uapi/index.ts';
import { Random } from '../../../src/kernel/index.ts';
import { hex } from './generate.ts';

const EPOLL_EVENTS = [0, 0x1, 0x4, 0x5, 0x2, 0x2fff, 0x8, 0x10, 0x41, 0x345];
const EPOLL_FLAGS = [0, 0, 0, 0x80000000, 0x80000000, 0x40000000, 0xc0000000, 0x10000000, 0x20000000, 0x90000000];

/**
 * One script about epoll. Under the launcher sockets are real and buffers are not, so a script with both has to ask for all events
 * at once, in order of their data; one with buffers alone is also about the order of reports.
 */
class EpollMaker {
  readonly lines: string[] = [];
  readonly #random: Random;
  readonly #isMixed: boolean;
  #data = 0;
  #areas = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#isMixed = random.below(2) === 0;
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#random.below(choices.length)] as T;
  }

  make(): string[] {
    this.lines.push('open /dev/dma_heap/system 2', 'epoll_create1 0');
    this.#buffer();
    this.#syncFile(5);
    if (this.#isMixed) this.lines.push('socketpair 04000');
    else this.lines.push('dup 5', 'dup 6');
    for (let i = 8 + this.#random.below(24); i > 0; i--) this.#step();
    return this.lines;
  }

  #fd(): number {
    return this.#random.below(100) < 95 ? 3 + this.#random.below(8) : this.#pick([-1, 99, 0x7fffffff]);
  }

  /** Mostly the first set; others are mixed sets too when the first one stands in them. */
  #set(): number {
    return this.#random.below(100) < 75 ? 4 : this.#fd();
  }

  #area(content: string): string {
    this.lines.push(`area ${++this.#areas} ${content}`);
    return `@${this.#areas}`;
  }

  #buffer(): void {
    if (this.#areas >= 25) return;
    this.lines.push(`ioctl 3 0x${DMA_HEAP_IOCTL_ALLOC.number.toString(16)} ${this.#area(`${hex(4096, 8)}.*4.${hex(2, 4)}.*8`)}`);
  }

  #syncFile(fd: number): void {
    if (this.#areas >= 25) return;
    const argument = this.#area(`${hex(1 + this.#random.below(3), 4)}.${hex(-1, 4)}`);
    this.lines.push(`ioctl ${fd} 0x${DMA_BUF_IOCTL_EXPORT_SYNC_FILE.number.toString(16)} ${argument}`);
  }

  #control(op: number): void {
    const call = `epoll_ctl ${this.#set()} ${op} ${this.#fd()}`;
    if (this.#random.below(100) < (op === 2 ? 70 : 3)) {
      this.lines.push(call);
      return;
    }
    const events = (this.#pick(EPOLL_EVENTS) | this.#pick(EPOLL_FLAGS)) >>> 0;
    // Each entry another data, so that their order is known.
    const data = this.#random.below(100) < 90 ? String(++this.#data) : `0xffff${hex(++this.#data, 2)}00000001`;
    this.lines.push(`${call} 0x${events.toString(16)} ${data}`);
  }

  #wait(): void {
    const max = this.#isMixed ? 64 : this.#pick([1, 1, 2, 3, 64, 64, 64]);
    this.lines.push(`epoll_wait ${this.#set()} ${max} ${this.#pick([0, 0, 0, 1])}${this.#isMixed ? ' sort' : ''}`);
  }

  #step(): void {
    const fd = this.#fd();
    const add = () => this.#control(1);
    const wait = () => this.#wait();
    const steps: readonly (() => void)[] = [
      ...[add, add, add, add, add, wait, wait, wait, wait, wait, wait],
      () => this.#control(2),
      () => this.#control(3),
      () => this.#control(3),
      () => this.#control(this.#pick([0, 4, -1, 1, 2, 3])),
      () => this.lines.push(`close ${this.#random.below(4) === 0 ? this.#set() : fd}`),
      () => this.lines.push(`dup ${fd}`),
      () => this.lines.push(`dup2 ${fd} ${3 + this.#random.below(8)}`),
      () => this.lines.push(`epoll_create1 ${this.#pick(['0', '0', '02000000', '1'])}`),
      () => this.lines.push(`epoll_create ${this.#pick([1, 0, -1])}`),
      // A socket answers requests otherwise, and may have any number by now.
      () => !this.#isMixed && this.#buffer(),
      () => !this.#isMixed && this.#syncFile(fd),
      () => this.lines.push(`poll 0 ${fd}:${this.#pick(['0x1', '0x5', '0x2fff'])}`),
      () => this.lines.push(`fcntl ${fd} ${this.#pick(['1 0', '3 0', '0 5'])}`),
      () => this.#isMixed && this.lines.push(`write ${fd} ${hex(this.#random.below(256), 1)}`),
      () => this.#isMixed && this.lines.push(`read ${fd} 8`),
    ];
    this.#pick(steps)();
  }
}

/** A file of scripts about epoll, the same for the same seed. */
export function generateEpollScripts(seed: number, count: number): string {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, index) => `== epoll ${seed}.${index}\n${new EpollMaker(random).make().join('\n')}\n`).join('');
}
