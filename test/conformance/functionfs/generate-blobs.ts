/** Blocks for ep0 that are nearly right: the same for the same seed, so that what a real kernel answered can be compared. */
import { Random } from '../../../src/kernel/index.ts';
import {
  association,
  blockV1,
  blockV2,
  classSpecific,
  companion,
  compat,
  endpoint,
  intf,
  otg,
  property,
  sealed,
  stringsBlock,
} from './blocks.ts';

/** What is written to one open ep0, one after the other. */
export type Writes = readonly Uint8Array[];

/** Numbers of descriptors in the program that writes: an eventfd, a file that is none, nothing. */
export const EVENTFD = 10;
export const NO_EVENTFD = 11;
const NOT_OPEN = 12;

const VENDOR = [0xff, 0, 0] as const;
const bulk = (packet: number) => [intf(0, 2, VENDOR, 1), endpoint(0x81, 2, packet), endpoint(2, 2, packet)];
const superBulk = [intf(0, 2, VENDOR, 1), endpoint(0x81, 2, 1024), companion(4), endpoint(2, 2, 1024), companion(0)];
const many = (packet: number) =>
  [intf(0, 0, VENDOR)].concat(Array.from({ length: 30 }, (_, i) => endpoint((i < 15 ? 0x80 : 0) | ((i % 15) + 1), 2, packet)));
const classes = (packet: number) => [
  association(2),
  otg,
  intf(0, 1, [3, 1, 1], 1),
  classSpecific(9),
  endpoint(0x81, 3, packet),
  intf(1, 1, [0x0b, 0, 0], 3),
  classSpecific(54),
  endpoint(2, 2, packet),
  intf(2, 0, [0xfe, 1, 2]),
  classSpecific(9),
];
const audio = [intf(0, 1, [1, 2, 0]), endpoint(0x83, 1, 192, 0, 0)];
const android = [compat(0, 'WINUSB'), property(0, 1, 'DeviceInterfaceGUID\0', '{F72FE0D4-CBCB-407D-8814-9ED673D0DD6B}\0')];

const DESCRIPTORS: readonly Uint8Array[] = [
  blockV1(bulk(64), bulk(512)),
  blockV1(classes(64), classes(64)),
  blockV1([], bulk(512)),
  blockV2({ fs: bulk(64), hs: bulk(512) }),
  blockV2({ fs: bulk(64), hs: bulk(512), ss: superBulk }),
  blockV2({ fs: bulk(0), hs: bulk(512), ss: superBulk, os: android }),
  blockV2({ fs: classes(64), os: [compat(1, 'MTP'), property(2, 4, 'n', 'word'), property(0, 7, '', '')] }),
  blockV2({ hs: audio, flags: 16 }),
  blockV2({ fs: many(64), hs: many(512) }),
  blockV2({ fs: bulk(64), eventfd: EVENTFD }),
  blockV2({ fs: bulk(64), hs: bulk(512), eventfd: NO_EVENTFD }),
  blockV2({ fs: [otg], hs: [otg], flags: 64 | 128 }),
];

const STRINGS: readonly Uint8Array[] = [
  stringsBlock([[0x0409, 'one', 'two', 'three']]),
  stringsBlock([
    [0x0409, 'Source/Sink', '', 'x'],
    [0x0407, 'Quelle', 'Senke', 'y'],
  ]),
  stringsBlock([[0x0409, 'AIO Test']]),
  stringsBlock([]),
];

const INTERESTING = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x0b, 0x10, 0x1f, 0x20, 0x21, 0x30, 0x7f, 0x80, 0x81, 0x85, 0xfe, 0xff];
/** Where the counts and flags are. */
const HEAD = 32;

class Mutator {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.#random.below(values.length)] as T;
  }

  chance(one: number): boolean {
    return this.#random.below(one) === 0;
  }

  /** Changes a block in one to three places; mostly its length is made right again. */
  mutate(block: Uint8Array): Uint8Array {
    let bytes: number[] = [...block];
    for (let change = this.#random.below(3); change >= 0; change--) bytes = this.#change(bytes);
    return this.chance(6) ? Uint8Array.from(bytes) : sealed(bytes);
  }

  #change(bytes: number[]): number[] {
    const { length } = bytes;
    const at = this.#random.below(this.chance(3) ? Math.min(length, HEAD) : length);
    switch (this.#random.below(8)) {
      case 0:
        return bytes.with(at, this.#random.below(256));
      case 1:
      case 2:
        return bytes.with(at, this.pick(INTERESTING));
      case 3:
        return bytes.with(at, (bytes[at] as number) ^ (1 << this.#random.below(8)));
      case 4:
        return bytes.with(at, ((bytes[at] as number) + (this.chance(2) ? 1 : 255)) & 0xff);
      case 5:
        return length > 8 ? bytes.slice(0, length - 1 - this.#random.below(Math.min(length - 8, 12))) : bytes;
      case 6:
        return [...bytes, ...Array.from({ length: 1 + this.#random.below(12) }, () => this.pick(INTERESTING))];
      default:
        return this.#moveDescriptor(bytes);
    }
  }

  /** Leaves a piece of a descriptor's length out, or says it twice. */
  #moveDescriptor(bytes: number[]): number[] {
    const size = this.pick([1, 3, 6, 7, 9]);
    const at = this.#random.below(bytes.length);
    const piece = this.chance(2) ? bytes.slice(at, at + size) : this.pick([otg, companion(1), endpoint(0x84, 2, 64), classSpecific(9)]);
    return this.chance(2) ? bytes.toSpliced(at, size) : bytes.toSpliced(at, 0, ...piece);
  }

  writes(): Writes {
    const descriptors = this.pick(DESCRIPTORS);
    const strings = this.pick(STRINGS);
    const writes = [this.mutate(descriptors), this.chance(4) ? this.pick(DESCRIPTORS) : descriptors];
    return [...writes, this.mutate(strings), strings];
  }
}

/** @param count of ep0s */
export function generateBlobs(seed: number, count: number): Writes[] {
  const mutator = new Mutator(Random.stream(seed, 'blobs'));
  const blobs = Array.from({ length: count }, () => mutator.writes());
  // Every block as it is, and what a descriptor that is not open gives.
  for (const block of [...DESCRIPTORS, blockV2({ fs: bulk(64), eventfd: NOT_OPEN })]) blobs.push([block, ...STRINGS]);
  return blobs;
}
