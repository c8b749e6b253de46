/** What a program submits, and what it gets back: 9.3 and 9.6 of docs/reference/ims-dsa.md. */
import type { UserMemory } from '../../kernel/index.ts';

export const DESCRIPTOR_SIZE = 64;
export const RECORD_SIZE = 32;
/** Where what is particular to an operation stands. */
export const OP_SPECIFIC = 40;
const RECORD_OP_SPECIFIC = 16;

const TWO32 = 0x1_0000_0000;

/** A descriptor as it was submitted: the device has a copy of its own. */
export class Descriptor {
  readonly view: DataView;

  /** @param bytes 64 of them */
  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, DESCRIPTOR_SIZE);
  }

  get pasid(): number {
    return this.view.getUint32(0, true) & 0xfffff;
  }

  /** As the processor, or the kernel in its place, does it. */
  setPasid(pasid: number, isPrivileged: boolean): void {
    this.view.setUint32(0, ((this.view.getUint32(0, true) & 0x7ff00000) | pasid | (isPrivileged ? 0x80000000 : 0)) >>> 0, true);
  }

  get isPrivileged(): boolean {
    return this.view.getUint8(3) >= 0x80;
  }

  get flags(): number {
    return this.view.getUint32(4, true) & 0xffffff;
  }

  get opcode(): number {
    return this.view.getUint8(7);
  }

  get completion(): number {
    return this.u64(8);
  }

  /** Source, list of descriptors, or pattern. */
  get source(): number {
    return this.u64(16);
  }

  /** Destination, or second source. */
  get destination(): number {
    return this.u64(24);
  }

  /** In bytes; of a batch, descriptors. */
  get size(): number {
    return this.view.getUint32(32, true);
  }

  get interruptHandle(): number {
    return this.view.getUint16(36, true);
  }

  /** 64 bits as a number, exact within 2^53: nothing is mapped beyond. */
  u64(offset: number): number {
    return this.view.getUint32(offset, true) + this.view.getUint32(offset + 4, true) * TWO32;
  }

  /** Bytes of the descriptor. */
  bytes(offset: number, length: number): Uint8Array {
    return new Uint8Array(this.view.buffer, this.view.byteOffset + offset, length);
  }
}

/** A completion record in the making. */
export class Completion {
  status = 0;
  result = 0;
  /** Bytes, or descriptors of a batch. */
  completed = 0;
  faultAddress = 0;
  /** What is particular to the operation: bytes from 16 on. */
  readonly specific = new DataView(new ArrayBuffer(RECORD_SIZE - RECORD_OP_SPECIFIC));

  encode(): Uint8Array {
    const bytes = new Uint8Array(RECORD_SIZE);
    const view = new DataView(bytes.buffer);
    bytes[0] = this.status;
    bytes[1] = this.result;
    view.setUint32(4, this.completed, true);
    view.setBigUint64(8, BigInt(this.faultAddress), true);
    bytes.set(new Uint8Array(this.specific.buffer), RECORD_OP_SPECIFIC);
    return bytes;
  }
}

/** The memory that a device reaches by a PASID. */
export interface DeviceMemory extends Pick<UserMemory, 'read' | 'write'> {
  /** Whether it can be reached only while whoever has submitted the descriptor waits for it. No time passes for such a descriptor. */
  readonly isBorrowed: boolean;
  /** Whether the process has ended: then nobody is there to be told of an error. */
  readonly isGone: boolean;
}
