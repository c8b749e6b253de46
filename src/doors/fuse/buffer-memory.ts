import { Errno } from '../../abi/index.ts';
import type { CopyWatch, Kernel, UserMemory, Vma } from '../../kernel/index.ts';

const NOTHING = new Uint8Array();

/** The memory of a caller behind the mount, as far as it can be seen: the bytes that a read fills or a write brings, from address 0 on. */
export class BufferMemory implements UserMemory {
  watch: CopyWatch | undefined;
  #bytes: Uint8Array;
  view: DataView;

  constructor(bytes: Uint8Array = NOTHING) {
    this.#bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The request has been answered: its bytes are somebody else's. */
  drop(): void {
    this.#bytes = NOTHING;
    this.view = new DataView(NOTHING.buffer);
  }

  readable(address: number, length: number): number {
    return address >= 0 && address + length <= this.#bytes.length ? address : -1;
  }

  writable(address: number, length: number): number {
    return this.readable(address, length);
  }

  *read(address: number, length: number): Kernel<Uint8Array> {
    return address < 0 ? NOTHING : this.#bytes.slice(address, address + length);
  }

  *write(address: number, bytes: Uint8Array): Kernel<number> {
    if (address < 0) return 0;
    const part = bytes.subarray(0, Math.max(0, this.#bytes.length - address));
    this.#bytes.set(part, address);
    return part.length;
  }

  *map(_vma: Vma): Kernel<number> {
    throw new Errno('ENODEV', 'nothing can be mapped through the mount');
  }
}
