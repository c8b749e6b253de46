import type { CoherentMemory } from '../../memory/index.ts';
import type { DmabufTransfer } from './attached-dmabuf.ts';

/** Of the queue, not yet given to the hardware; the hardware's; free to be read, written or enqueued; to be freed with its last holder. */
export type BlockState = 'queued' | 'active' | 'done' | 'dead';

/** What the hardware fills or sends at a time, as `struct iio_dma_buffer_block`: memory of the queue's own, or a dma-buf. */
export class DmaBlock {
  state: BlockState = 'done';
  /** In bytes. */
  size: number;
  bytesUsed = 0;
  /** Of a block for read(2) and write(2). */
  readonly memory: CoherentMemory | undefined;
  /** Of a dma-buf that was enqueued. */
  transfer: DmabufTransfer | undefined;
  readonly #onRelease: (block: DmaBlock) => void;
  #holders = 1;

  constructor(size: number, memory: CoherentMemory | undefined, onRelease: (block: DmaBlock) => void) {
    this.size = size;
    this.memory = memory;
    this.#onRelease = onRelease;
  }

  get(): void {
    this.#holders++;
  }

  put(): void {
    if (--this.#holders > 0) return;
    this.memory?.free();
    this.#onRelease(this);
  }

  /** _iio_dma_buffer_block_done. */
  finish(): void {
    if (this.state !== 'dead') this.state = 'done';
  }

  /** A block that nobody enqueues any more. */
  kill(): void {
    this.state = 'dead';
    this.put();
  }
}
