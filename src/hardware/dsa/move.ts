/** Operations that write: memmove, fill, dualcast, cache flush. */
import { DSA_COMP_ADDR_ALIGN, DSA_COMP_DCAST_ERR, DSA_COMP_OVERLAP_BUFFERS, DSA_COMP_SUCCESS } from '../../abi/uapi/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import type { Completion, Descriptor, DeviceMemory } from '../../ports/dsa/index.ts';
import { eachPiece, overlap, PIECE, TranslationFault } from './device-access.ts';

const PAGE = 4096;

/** Writes, and counts what was written even when a part could not be. */
function* putCounted(memory: DeviceMemory, address: number, bytes: Uint8Array, record: Completion): Kernel<void> {
  const done = yield* memory.write(address, bytes);
  record.completed += done;
  if (done < bytes.length) throw new TranslationFault(address + done, true);
}

/** From the end, page by page, so that what is still to be read is not overwritten. */
function* moveBackwards({ source, destination, size }: Descriptor, memory: DeviceMemory, record: Completion): Kernel<void> {
  for (let left = size; left > 0; ) {
    const step = Math.min(left, intoPage(source + left), intoPage(destination + left));
    const bytes = yield* memory.read(source + left - step, step);
    if (bytes.length < step) throw new TranslationFault(source + left - step, false);
    const done = yield* memory.write(destination + left - step, bytes);
    if (done < step) throw new TranslationFault(destination + left - step, true);
    left -= step;
    record.completed += step;
  }
}

/** How far before an address its page begins. */
const intoPage = (end: number) => ((end - 1) % PAGE) + 1;

/** The result says in which direction it went, which who goes on after a fault must know. */
export function* memmove(descriptor: Descriptor, memory: DeviceMemory, record: Completion): Kernel<number> {
  const { source, destination, size } = descriptor;
  if (source < destination && overlap(source, destination, size)) {
    record.result = 1;
    yield* moveBackwards(descriptor, memory, record);
  } else {
    yield* eachPiece(memory, source, size, (bytes, at) => putCounted(memory, destination + at, bytes, record));
  }
  return DSA_COMP_SUCCESS;
}

export function* fill({ view, destination, size }: Descriptor, memory: DeviceMemory, record: Completion): Kernel<number> {
  const piece = new Uint8Array(Math.min(PIECE, size));
  for (let at = 0; at < piece.length; at++) piece[at] = view.getUint8(16 + (at % 8));
  for (let at = 0; at < size; at += PIECE) yield* putCounted(memory, destination + at, piece.subarray(0, size - at), record);
  return DSA_COMP_SUCCESS;
}

export function* dualcast(descriptor: Descriptor, memory: DeviceMemory, record: Completion): Kernel<number> {
  const { source, destination: first, size } = descriptor;
  const second = descriptor.u64(40);
  if (first % PAGE !== second % PAGE) return DSA_COMP_DCAST_ERR;
  if (overlap(source, first, size) || overlap(source, second, size) || overlap(first, second, size)) return DSA_COMP_OVERLAP_BUFFERS;
  yield* eachPiece(memory, source, size, function* (bytes, at) {
    const done = yield* memory.write(first + at, bytes);
    // What only one of the two has got is not done.
    const both = yield* memory.write(second + at, bytes.subarray(0, done));
    record.completed += both;
    if (both < done) throw new TranslationFault(second + at + both, true);
    if (done < bytes.length) throw new TranslationFault(first + at + done, true);
  });
  return DSA_COMP_SUCCESS;
}

/** Memory is always what the caches say here: what is left is that the addresses must be there. */
export function* flush({ destination, size }: Descriptor, memory: DeviceMemory, record: Completion): Kernel<number> {
  yield* eachPiece(memory, destination, size, function* (bytes) {
    record.completed += bytes.length;
  });
  return DSA_COMP_SUCCESS;
}

/** @returns the status of addresses that are not multiples of 8, or undefined */
export const misaligned = (...addresses: readonly number[]): number | undefined =>
  addresses.some((address) => address % 8 !== 0) ? DSA_COMP_ADDR_ALIGN : undefined;
