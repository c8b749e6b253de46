/** Protection information of T10 behind each block: guard, application tag and reference tag, big-endian. */
import { DSA_COMP_DIF_ERR, DSA_COMP_OVERLAP_BUFFERS, DSA_COMP_SUCCESS, DSA_COMP_XFER_ERANGE } from '../../abi/uapi/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import type { Completion, Descriptor, DeviceMemory } from '../../ports/dsa/index.ts';
import { fetch, overlap, put } from './device-access.ts';
import type { Execute } from './operation.ts';

const BLOCK_SIZES = [512, 520, 4096, 4104] as const;
const TRAILER = 8;
const POLYNOMIAL = 0x8bb7;
/** DIF flags. */
const INVERT_SEED = 0x4;
const INVERT_RESULT = 0x8;
/** Source flags. */
export const DIF_ENABLE_ALL_F_ERROR = 0x01;
export const DIF_ALL_F_DETECT = 0x02;
export const DIF_APP_TAG_F_DETECT = 0x04;
export const DIF_APP_AND_REF_TAG_F_DETECT = 0x08;
export const DIF_APP_TAG_INCREMENTS = 0x10;
export const DIF_GUARD_CHECK_DISABLE = 0x20;
export const DIF_REF_TAG_CHECK_DISABLE = 0x40;
export const DIF_REF_TAG_FIXED = 0x80;
/** Destination flags beyond the two about how tags go on. */
export const DIF_APP_TAG_PASS = 0x08;
export const DIF_GUARD_PASS = 0x20;
export const DIF_REF_TAG_PASS = 0x40;
/** What a check found: dif_status. */
const GUARD_WRONG = 1;
const APP_TAG_WRONG = 2;
const REF_TAG_WRONG = 4;
const ALL_F = 8;

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  return crc & 0xffff;
});

function guardOf(block: Uint8Array, difFlags: number): number {
  let crc = (difFlags & INVERT_SEED) !== 0 ? 0xffff : 0;
  for (const byte of block) crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >> 8) ^ byte] as number);
  return (difFlags & INVERT_RESULT) !== 0 ? ~crc & 0xffff : crc;
}

/** Tags of one side, block after block. */
class Tags {
  ref: number;
  readonly mask: number;
  app: number;
  readonly #flags: number;

  constructor(descriptor: Descriptor, at: number, flags: number) {
    const { view } = descriptor;
    this.ref = view.getUint32(at, true);
    this.mask = view.getUint16(at + 4, true);
    this.app = view.getUint16(at + 6, true);
    this.#flags = flags;
  }

  next(): void {
    if ((this.#flags & DIF_REF_TAG_FIXED) === 0) this.ref = (this.ref + 1) >>> 0;
    if ((this.#flags & DIF_APP_TAG_INCREMENTS) !== 0) this.app = (this.app + 1) & 0xffff;
  }

  /** Into the record, for who goes on after a fault. */
  show(record: Completion, at: number): void {
    record.specific.setUint32(at, this.ref, true);
    record.specific.setUint16(at + 4, this.mask, true);
    record.specific.setUint16(at + 6, this.app, true);
  }
}

/** @returns what is wrong with a block's trailer; 0 for nothing, or when it says that it is not to be looked at */
function check(block: Uint8Array, trailer: DataView, tags: Tags, sourceFlags: number, difFlags: number): number {
  const [guard, app, ref] = [trailer.getUint16(0), trailer.getUint16(2), trailer.getUint32(4)];
  const appIsF = app === 0xffff;
  const isAllF = appIsF && ref === 0xffffffff && guard === 0xffff;
  const has = (flag: number) => (sourceFlags & flag) !== 0;
  const isEscaped =
    (has(DIF_ALL_F_DETECT) && isAllF) ||
    (has(DIF_APP_TAG_F_DETECT) && appIsF) ||
    (has(DIF_APP_AND_REF_TAG_F_DETECT) && appIsF && ref === 0xffffffff);
  if (isEscaped) return has(DIF_ENABLE_ALL_F_ERROR) ? ALL_F : 0;
  let wrong = 0;
  if (!has(DIF_GUARD_CHECK_DISABLE) && guard !== guardOf(block, difFlags)) wrong |= GUARD_WRONG;
  if (((app ^ tags.app) & ~tags.mask & 0xffff) !== 0) wrong |= APP_TAG_WRONG;
  if (!has(DIF_REF_TAG_CHECK_DISABLE) && ref !== tags.ref) wrong |= REF_TAG_WRONG;
  return wrong;
}

function seal(block: Uint8Array, tags: Tags, difFlags: number): DataView {
  const trailer = new DataView(new ArrayBuffer(TRAILER));
  trailer.setUint16(0, guardOf(block, difFlags));
  trailer.setUint16(2, tags.app & ~tags.mask);
  trailer.setUint32(4, tags.ref);
  return trailer;
}

/** Which parts of a trailer an update leaves as they were. */
function passThrough(trailer: DataView, old: DataView, flags: number): void {
  if ((flags & DIF_GUARD_PASS) !== 0) trailer.setUint16(0, old.getUint16(0));
  if ((flags & DIF_APP_TAG_PASS) !== 0) trailer.setUint16(2, old.getUint16(2));
  if ((flags & DIF_REF_TAG_PASS) !== 0) trailer.setUint32(4, old.getUint32(4));
}

interface Shape {
  /** Whether blocks come, and go, with a trailer. */
  readonly checks: boolean;
  readonly writes: 'nothing' | 'blocks' | 'sealed';
}

function* each(descriptor: Descriptor, memory: DeviceMemory, record: Completion, { checks, writes }: Shape): Kernel<number> {
  const { source, destination, size, view } = descriptor;
  const [sourceFlags, destinationFlags, difFlags] = [view.getUint8(40), view.getUint8(41), view.getUint8(42)];
  const length = BLOCK_SIZES[(difFlags & 3) as 0 | 1 | 2 | 3];
  const stride = length + (checks ? TRAILER : 0);
  const written = length + (writes === 'sealed' ? TRAILER : 0);
  if (size % stride !== 0) return DSA_COMP_XFER_ERANGE;
  if (writes !== 'nothing' && overlap(source, destination, Math.max(size, (size / stride) * written))) return DSA_COMP_OVERLAP_BUFFERS;
  const from = checks ? new Tags(descriptor, 48, sourceFlags) : undefined;
  const to = writes === 'sealed' ? new Tags(descriptor, 56, destinationFlags) : undefined;
  const show = () => {
    from?.show(record, 0);
    to?.show(record, 8);
  };
  show();
  for (let index = 0; index * stride < size; index++) {
    const bytes = yield* fetch(memory, source + index * stride, stride);
    const block = bytes.subarray(0, length);
    const old = new DataView(bytes.buffer, bytes.byteOffset + length, stride - length);
    if (from !== undefined) {
      record.result = check(block, old, from, sourceFlags, difFlags);
      if (record.result !== 0) return DSA_COMP_DIF_ERR;
    }
    if (to !== undefined) {
      const trailer = seal(block, to, difFlags);
      if (from !== undefined) passThrough(trailer, old, destinationFlags);
      const out = new Uint8Array(written);
      out.set(block);
      out.set(new Uint8Array(trailer.buffer), length);
      yield* put(memory, destination + index * written, out);
    } else if (writes === 'blocks') yield* put(memory, destination + index * written, block);
    from?.next();
    to?.next();
    record.completed += stride;
    show();
  }
  return DSA_COMP_SUCCESS;
}

export const difCheck: Execute = (descriptor, memory, record) => each(descriptor, memory, record, { checks: true, writes: 'nothing' });
export const difInsert: Execute = (descriptor, memory, record) => each(descriptor, memory, record, { checks: false, writes: 'sealed' });
export const difStrip: Execute = (descriptor, memory, record) => each(descriptor, memory, record, { checks: true, writes: 'blocks' });
export const difUpdate: Execute = (descriptor, memory, record) => each(descriptor, memory, record, { checks: true, writes: 'sealed' });
