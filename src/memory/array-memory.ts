import { PAGE_SIZE } from '../abi/uapi/index.ts';
import { Counted, type Ledger, type MemoryObject, type MemoryProvider } from '../kernel/index.ts';

/** Memory in an ArrayBuffer of this process, made when somebody first looks. */
class ArrayMemory extends Counted implements MemoryObject {
  readonly kind = 'memory';
  readonly size: number;
  readonly #name: string;
  readonly #ledger: Ledger;
  #bytes: Uint8Array | undefined;

  constructor(size: number, name: string, ledger: Ledger) {
    super();
    this.size = size;
    this.#name = name;
    this.#ledger = ledger;
    ledger.add(this);
  }

  bytes(): Uint8Array {
    this.assertHeld('use');
    this.#bytes ??= new Uint8Array(this.size);
    return this.#bytes;
  }

  protected released(): void {
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
