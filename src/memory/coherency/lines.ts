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

/** The next line from `line` on of which this holds, or `end`. */
function seek(a: View, b: View, line: number, end: number, size: number, differs: boolean): number {
  const words = size / 4;
  let at = line;
  while (at < end && wordsDiffer(a.words, b.words, at * words, (at + 1) * words) !== differs) at++;
  return at;
}

/**
 * Calls back for each run of lines that differ, in order.
 *
 * @param size of a line in bytes: 32, 64, 128 and so on up to 4096
 */
export function eachDifference(a: View, b: View, { first, end }: Lines, size: number, found: (lines: Lines) => void): void {
  const chunk = CHUNK / size;
  for (let from = first; from < end; from += chunk) {
    const to = Math.min(from + chunk, end);
    if (a.bytes.compare(b.bytes, from * size, to * size, from * size, to * size) === 0) continue;
    for (let at = seek(a, b, from, to, size, true); at < to; ) {
      const clean = seek(a, b, at, to, size, false);
      found({ first: at, end: clean });
      at = seek(a, b, clean, to, size, true);
    }
  }
}

/** The same for runs of lines that do not differ. */
export function eachAgreement(a: View, b: View, { first, end }: Lines, size: number, found: (lines: Lines) => void): void {
  for (let at = seek(a, b, first, end, size, false); at < end; ) {
    const other = seek(a, b, at, end, size, true);
    found({ first: at, end: other });
    at = seek(a, b, other, end, size, false);
  }
}

export function copyLines(from: View, to: View, { first, end }: Lines, size: number): void {
  from.bytes.copy(to.bytes, first * size, first * size, end * size);
}
