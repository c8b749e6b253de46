/**
 * Finding the cache lines in which two equally long memories differ. Programs may write to one of them meanwhile, as another
 * processor would: whoever copies a line must take what it copied, not look again.
 */

/** Lines that follow each other: the first, and the one after the last. */
export interface Lines {
  readonly first: number;
  readonly end: number;
}

/** Bytes, and the same as words. */
export class View {
  readonly bytes: Buffer;
  readonly words: Int32Array;

  /** @param bytes a number of lines, word aligned */
  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  }

  /** Whether these are still the bytes of an object that may have been mapped again elsewhere. */
  shows(bytes: Uint8Array): boolean {
    return this.bytes.buffer === bytes.buffer && this.bytes.byteOffset === bytes.byteOffset;
  }
}

/** What is compared at once; it is worth a call, and a difference costs a look at no more than this. In bytes. */
const CHUNK = 16_384;

function eightWordsDiffer(a: Int32Array, b: Int32Array, at: number): boolean {
  return (
    a[at] !== b[at] ||
    a[at + 1] !== b[at + 1] ||
    a[at + 2] !== b[at + 2] ||
    a[at + 3] !== b[at + 3] ||
    a[at + 4] !== b[at + 4] ||
    a[at + 5] !== b[at + 5] ||
    a[at + 6] !== b[at + 6] ||
    a[at + 7] !== b[at + 7]
  );
}

function wordsDiffer(a: Int32Array, b: Int32Array, from: number, to: number): boolean {
  for (let at = from; at < to; at += 8) if (eightWordsDiffer(a, b, at)) return true;
  return false;
}

/** @param size of a line in bytes, a multiple of 32 */
export function lineDiffers(a: View, b: View, line: number, size: number): boolean {
  const words = size / 4;
  return wordsDiffer(a.words, b.words, line * words, (line + 1) * words);
}

/** The next line that differs from word `at` on, as its first word, or `end`. @param words of a line */
function nextDifference(a: Int32Array, b: Int32Array, from: number, end: number, words: number): number {
  let at = from;
  while (at < end && !wordsDiffer(a, b, at, at + words)) at += words;
  return at;
}

/** The next line that does not. */
function nextAgreement(a: Int32Array, b: Int32Array, from: number, end: number, words: number): number {
  let at = from;
  while (at < end && wordsDiffer(a, b, at, at + words)) at += words;
  return at;
}

/**
 * Calls back for each run of lines that differ, in order.
 *
 * @param size of a line in bytes: 32, 64, 128 and so on up to 4096
 */
export function eachDifference(a: View, b: View, { first, end }: Lines, size: number, found: (lines: Lines) => void): void {
  const words = size / 4;
  for (let from = first * size; from < end * size; from += CHUNK) {
    const to = Math.min(from + CHUNK, end * size);
    if (a.bytes.compare(b.bytes, from, to, from, to) === 0) continue;
    for (let at = nextDifference(a.words, b.words, from / 4, to / 4, words); at < to / 4; ) {
      const after = nextAgreement(a.words, b.words, at, to / 4, words);
      found({ first: at / words, end: after / words });
      at = nextDifference(a.words, b.words, after, to / 4, words);
    }
  }
}

/** The same for runs of lines that do not differ. */
export function eachAgreement(a: View, b: View, { first, end }: Lines, size: number, found: (lines: Lines) => void): void {
  const words = size / 4;
  for (let at = nextAgreement(a.words, b.words, first * words, end * words, words); at < end * words; ) {
    const after = nextDifference(a.words, b.words, at, end * words, words);
    found({ first: at / words, end: after / words });
    at = nextAgreement(a.words, b.words, after, end * words, words);
  }
}

/** Up to how many words a loop beats a call. */
const LOOP_WORDS_MAX = 256;

export function copyLines(from: View, to: View, { first, end }: Lines, size: number): void {
  const begin = (first * size) / 4;
  const words = ((end - first) * size) / 4;
  if (words > LOOP_WORDS_MAX) to.words.set(from.words.subarray(begin, begin + words), begin);
  else for (let at = begin; at < begin + words; at++) to.words[at] = from.words[at] as number;
}
