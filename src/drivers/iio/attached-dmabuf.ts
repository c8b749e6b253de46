/** A dma-buf that is attached to a buffer, and its transfers. */
import type { Errno } from '../../abi/index.ts';
import {
  beginSignalling,
  type DmaBuf,
  type DmaBufAttachment,
  DmaFence,
  endAccess,
  endSignalling,
  type SgTable,
} from '../../dma-buf/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import type { DmaDirection } from '../../memory/index.ts';
import type { IioBuffer } from './buffer.ts';
import type { DmaBlock } from './dma-block.ts';

const fenceOps = { driverName: () => 'iio', timelineName: () => 'iio' };

/** A dma-buf that is attached to a buffer, as `struct iio_dmabuf_priv`: held by the list of the buffer and by each transfer. */
export class AttachedDmabuf {
  readonly buffer: IioBuffer;
  /** With a reference. */
  readonly dmabuf: DmaBuf<any>;
  readonly attachment: DmaBufAttachment<undefined>;
  readonly table: SgTable;
  readonly direction: DmaDirection;
  readonly block: DmaBlock;
  readonly context: number;
  seqno = 0;
  #holders = 1;

  constructor(buffer: IioBuffer, parts: Pick<AttachedDmabuf, 'dmabuf' | 'attachment' | 'table' | 'direction' | 'block' | 'context'>) {
    this.buffer = buffer;
    this.dmabuf = parts.dmabuf;
    this.attachment = parts.attachment;
    this.table = parts.table;
    this.direction = parts.direction;
    this.block = parts.block;
    this.context = parts.context;
  }

  get(): this {
    this.#holders++;
    return this;
  }

  *put(): Kernel<void> {
    if (--this.#holders > 0) return;
    yield* this.attachment.unmapUnlocked(this.table, this.direction);
    this.block.kill();
    yield* this.dmabuf.detach(this.attachment);
    this.dmabuf.put();
  }
}

/** One use of an attached dma-buf: `struct iio_dma_fence`, and what the queue is told. */
export class DmabufTransfer {
  readonly attached: AttachedDmabuf;
  /** With a reference until it has signalled. */
  readonly fence: DmaFence;
  readonly bytesUsed: number;
  readonly isCyclic: boolean;

  /** @param attached with a reference, which becomes the transfer's */
  constructor(attached: AttachedDmabuf, bytesUsed: number, isCyclic: boolean) {
    const { system } = attached.dmabuf;
    system.kmalloc('struct iio_dma_fence');
    this.attached = attached;
    this.bytesUsed = bytesUsed;
    this.isCyclic = isCyclic;
    this.fence = new DmaFence(system, { ops: fenceOps, context: attached.context, seqno: ++attached.seqno });
  }

  /**
   * iio_buffer_signal_dmabuf_done: the fence signals, and what may wait is left to a worker.
   *
   * @param code 0, or a negative errno
   */
  done(code: number): void {
    const { fence, attached } = this;
    const { system } = attached.dmabuf;
    const cookie = beginSignalling(system);
    if (code !== 0) fence.setError(code);
    try {
      endAccess(system, attached.attachment, attached.table, attached.direction);
    } catch (error) {
      if (code === 0) fence.setError(-(error as Errno).errno);
    }
    fence.signal();
    endSignalling(system, cookie);
    system.defer('iio_buffer_cleanup', this.abandon());
  }

  /** Drops what it holds. */
  *abandon(): Kernel<void> {
    this.fence.put();
    yield* this.attached.put();
  }
}
