/** Random scripts about buffers that three exporters share, and the fences on them, for interpreter.c and its twin. */
import { Random } from '../../../src/kernel/index.ts';

/** What a descriptor is, if the calls that made it succeeded. */
type Kind = 'card' | 'heap' | 'node' | 'memfd' | 'buffer' | 'sync';

const CARD = '/dev/dri/card0';
const RENDER = '/dev/dri/renderD128';
/** A card is read by nobody, but scripts must not wait. */
const CARD_FLAGS = '04002';

/** F_SEAL_SHRINK, and what udmabuf does not take. */
const SEALS = [2, 2, 2, 2, 0, 6, 10, 18];

/**
 * One script. It knows roughly what is open, so that most calls have what they need. Nothing in it waits: no access to a buffer begins
 * that has fences, and each poll only looks.
 */
class FenceMaker {
  readonly lines: string[] = [];
  readonly #random: Random;
  readonly #hasMemfd: boolean;
  readonly #files = new Map<number, Kind>();
  readonly #mapped: { readonly line: number; readonly pages: number }[] = [];
  #handles = 0;
  #fences = 0;

  /** @param hasMemfd whether there are buffers of a memory file, too */
  constructor(random: Random, hasMemfd: boolean) {
    this.#random = random;
    this.#hasMemfd = hasMemfd;
  }

  make(): string[] {
    this.#open('card', `open ${CARD} ${CARD_FLAGS}`);
    this.#dumb(3);
    this.#export(3, 1);
    if (this.#chance(50)) this.#open('heap', 'open /dev/dma_heap/system 2');
    if (this.#hasMemfd) this.#udmabuf();
    for (let i = 6 + this.#random.below(16); i > 0; i--) this.#step();
    return this.lines;
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#random.below(choices.length)] as T;
  }

  #chance(percent: number): boolean {
    return this.#random.below(100) < percent;
  }

  /** A call whose result is the lowest free descriptor. */
  #open(kind: Kind, line: string): number {
    let fd = 3;
    while (this.#files.has(fd)) fd++;
    this.#files.set(fd, kind);
    this.lines.push(line);
    return fd;
  }

  /** Mostly a descriptor of that kind. */
  #fd(kind: Kind): number {
    const right = [...this.#files].filter(([, known]) => known === kind).map(([fd]) => fd);
    if (right.length > 0 && this.#chance(94)) return this.#pick(right);
    return this.#chance(90) ? 3 + this.#random.below(8) : this.#pick([-1, 99]);
  }

  #has(kind: Kind): boolean {
    return [...this.#files.values()].includes(kind);
  }

  #handle(): number {
    return this.#chance(92) ? 1 + this.#random.below(Math.max(1, Math.min(4, this.#handles))) : this.#pick([0, 9, 0xffffffff]);
  }

  #dumb(card: number): void {
    this.#handles++;
    this.lines.push(`dumb ${card} ${this.#pick([1, 1, 2, 3])}`);
  }

  #export(card: number, handle: number): void {
    this.#open('buffer', `export ${card} ${handle} ${this.#pick([0, '02', '02', '02000002', '02000000', '02', 1])}`);
  }

  #udmabuf(): void {
    const node = this.#open('node', 'open /dev/udmabuf 2');
    const memfd = this.#open('memfd', `memfd 3 ${this.#pick(SEALS)}`);
    this.#open('buffer', `udmabuf ${node} ${memfd} ${this.#pick([0, 0, 1, 2])} ${this.#pick([1, 1, 2, 3, 0])}`);
  }

  #map(): void {
    const pages = this.#pick([1, 1, 2, 3]);
    // What is at such an offset of a memory file is beyond its end: that is another signal, which in process nobody tells.
    const [offset, fd] =
      this.#chance(75) || this.#files.get(3) !== 'card'
        ? [this.#pick([0, 0, 4096]), this.#fd('buffer')]
        : [this.#pick(['0x100000000', '0x100001000', '0x100002000', '0x100003000']), 3];
    this.lines.push(`mmap ${fd} ${pages * 4096} ${this.#pick([1, 3, 3])} ${this.#pick([1, 1, 1, 2])} ${offset}`);
    this.#mapped.push({ line: this.lines.length, pages });
  }

  #touch(): void {
    if (this.#mapped.length === 0) {
      this.#map();
      return;
    }
    const { line, pages } = this.#pick(this.#mapped);
    const place = `${line} ${4096 * this.#random.below(pages) + this.#random.below(64)}`;
    this.lines.push(this.#chance(50) ? `peek ${place} 4` : `poke ${place} ${(0x100 + this.#random.below(0x100)).toString(16).slice(1)}`);
  }

  #close(kind: Kind): void {
    const fd = this.#fd(kind);
    this.#files.delete(fd);
    this.lines.push(`close ${fd}`);
  }

  #copy(kind: Kind): void {
    const fd = this.#fd(kind);
    this.#open(this.#files.get(fd) ?? kind, `dup ${fd}`);
  }

  #attach(): void {
    this.#fences++;
    this.lines.push(`attach ${this.#fd('card')} ${this.#handle()} ${this.#chance(97) ? this.#random.below(2) : 2}`);
  }

  #signal(): void {
    const fence = this.#chance(95) ? 1 + this.#random.below(Math.max(1, Math.min(6, this.#fences))) : this.#pick([0, 99]);
    this.lines.push(`signal ${this.#fd('card')} ${fence}`);
  }

  #poll(): void {
    const one = () => {
      const kind = this.#chance(60) ? 'buffer' : 'sync';
      return `${this.#fd(kind)}:${this.#pick(['0x1', '0x4', '0x5', '0x5', '0x2fff'])}`;
    };
    this.lines.push(`poll 0 ${Array.from({ length: 1 + this.#random.below(3) }, one).join(' ')}`);
  }

  #exportSync(): void {
    this.#open('sync', `export_sync ${this.#fd('buffer')} ${this.#chance(95) ? 1 + this.#random.below(3) : this.#pick([0, 4])}`);
  }

  #step(): void {
    const say = (line: string) => this.lines.push(line);
    const steps: readonly (readonly [weight: number, step: () => void])[] = [
      [14, () => this.#attach()],
      [9, () => this.#signal()],
      [12, () => this.#poll()],
      [10, () => this.#exportSync()],
      [9, () => say(`import_sync ${this.#fd('buffer')} ${this.#chance(95) ? 1 + this.#random.below(3) : 0} ${this.#fd('sync')}`)],
      [7, () => this.#open('sync', `merge ${this.#fd('sync')} ${this.#fd('sync')}`)],
      [10, () => say(`fences ${this.#fd('sync')}`)],
      [6, () => this.#export(this.#fd('card'), this.#handle())],
      [6, () => say(`import ${this.#fd('card')} ${this.#fd('buffer')}`) && this.#handles++],
      [4, () => this.#dumb(this.#fd('card'))],
      [4, () => say(`shut ${this.#fd('card')} ${this.#handle()}`)],
      [2, () => this.#open('card', `open ${this.#chance(60) ? CARD : RENDER} ${CARD_FLAGS}`)],
      [5, () => this.#has('heap') && this.#open('buffer', `heap ${this.#fd('heap')} ${this.#pick([1, 1, 2])} ${this.#pick([2, 2, 0])}`)],
      [
        3,
        () =>
          this.#has('memfd') &&
          this.#open('buffer', `udmabuf ${this.#fd('node')} ${this.#fd('memfd')} ${this.#pick([0, 1, 3])} ${this.#pick([1, 2])}`),
      ],
      [1, () => this.#has('memfd') && this.#open('memfd', `memfd 2 ${this.#pick(SEALS)}`)],
      [3, () => this.#map()],
      [5, () => this.#touch()],
      [5, () => this.#close('buffer')],
      [4, () => this.#close('sync')],
      [2, () => this.#close('card')],
      [3, () => this.#copy(this.#pick(['buffer', 'sync', 'card'] as const))],
      [4, () => say(`fdinfo ${this.#fd('buffer')}`)],
      [3, () => say('buffers')],
      [2, () => say(`offset ${this.#fd('card')} ${this.#handle()}`)],
      // The end of an access waits for nobody.
      [2, () => say(`sync ${this.#fd('buffer')} ${this.#pick([5, 6, 7, 4, 8])}`)],
      [1, () => say(`deadline ${this.#fd('sync')}`)],
      [1, () => say(`name ${this.#fd('card')} ${this.#handle()}`)],
      [1, () => say(`named ${this.#fd('card')} ${this.#pick([1, 1, 2])}`)],
      [1, () => say(`lseek ${this.#fd('buffer')} 0 2`)],
      [1, () => say(`fcntl ${this.#fd('buffer')} 3 0`)],
    ];
    let at = this.#random.below(steps.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, step] of steps) {
      if (at < weight) {
        step();
        return;
      }
      at -= weight;
    }
  }
}

/** A file of scripts about fences, the same for the same seed. @param hasMemfd whether each has a memory file, and buffers of its pages */
export function generateFenceScripts(seed: number, count: number, hasMemfd = false): string {
  const random = new Random(seed);
  const make = () => new FenceMaker(random, hasMemfd).make().join('\n');
  return Array.from({ length: count }, (_, index) => `== fences ${seed}.${index}\n${make()}\n`).join('');
}
