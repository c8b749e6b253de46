/** A program that captures samples and sends them to the USB host, in two ways. */
import {
  DMA_HEAP_IOCTL_ALLOC,
  FUNCTIONFS_DMABUF_ATTACH,
  FUNCTIONFS_DMABUF_DETACH,
  FUNCTIONFS_DMABUF_TRANSFER,
  IIO_BUFFER_DMABUF_ATTACH_IOCTL,
  IIO_BUFFER_DMABUF_ENQUEUE_IOCTL,
  IIO_BUFFER_GET_FD_IOCTL,
  O_CLOEXEC,
  O_RDWR,
  POLLOUT,
} from '../../abi/uapi/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import type { ProgramCalls } from '../program-calls.ts';
import { store } from './gadget.ts';

const DEVICE = '/sys/bus/iio/devices/iio:device0';
const CHANNELS = 4;
/** Bytes of a scan of all channels. */
export const SCAN = 8;
/** dma-bufs that are on their way at a time. */
const BLOCKS = 4;

export interface StreamOptions {
  /** Bytes of a block. */
  readonly size: number;
  /** How many blocks; or asked before each whether there is another. */
  readonly count: number | (() => boolean);
  /** Of the endpoint. */
  readonly endpoint: number;
  /** Told when samples begin to come. */
  readonly began?: () => void;
  /** Told of each block that was given to the endpoint. */
  readonly sent?: (bytes: number) => void;
  /** Lets the time pass that the CPU needed for what it has done since. */
  readonly pay?: () => Kernel<void>;
  /** Whether a dma-buf is attached to the endpoint for each transfer, instead of once. */
  readonly attachesEachTime?: boolean;
}

export type Stream = (sys: ProgramCalls, options: StreamOptions) => Kernel<void>;

const nothing = function* (): Kernel<void> {};

function isMore(count: StreamOptions['count'], done: number): boolean {
  return typeof count === 'number' ? done < count : count();
}

function* chooseChannels(sys: ProgramCalls, samples: number): Kernel<void> {
  for (let channel = 0; channel < CHANNELS; channel++) yield* store(sys, `${DEVICE}/buffer0/in_voltage${channel}_en`, '1');
  yield* store(sys, `${DEVICE}/buffer0/length`, `${samples}`);
}

const enable = (sys: ProgramCalls, value: '0' | '1') => store(sys, `${DEVICE}/buffer0/enable`, value);

/** By read and write: the samples go into the program's memory and out of it again. */
export const copyToUsb: Stream = function* (sys, { size, count, endpoint, began, sent, pay = nothing }) {
  yield* chooseChannels(sys, (2 * size) / SCAN);
  const node = yield* sys.open('/dev/iio:device0', O_RDWR | O_CLOEXEC);
  const memory = sys.allocate(size);
  try {
    yield* enable(sys, '1');
    began?.();
    for (let done = 0; isMore(count, done); done++) {
      for (let at = 0; at < size; ) at += yield* sys.readv(node, [{ address: memory.address + at, length: size - at }]);
      yield* pay();
      yield* sys.writev(endpoint, [{ address: memory.address, length: size }]);
      yield* pay();
      sent?.(size);
    }
  } finally {
    yield* enable(sys, '0');
    sys.free(memory);
    yield* sys.close(node);
  }
};

function* allocateBlocks(sys: ProgramCalls, size: number): Kernel<number[]> {
  const heap = yield* sys.open('/dev/dma_heap/system', O_RDWR | O_CLOEXEC);
  const blocks: number[] = [];
  for (let i = 0; i < BLOCKS; i++) {
    const { fd } = yield* sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: size, fd_flags: O_RDWR | O_CLOEXEC });
    blocks.push(fd);
  }
  yield* sys.close(heap);
  return blocks;
}

/** By dma-bufs: the converter's DMA fills what the USB controller reads. A block is filled again as soon as it was sent. */
export const shareWithUsb: Stream = function* (sys, { size, count, endpoint, began, sent, pay = nothing, attachesEachTime = false }) {
  yield* chooseChannels(sys, (2 * size) / SCAN);
  const node = yield* sys.open('/dev/iio:device0', O_RDWR | O_CLOEXEC);
  const buffer = yield* sys.ioctl(node, IIO_BUFFER_GET_FD_IOCTL, 0);
  const blocks = yield* allocateBlocks(sys, size);
  const wait = (fd: number) => sys.poll([{ fd, events: POLLOUT }]);
  const enqueue = (fd: number) => sys.ioctl(buffer, IIO_BUFFER_DMABUF_ENQUEUE_IOCTL, { fd, bytes_used: size });
  try {
    for (const fd of blocks) {
      yield* sys.ioctl(buffer, IIO_BUFFER_DMABUF_ATTACH_IOCTL, fd);
      if (!attachesEachTime) yield* sys.ioctl(endpoint, FUNCTIONFS_DMABUF_ATTACH, fd);
      yield* enqueue(fd);
    }
    yield* enable(sys, '1');
    began?.();
    let before: number | undefined;
    for (let done = 0; isMore(count, done); done++) {
      const fd = blocks[done % BLOCKS] as number;
      yield* wait(fd);
      if (attachesEachTime) yield* sys.ioctl(endpoint, FUNCTIONFS_DMABUF_ATTACH, fd);
      yield* sys.ioctl(endpoint, FUNCTIONFS_DMABUF_TRANSFER, { fd, flags: 0, length: size });
      if (attachesEachTime) {
        yield* wait(fd);
        yield* sys.ioctl(endpoint, FUNCTIONFS_DMABUF_DETACH, fd);
      }
      // It waits until the host has it.
      if (before !== undefined) yield* enqueue(before);
      before = fd;
      yield* pay();
      sent?.(size);
    }
    if (before !== undefined) yield* wait(before);
  } finally {
    yield* enable(sys, '0');
    for (const fd of blocks) yield* sys.close(fd);
    yield* sys.close(buffer);
    yield* sys.close(node);
  }
};
