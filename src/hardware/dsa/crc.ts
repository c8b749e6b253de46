/** CRC-32C of a buffer, with or without a copy. */
import { DSA_COMP_OVERLAP_BUFFERS, DSA_COMP_SUCCESS } from '../../abi/uapi/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import type { Completion, Descriptor, DeviceMemory } from '../../ports/dsa/index.ts';
import { eachPiece, fetch, overlap, TranslationFault } from './device-access.ts';

const POLYNOMIAL = 0x1edc6f41;
/** Of the descriptor's flags. */
export const CRC_READ_SEED = 0x10000;
export const CRC_BYPASS_INVERSION = 0x20000;
export const CRC_BYPASS_DATA_REFLECTION = 0x40000;

function reflect(value: number, bits: number): number {
  let out = 0;
  for (let bit = 0; bit < bits; bit++) if ((value >>> bit) & 1) out |= 1 << (bits - 1 - bit);
  return out >>> 0;
}

/** Of each byte in the highest place. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  return crc >>> 0;
});
const REFLECTED_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => reflect(byte, 8));

/** The register, highest power first, with what the flags make of what goes in and comes out. */
class Crc {
  #register: number;
  readonly #isBare: boolean;
  readonly #isPlain: boolean;

  constructor(seed: number, flags: number) {
    this.#isBare = (flags & CRC_BYPASS_INVERSION) !== 0;
    this.#isPlain = (flags & CRC_BYPASS_DATA_REFLECTION) !== 0;
    this.#register = this.#isBare ? seed : reflect(~seed >>> 0, 32);
  }

  add(bytes: Uint8Array): void {
    let register = this.#register;
    for (const byte of bytes) {
      const next = this.#isPlain ? byte : (REFLECTED_BYTES[byte] as number);
      register = (register << 8) ^ (TABLE[(register >>> 24) ^ next] as number);
    }
    this.#register = register >>> 0;
  }

  /** As it is given back, and taken as a seed to go on. */
  get value(): number {
    return this.#isBare ? this.#register : ~reflect(this.#register, 32) >>> 0;
  }
}

function* begin(descriptor: Descriptor, memory: DeviceMemory): Kernel<Crc> {
  const { flags, view } = descriptor;
  if ((flags & CRC_READ_SEED) === 0) return new Crc(view.getUint32(40, true), flags);
  const bytes = yield* fetch(memory, descriptor.u64(48), 4);
  return new Crc(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true), flags);
}

export function* crcGenerate(descriptor: Descriptor, memory: DeviceMemory, record: Completion): Kernel<number> {
  const crc = yield* begin(descriptor, memory);
  yield* eachPiece(memory, descriptor.source, descriptor.size, function* (bytes) {
    crc.add(bytes);
    record.completed += bytes.length;
    record.specific.setUint32(0, crc.value, true);
  });
  return DSA_COMP_SUCCESS;
}

export function* copyCrc(descriptor: Descriptor, memory: DeviceMemory, record: Completion): Kernel<number> {
  const { source, destination, size } = descriptor;
  if (overlap(source, destination, size)) return DSA_COMP_OVERLAP_BUFFERS;
  const crc = yield* begin(descriptor, memory);
  yield* eachPiece(memory, source, size, function* (bytes, at) {
    const done = yield* memory.write(destination + at, bytes);
    crc.add(bytes.subarray(0, done));
    record.completed += done;
    record.specific.setUint32(0, crc.value, true);
    if (done < bytes.length) throw new TranslationFault(destination + at + done, true);
  });
  return DSA_COMP_SUCCESS;
}
