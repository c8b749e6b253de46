/** The blocks by which a queue serves read(2) and write(2): the file I/O part of drivers/iio/buffer/industrialio-buffer-dma.c. */
import { Errno } from '../../abi/index.ts';
import { PAGE_SIZE } from '../../abi/uapi/index.ts';
import { type Kernel, Mutex, type UserBuffer } from '../../kernel/index.ts';
import { allocateCoherent, type ContiguousRegion, type DmaDevice } from '../../memory/index.ts';
import type { IioBuffer } from './buffer.ts';
import { DmaBlock } from './dma-block.ts';

/** One is the hardware's while the program has the other. */
const BLOCKS = 2;

const pageAlign = (size: number) => Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;

export class FileBlocks {
  readonly #buffer: IioBuffer;
  readonly #device: DmaDevice;
  readonly #region: ContiguousRegion;
  readonly #copying: Mutex;
  #blocks: DmaBlock[] = [];
  /** The one that read or write is in, and where. */
  #current: DmaBlock | undefined;
  #position = 0;
  #next = 0;

  /** @param region where their memory comes from */
  constructor(buffer: IioBuffer, device: DmaDevice, region: ContiguousRegion) {
    this.#buffer = buffer;
    this.#device = device;
    this.#region = region;
    this.#copying = new Mutex(`the copies of ${buffer.device.name}`, buffer.device.system.lockdep.lockClass('iio_dma_buffer_io'));
  }

  /** iio_dma_buffer_usage: in bytes of whole blocks, so that it always comes to the watermark. */
  get available(): number {
    let bytes = this.#current?.size ?? 0;
    for (const block of this.#blocks) if (block !== this.#current && block.state === 'done') bytes += block.size;
    return bytes;
  }

  /** Makes blocks of a size, and keeps those that have as many pages. @throws Errno ENOMEM */
  prepare(size: number): readonly DmaBlock[] {
    this.#current = undefined;
    // 6.12 goes on with the block where it stopped before, which may be filled last.
    this.#next = 0;
    const before = this.#blocks;
    this.#blocks = before.filter((block) => pageAlign(block.size) === pageAlign(size) && block.state !== 'active');
    for (const block of before) if (!this.#blocks.includes(block)) block.kill();
    while (this.#blocks.length < BLOCKS) this.#blocks.push(this.#allocate(size));
    for (const block of this.#blocks) {
      block.size = size;
      block.bytesUsed = size;
    }
    return this.#blocks;
  }

  /** Gives their memory back. */
  free(): void {
    for (const block of this.#blocks.splice(0)) block.kill();
    this.#current = undefined;
  }

  /** @param finished told of a block that was read to its end */
  read(to: UserBuffer, finished: (block: DmaBlock) => void): Kernel<number> {
    return this.#copy(to.remaining, finished, function* (bytes) {
      const moved = yield* to.put(bytes);
      if (moved < bytes.length) throw new Errno('EFAULT', 'the program has no memory for all of it');
    });
  }

  /** @param finished told of a block that is full */
  write(from: UserBuffer, finished: (block: DmaBlock) => void): Kernel<number> {
    return this.#copy(from.remaining, finished, function* (bytes) {
      bytes.set(yield* from.take(bytes.length));
    });
  }

  #allocate(size: number): DmaBlock {
    const { system, name } = this.#buffer.device;
    system.kmalloc('struct iio_dma_buffer_block');
    return new DmaBlock(size, allocateCoherent(this.#device, this.#region, size, `a block of ${name}`), () => {});
  }

  /**
   * iio_dma_buffer_io: whole samples, from where it stopped, up to the end of a block.
   *
   * @param move copies between the program and bytes of the block
   * @returns 0 when the hardware has both blocks
   */
  *#copy(wanted: number, finished: (block: DmaBlock) => void, move: (bytes: Uint8Array) => Kernel<void>): Kernel<number> {
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
        finished(block);
      }
      return length;
    } finally {
      this.#copying.unlock();
    }
  }

  /** The next block, if it is the program's. 6.12 crashes when dma-bufs have taken their place. */
  #dequeue(): DmaBlock | undefined {
    const block = this.#blocks[this.#next];
    if (block === undefined) {
      const { system, name } = this.#buffer.device;
      system.findings.report('iio-no-file-blocks', `${name} is read or written while it has dma-bufs only`);
      return undefined;
    }
    if (block.state !== 'done') return undefined;
    this.#next = (this.#next + 1) % BLOCKS;
    this.#position = 0;
    this.#current = block;
    return block;
  }
}
