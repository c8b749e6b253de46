/** Operations that only look: compare, compare with a pattern. */
import { DSA_COMP_SUCCESS, DSA_COMP_SUCCESS_PRED, IDXD_OP_FLAG_CR } from '../../abi/uapi/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import type { Completion, Descriptor, DeviceMemory } from '../../ports/dsa/index.ts';
import { eachPiece, TranslationFault } from './device-access.ts';

export const EQUAL = 0;
export const DIFFERENT = 1;

/** Where two stretches of a length first differ; that length when they do not. */
function firstDifference(a: Uint8Array, b: Uint8Array, length: number): number {
  let at = 0;
  while (at < length && a[at] === b[at]) at++;
  return at;
}

/** Ends the walk over the pieces. */
class Found {}

function* upToDifference(walk: Kernel<void>): Kernel<void> {
  try {
    yield* walk;
  } catch (error) {
    if (!(error instanceof Found)) throw error;
  }
}

function verdict({ flags, view }: Descriptor, record: Completion): number {
  if ((flags & IDXD_OP_FLAG_CR) === 0) return DSA_COMP_SUCCESS;
  return record.result === view.getUint8(40) ? DSA_COMP_SUCCESS : DSA_COMP_SUCCESS_PRED;
}

function count(record: Completion, same: number, looked: number): void {
  record.completed += same;
  if (same === looked) return;
  record.result = DIFFERENT;
  throw new Found();
}

export function* compare(descriptor: Descriptor, memory: DeviceMemory, record: Completion): Kernel<number> {
  const { source, destination: other, size } = descriptor;
  yield* upToDifference(
    eachPiece(memory, source, size, function* (bytes, at) {
      const others = yield* memory.read(other + at, bytes.length);
      count(record, firstDifference(bytes, others, others.length), others.length);
      if (others.length < bytes.length) throw new TranslationFault(other + at + others.length, false);
    }),
  );
  return verdict(descriptor, record);
}

export function* compareValue(descriptor: Descriptor, memory: DeviceMemory, record: Completion): Kernel<number> {
  const pattern = descriptor.bytes(24, 8);
  yield* upToDifference(
    eachPiece(memory, descriptor.source, descriptor.size, function* (bytes, at) {
      const expected = bytes.map((_, index) => pattern[(at + index) % 8] as number);
      count(record, firstDifference(bytes, expected, bytes.length), bytes.length);
    }),
  );
  return verdict(descriptor, record);
}
