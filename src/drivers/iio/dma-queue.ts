/** What is behind buffers that a DMA controller fills or sends: drivers/iio/buffer/industrialio-buffer-dma.c and -dmaengine.c. */
import { Errno, errno } from '../../abi/index.ts';
import { PAGE_SIZE, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../../abi/uapi/index.ts';
import { beginSignalling, endSignalling } from '../../dma-buf/index.ts';
import { type Attribute, type Kernel, Mutex, type UserBuffer } from '../../kernel/index.ts';
import { allocateCoherent, type ContiguousRegion, type DmaDevice, type DmaSegment } from '../../memory/index.ts';
import type { DmaChannel, DmaTransaction } from '../../ports/dmaengine/index.ts';
import type { BufferAccess, IioBuffer } from './buffer.ts';
import { DmaBlock } from './dma-block.ts';
import type { DmabufAccess, DmabufTransfer } from './dmabuf.ts';

/** Blocks for read(2) and write(2): one is the hardware's while the program has the other. */
const FILE_BLOCKS = 2;
const LENGTH_MIN = 2;

const pageAlign = (size: number) => Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;

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
  readonly #region: ContiguousRegion;
  readonly #copying: Mutex;
  #incoming: DmaBlock[] = [];
  readonly #atHardware: DmaBlock[] = [];
  #fileBlocks: DmaBlock[] = [];
  /** Of the file blocks, the one that read or write is in, and where. */
  #current: DmaBlock | undefined;
  #position = 0;
  #nextFileBlock = 0;
  #usesFileBlocks = false;
  #dmabufCount = 0;
  #isActive = false;
  #isGone = false;

  /** @param region where blocks for read and write come from */
  constructor(buffer: IioBuffer, channel: DmaChannel, region: ContiguousRegion) {
    this.#buffer = buffer;
    this.#channel = channel;
    this.#region = region;
    this.#copying = new Mutex(`the copies of ${buffer.device.name}`, buffer.device.system.lockdep.lockClass('iio_dma_buffer_io'));
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

  /** iio_dma_buffer_usage: in bytes of whole blocks, so that it always comes to the watermark. */
  get available(): number {
    let bytes = this.#current?.size ?? 0;
    for (const block of this.#fileBlocks) if (block !== this.#current && block.state === 'done') bytes += block.size;
    return bytes;
  }

  /** iio_dma_buffer_request_update: halves the length among the file blocks, and keeps those that fit. */
  *requestUpdate(): Kernel<void> {
    this.#usesFileBlocks ||= this.#dmabufCount === 0;
    if (!this.#usesFileBlocks) return;
    const { bytesPerDatum, length, direction } = this.#buffer;
    const size = Math.ceil((bytesPerDatum * length) / 2);
    this.#current = undefined;
    // 6.12 goes on with the block where it stopped before, which may be filled last.
    this.#nextFileBlock = 0;
    this.#incoming = [];
    const before = this.#fileBlocks;
    this.#fileBlocks = before.filter((block) => pageAlign(block.size) === pageAlign(size) && block.state !== 'active');
    for (const block of before) if (!this.#fileBlocks.includes(block)) block.kill();
    while (this.#fileBlocks.length < FILE_BLOCKS) this.#fileBlocks.push(this.#allocateFileBlock(size));
    for (const block of this.#fileBlocks) {
      block.size = size;
      block.bytesUsed = size;
      block.state = direction === 'in' ? 'queued' : 'done';
      if (direction === 'in') this.#incoming.push(block);
    }
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

  *read(to: UserBuffer): Kernel<number> {
    return yield* this.#copy(to.remaining, function* (bytes) {
      const moved = yield* to.put(bytes);
      if (moved < bytes.length) throw new Errno('EFAULT', 'the program has no memory for all of it');
    });
  }

  *write(from: UserBuffer): Kernel<number> {
    return yield* this.#copy(from.remaining, function* (bytes) {
      bytes.set(yield* from.take(bytes.length));
    });
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

  /** @throws Errno ENOMEM */
  #allocateFileBlock(size: number): DmaBlock {
    this.#buffer.device.system.kmalloc('struct iio_dma_buffer_block');
    return new DmaBlock(size, allocateCoherent(this.device, this.#region, size, `a block of ${this.#buffer.device.name}`), () => {});
  }

  #freeFileBlocks(): void {
    for (const block of this.#fileBlocks.splice(0)) block.kill();
    this.#incoming = this.#incoming.filter(({ memory }) => memory === undefined);
    this.#current = undefined;
  }

  /**
   * iio_dma_buffer_io: whole samples, from where it stopped, up to the end of a block.
   *
   * @param move copies between the program and bytes of the block
   * @returns 0 when the hardware has both blocks
   */
  *#copy(wanted: number, move: (bytes: Uint8Array) => Kernel<void>): Kernel<number> {
    const { bytesPerDatum } = this.#buffer;
    if (wanted < bytesPerDatum) throw new Errno('EINVAL', `a sample has ${bytesPerDatum} bytes`);
    yield* this.#copying.lock();
    try {
      const block = this.#current ?? this.#dequeue();
      if (block?.memory === undefined) return 0;
      const length = Math.min(wanted - (wanted % bytesPerDatum), block.bytesUsed - this.#position);
      const bytes = block.memory.memory.bytes().subarray(this.#position, this.#position + length);
      block.get();
      try {
        yield* move(bytes);
      } finally {
        block.put();
      }
      // Meanwhile the buffer may have been disabled, and have got other blocks.
      if (this.#current !== block) return length;
      this.#position += length;
      if (this.#position === block.bytesUsed) {
        this.#current = undefined;
        this.#enqueue(block);
      }
      return length;
    } finally {
      this.#copying.unlock();
    }
  }

  /** The next file block, if it is the program's. 6.12 crashes when dma-bufs have taken their place. */
  #dequeue(): DmaBlock | undefined {
    const block = this.#fileBlocks[this.#nextFileBlock];
    if (block === undefined) {
      const { system, name } = this.#buffer.device;
      system.findings.report('iio-no-file-blocks', `${name} is read or written while it has dma-bufs only`);
      return undefined;
    }
    if (block.state !== 'done') return undefined;
    this.#nextFileBlock = (this.#nextFileBlock + 1) % FILE_BLOCKS;
    this.#position = 0;
    this.#current = block;
    return block;
  }
}
