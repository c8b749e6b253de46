/** Records of how two buffers differ: entries of ten bytes, an offset in units of eight and eight bytes of the second buffer. */
import {
  DSA_COMP_DR_ERANGE,
  DSA_COMP_DR_OFFSET_ERANGE,
  DSA_COMP_DR_OFFSET_NOINC,
  DSA_COMP_SUCCESS,
  DSA_COMP_SUCCESS_PRED,
  DSA_COMP_XFER_ERANGE,
  IDXD_OP_FLAG_CR,
} from '../../abi/uapi/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import type { Completion, Descriptor, DeviceMemory } from '../../ports/dsa/index.ts';
import { DIFFERENT, EQUAL } from './compare.ts';
import { eachPiece, fetch, put, TranslationFault } from './device-access.ts';
import { misaligned } from './move.ts';

const ENTRY = 10;
const WORD = 8;
/** What 16 bits of offset reach. */
const SPAN_MAX = 0x80000;
const RECORD_MIN = 80;
const TOO_SMALL = 2;

/** Ends the walk when the record is full. */
class Full {}

export function* createDelta(descriptor: Descriptor, memory: DeviceMemory, record: Completion): Kernel<number> {
  const { source, destination: other, size, view, flags } = descriptor;
  const delta = descriptor.u64(40);
  const room = view.getUint32(48, true);
  if (size % WORD !== 0 || size > SPAN_MAX) return DSA_COMP_XFER_ERANGE;
  const unaligned = misaligned(source, other, delta);
  if (unaligned !== undefined) return unaligned;
  if (room < RECORD_MIN || room % ENTRY !== 0) return DSA_COMP_DR_ERANGE;
  let used = 0;
  try {
    yield* eachPiece(memory, source, size, function* (bytes, at) {
      const others = yield* memory.read(other + at, bytes.length);
      const words = Math.floor(others.length / WORD);
      for (let word = 0; word < words; word++) {
        const place = word * WORD;
        if (isDifferent(bytes, others, place)) {
          record.result = DIFFERENT;
          if (used + ENTRY > room) throw new Full();
          yield* put(memory, delta + used, entry((at + place) / WORD, others.subarray(place, place + WORD)));
          used += ENTRY;
        }
        record.completed = at + place + WORD;
        record.specific.setUint32(0, used, true);
      }
      if (others.length < bytes.length) throw new TranslationFault(other + at + others.length, false);
    });
  } catch (error) {
    if (!(error instanceof Full)) throw error;
    record.result = TOO_SMALL;
  }
  record.specific.setUint32(0, used, true);
  if (record.result === EQUAL || record.result === DIFFERENT) record.completed = size;
  const isExpected = ((view.getUint8(56) >> record.result) & 1) !== 0;
  return (flags & IDXD_OP_FLAG_CR) === 0 || isExpected ? DSA_COMP_SUCCESS : DSA_COMP_SUCCESS_PRED;
}

export function* applyDelta(descriptor: Descriptor, memory: DeviceMemory, record: Completion): Kernel<number> {
  const { source: delta, destination, size, view } = descriptor;
  const length = view.getUint32(40, true);
  if (size % WORD !== 0 || size > SPAN_MAX) return DSA_COMP_XFER_ERANGE;
  const unaligned = misaligned(delta, destination);
  if (unaligned !== undefined) return unaligned;
  if (length === 0 || length % ENTRY !== 0) return DSA_COMP_DR_ERANGE;
  let before = -1;
  for (let at = 0; at < length; at += ENTRY) {
    const bytes = yield* fetch(memory, delta + at, ENTRY);
    const offset = ((bytes[0] as number) | ((bytes[1] as number) << 8)) * WORD;
    if (offset <= before) return DSA_COMP_DR_OFFSET_NOINC;
    if (offset >= size) return DSA_COMP_DR_OFFSET_ERANGE;
    yield* put(memory, destination + offset, bytes.subarray(2));
    before = offset;
    record.completed = at + ENTRY;
  }
  return DSA_COMP_SUCCESS;
}

function isDifferent(a: Uint8Array, b: Uint8Array, at: number): boolean {
  for (let i = at; i < at + WORD; i++) if (a[i] !== b[i]) return true;
  return false;
}

function entry(offset: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(ENTRY);
  bytes[0] = offset & 0xff;
  bytes[1] = offset >> 8;
  bytes.set(data, 2);
  return bytes;
}
