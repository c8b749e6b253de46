/** What is behind buffers that a DMA controller fills or sends: drivers/iio/buffer/industrialio-buffer-dma.c and -dmaengine.c. */
import { Errno, errno } from '../../abi/index.ts';
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../../abi/uapi/index.ts';
import { beginSignalling, endSignalling } from '../../dma-buf/index.ts';
import type { Attribute, Kernel, UserBuffer } from '../../kernel/index.ts';
import type { ContiguousRegion, DmaDevice, DmaSegment } from '../../memory/index.ts';
import type { DmaChannel, DmaTransaction } from '../../ports/dmaengine/index.ts';
import type { DmabufTransfer } from './attached-dmabuf.ts';
import type { BufferAccess, IioBuffer } from './buffer.ts';
import { DmaBlock } from './dma-block.ts';
import type { DmabufAccess } from './dmabuf.ts';
import { FileBlocks } from './file-blocks.ts';

const LENGTH_MIN = 2;

/** sg_nents_for_len: the first bytes of a scatter list. */
function firstBytes(segments: readonly DmaSegment[], length: number): DmaSegment[] {
  const vectors: DmaSegment[] = [];
  let rest = length;
  for (const segment of segments) {
    if (rest === 0) break;
    const part = Math.min(rest, segment.length);
    vectors.push({ busAddress: segment.busAddress, length: part });
    rest -= part;
  }
  return vectors;
}

/**
 * A queue of blocks. Programs either read and write, or give it dma-bufs: the first enabling without dma-bufs decides for the former, until
 * the buffer is disabled.
 *
 * Linux has a lock for it. Here nothing that it would guard waits but the copies of read and write, which hold their block instead; 6.12
 * copies under the lock, which it also takes under reservation locks: an order that lockdep complains of.
 *
 * Invariant: a block is 'queued' exactly while it is in `#incoming`, and in `#atHardware` only while it is 'active' or 'dead'.
 */
export class DmaQueue implements BufferAccess, DmabufAccess {
  readonly hasFixedWatermark = true;
  readonly attributes: readonly Attribute[];
  readonly #buffer: IioBuffer;
  readonly #channel: DmaChannel;
  readonly #files: FileBlocks;
  #incoming: DmaBlock[] = [];
  readonly #atHardware: DmaBlock[] = [];
  #usesFileBlocks = false;
  #dmabufCount = 0;
  #isActive = false;
  #isGone = false;

  /** @param region where blocks for read and write come from */
  constructor(buffer: IioBuffer, channel: DmaChannel, region: ContiguousRegion) {
    this.#buffer = buffer;
    this.#channel = channel;
    this.#files = new FileBlocks(buffer, channel.device, region);
    this.attributes = [{ name: 'length_align_bytes', mode: 0o444, show: () => `${channel.alignment}\n` }];
  }

  get dmabufs(): DmabufAccess {
    return this;
  }

  get device(): DmaDevice {
    return this.#channel.device;
  }

  lengthFor(wanted: number): number {
    return Math.max(wanted, LENGTH_MIN);
  }

  get available(): number {
    return this.#files.available;
  }

  /** iio_dma_buffer_request_update: halves the length among the file blocks. */
  *requestUpdate(): Kernel<void> {
    this.#usesFileBlocks ||= this.#dmabufCount === 0;
    if (!this.#usesFileBlocks) return;
    const { bytesPerDatum, length, direction } = this.#buffer;
    this.#incoming = [];
    const blocks = this.#files.prepare(Math.ceil((bytesPerDatum * length) / 2));
    for (const block of blocks) block.state = direction === 'in' ? 'queued' : 'done';
    if (direction === 'in') this.#incoming.push(...blocks);
  }

  *enable(): Kernel<void> {
    this.#isActive = true;
    for (const block of this.#incoming.splice(0)) this.#submit(block);
  }

  /** The hardware stops where it is; what it had is handed back as interrupted. */
  *disable(): Kernel<void> {
    this.#isActive = false;
    this.#channel.terminate();
    this.#abort(this.#atHardware);
  }

  read(to: UserBuffer): Kernel<number> {
    return this.#files.read(to, (block) => this.#enqueue(block));
  }

  write(from: UserBuffer): Kernel<number> {
    return this.#files.write(from, (block) => this.#enqueue(block));
  }

  /** iio_dma_buffer_attach_dmabuf: the memory of file blocks is given back. */
  attach(size: number): DmaBlock {
    if (this.#usesFileBlocks) throw new Errno('EBUSY', 'the buffer is read or written');
    this.#buffer.device.system.kmalloc('struct iio_dma_buffer_block');
    this.#dmabufCount++;
    this.#freeFileBlocks();
    return new DmaBlock(size, undefined, () => {
      this.#dmabufCount--;
    });
  }

  enqueue(block: DmaBlock, transfer: DmabufTransfer): void {
    if (this.#usesFileBlocks) throw new Errno('EBUSY', 'the buffer is read or written');
    if (block.state === 'queued') throw new Errno('EPERM', 'the dma-buf is enqueued already');
    if (block.state !== 'done') throw new Errno('EBUSY', 'the hardware has the dma-buf');
    block.bytesUsed = transfer.bytesUsed;
    block.transfer = transfer;
    this.#enqueue(block);
  }

  /** iio_dma_buffer_exit: the hardware goes. What waits for it will not be moved; 6.12 forgets that without a word to who waits. */
  exit(): void {
    this.#isGone = true;
    this.#freeFileBlocks();
    const left = this.#incoming.splice(0);
    // It was never the hardware's, and has no holder for that.
    for (const block of left) block.get();
    this.#abort(left);
  }

  #enqueue(block: DmaBlock): void {
    if (this.#isActive) {
      this.#submit(block);
    } else {
      block.state = 'queued';
      this.#incoming.push(block);
    }
  }

  /** iio_dma_buffer_submit_block: one that the hardware does not take stays 'active', so it can be enqueued no more. */
  #submit(block: DmaBlock): void {
    if (this.#isGone) return;
    block.state = 'active';
    block.get();
    const refusal = this.#start(block);
    if (refusal === 0) return;
    block.transfer?.done(-refusal);
    block.put();
  }

  /** iio_dmaengine_buffer_submit_block. @returns 0, or a positive errno */
  #start(block: DmaBlock): number {
    const { memory, transfer } = block;
    let vectors: DmaSegment[];
    if (memory === undefined) {
      vectors = firstBytes(transfer?.attached.table.segments ?? [], block.bytesUsed);
    } else {
      const { alignment, device } = this.#channel;
      const largest = Math.min(block.size, device.maxSegmentSize);
      const whole = largest - (largest % alignment);
      if (this.#buffer.direction === 'in') block.bytesUsed = whole;
      if (block.bytesUsed === 0 || block.bytesUsed > whole) return errno.EINVAL;
      vectors = [{ busAddress: memory.busAddress, length: block.bytesUsed }];
    }
    const transaction: DmaTransaction = {
      vectors,
      isCyclic: transfer?.isCyclic ?? false,
      done: (residue) => this.#done(block, residue),
    };
    if (!this.#channel.canPrepare(transaction)) return errno.ENOMEM;
    this.#channel.submit(transaction);
    this.#atHardware.push(block);
    this.#channel.issuePending();
    return 0;
  }

  /** From the interrupt. */
  #done(block: DmaBlock, residue: number): void {
    this.#atHardware.splice(this.#atHardware.indexOf(block), 1);
    block.bytesUsed -= residue;
    block.finish();
    block.transfer?.done(0);
    block.put();
    this.#wake();
  }

  /** iio_dma_buffer_block_list_abort. */
  #abort(blocks: DmaBlock[]): void {
    const { system } = this.#buffer.device;
    const cookie = beginSignalling(system);
    for (const block of blocks.splice(0)) {
      block.bytesUsed = 0;
      block.finish();
      block.transfer?.done(-errno.EINTR);
      block.put();
    }
    this.#usesFileBlocks = false;
    this.#wake();
    endSignalling(system, cookie);
  }

  #wake(): void {
    const { pollq, direction } = this.#buffer;
    pollq.wake(direction === 'in' ? POLLIN | POLLRDNORM : POLLOUT | POLLWRNORM);
  }

  #freeFileBlocks(): void {
    this.#files.free();
    this.#incoming = this.#incoming.filter(({ memory }) => memory === undefined);
  }
}
