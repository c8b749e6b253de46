import { PAGE_SIZE } from '../abi/uapi/index.ts';
import type { Ledger, MemoryObject, MemoryProvider, Tracked } from '../kernel/index.ts';

/** Memory in an ArrayBuffer of this process, made when somebody first looks. */
class ArrayMemory implements MemoryObject, Tracked {
  readonly kind = 'memory';
  readonly size: number;
  readonly #name: string;
  readonly #ledger: Ledger;
  #bytes: Uint8Array | undefined;
  #count = 1;

  constructor(size: number, name: string, ledger: Ledger) {
    this.size = size;
    this.#name = name;
    this.#ledger = ledger;
    ledger.add(this);
  }

  bytes(): Uint8Array {
    if (this.#count === 0) throw new Error(`use of ${this.describe()} after its last put`);
    this.#bytes ??= new Uint8Array(this.size);
    return this.#bytes;
  }

  get(): this {
    if (this.#count === 0) throw new Error(`get of ${this.describe()} after its last put`);
    this.#count++;
    return this;
  }

  put(): void {
    if (this.#count === 0) throw new Error(`put of ${this.describe()} after its last put`);
    if (--this.#count > 0) return;
    this.#bytes = undefined;
    this.#ledger.remove(this);
  }

  describe(): string {
    return `memory of ${this.#name}, ${this.size} bytes`;
  }
}

/** Memory for machines without native programs. */
export class ArrayMemoryProvider implements MemoryProvider {
  readonly #ledger: () => Ledger;

  /** @param ledger asked for when the first memory is made, because the system that keeps it needs a provider itself */
  constructor(ledger: () => Ledger) {
    this.#ledger = ledger;
  }

  allocate(size: number, name: string): MemoryObject {
    if (size <= 0 || size % PAGE_SIZE !== 0) throw new RangeError(`memory of ${size} bytes is not a number of pages`);
    return new ArrayMemory(size, name, this.#ledger());
  }
}
