import { DSA_COMP_PAGE_FAULT_NOBOF, DSA_COMP_STATUS_WRITE } from '../../../src/abi/uapi/index.ts';
import { TranslationFault } from '../../../src/hardware/dsa/device-access.ts';
import type { Operation } from '../../../src/hardware/dsa/operation.ts';
import { OPERATIONS } from '../../../src/hardware/dsa/operations.ts';
import { type Completion, DESCRIPTOR_SIZE, Descriptor, type DeviceMemory, Completion as Record } from '../../../src/ports/dsa/index.ts';

export const MEMORY_SIZE = 1 << 18;

/** Memory from address 0 on, with pages that can be taken away. */
export class FlatMemory implements DeviceMemory {
  readonly isBorrowed = false;
  readonly isGone = false;
  readonly bytes = new Uint8Array(MEMORY_SIZE);
  readonly missing = new Set<number>();
  readonly readOnly = new Set<number>();

  *read(address: number, length: number) {
    return this.bytes.slice(address, address + this.#reach(address, length, this.missing));
  }

  *write(address: number, bytes: Uint8Array) {
    const length = this.#reach(address, bytes.length, new Set([...this.missing, ...this.readOnly]));
    this.bytes.set(bytes.subarray(0, length), address);
    return length;
  }

  #reach(address: number, length: number, without: ReadonlySet<number>): number {
    for (let at = address; at < address + length; at = (Math.floor(at / 4096) + 1) * 4096)
      if (without.has(Math.floor(at / 4096)) || at >= MEMORY_SIZE) return at - address;
    return length;
  }
}

export interface Wanted {
  readonly opcode: number;
  readonly flags?: number;
  readonly completion?: number;
  readonly source?: number;
  readonly destination?: number;
  readonly size?: number;
  readonly handle?: number;
  readonly pasid?: number;
  /** Bytes from an offset on, little-endian: [offset, length, value]. */
  readonly fields?: readonly (readonly [number, 1 | 2 | 4 | 8, number | bigint])[];
}

/** 64 bytes as a program makes them. */
export function descriptor({
  opcode,
  flags = 0,
  completion = 0,
  source = 0,
  destination = 0,
  size = 0,
  handle = 0,
  pasid = 0,
  fields = [],
}: Wanted) {
  const bytes = new Uint8Array(DESCRIPTOR_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, pasid, true);
  view.setUint32(4, (opcode << 24) | flags, true);
  view.setBigUint64(8, BigInt(completion), true);
  view.setBigUint64(16, BigInt(source), true);
  view.setBigUint64(24, BigInt(destination), true);
  view.setUint32(32, size, true);
  view.setUint16(36, handle, true);
  for (const [offset, length, value] of fields)
    for (let at = 0; at < length; at++) view.setUint8(offset + at, Number((BigInt(value) >> BigInt(8 * at)) & 0xffn));
  return bytes;
}

/** Executes an operation at once. */
export function execute(memory: FlatMemory, wanted: Wanted): { status: number; record: Completion } {
  const record = new Record();
  const { execute } = OPERATIONS.get(wanted.opcode) as Operation;
  try {
    const step = execute(new Descriptor(descriptor(wanted)), memory, record).next('woken');
    if (step.done !== true) throw new Error('an operation waits');
    return { status: step.value, record };
  } catch (error) {
    if (!(error instanceof TranslationFault)) throw error;
    record.faultAddress = error.address;
    return { status: DSA_COMP_PAGE_FAULT_NOBOF | (error.isWrite ? DSA_COMP_STATUS_WRITE : 0), record };
  }
}
