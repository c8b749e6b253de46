import { test as plain } from 'vitest';
import { isErrno } from '../../../src/abi/index.ts';
import {
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_SYNC_WRITE,
  DMA_HEAP_IOCTL_ALLOC,
  IIO_BUFFER_DMABUF_ATTACH_IOCTL,
  IIO_BUFFER_DMABUF_DETACH_IOCTL,
  IIO_BUFFER_DMABUF_ENQUEUE_IOCTL,
  IIO_BUFFER_GET_FD_IOCTL,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  SYNC_IOC_FILE_INFO,
} from '../../../src/abi/uapi/index.ts';
import { type Zcu102Options, type Zcu102Parts, zcu102 } from '../../../src/boards/index.ts';
import type { Sys } from '../../../src/doors/in-process/index.ts';
import { type BootedMachine, boot, type MachineOptions } from '../../../src/index.ts';
import type { FdTable } from '../../../src/kernel/index.ts';
import { mainTask } from '../../dma-buf/fixture.ts';

export { describe, expect } from 'vitest';

export const ALL_CHANNELS = 0b1111;

/** The name of the errno of a call that fails, else what it returns. */
export function answerOf<T>(call: () => T): T | string {
  try {
    return call();
  } catch (error) {
    if (isErrno(error)) return error.code;
    throw error;
  }
}

/** What a program does with one device of the board. */
export class Radio {
  readonly sys: Sys<'sync'>;
  readonly #id: number;

  /** @param id 0 is what receives, 1 what sends */
  constructor(sys: Sys<'sync'>, id: number) {
    this.sys = sys;
    this.#id = id;
  }

  get folder(): string {
    return `/sys/bus/iio/devices/iio:device${this.#id}`;
  }

  open(flags = O_RDWR): number {
    return this.sys.open(`/dev/iio:device${this.#id}`, flags);
  }

  show(attribute: string): string {
    const fd = this.sys.open(`${this.folder}/${attribute}`, O_RDONLY);
    try {
      return Buffer.from(this.sys.read(fd, 4096)).toString('latin1');
    } finally {
      this.sys.close(fd);
    }
  }

  /** @returns how many bytes were taken, or an errno's name */
  store(attribute: string, text: string): number | string {
    const fd = this.sys.open(`${this.folder}/${attribute}`, O_WRONLY);
    try {
      return answerOf(() => this.sys.write(fd, Buffer.from(text)));
    } finally {
      this.sys.close(fd);
    }
  }

  /** @param mask a bit for each channel that is to be in the scans */
  choose(mask = ALL_CHANNELS): void {
    const direction = this.#id === 0 ? 'in' : 'out';
    for (let channel = 0; channel < 4; channel++)
      this.store(`buffer0/${direction}_voltage${channel}_en`, (mask & (1 << channel)) === 0 ? '0' : '1');
  }

  enable(): number | string {
    return this.store('buffer0/enable', '1');
  }

  disable(): number | string {
    return this.store('buffer0/enable', '0');
  }

  buffer(node: number, index = 0): number {
    return this.sys.ioctl(node, IIO_BUFFER_GET_FD_IOCTL, index);
  }

  attach(buffer: number, fd: number): number {
    return this.sys.ioctl(buffer, IIO_BUFFER_DMABUF_ATTACH_IOCTL, fd);
  }

  detach(buffer: number, fd: number): number {
    return this.sys.ioctl(buffer, IIO_BUFFER_DMABUF_DETACH_IOCTL, fd);
  }

  enqueue(buffer: number, fd: number, bytes_used: number, flags = 0): number {
    return this.sys.ioctl(buffer, IIO_BUFFER_DMABUF_ENQUEUE_IOCTL, { fd, flags, bytes_used });
  }
}

export function allocate(sys: Sys<'sync'>, len: number): number {
  const heap = sys.open('/dev/dma_heap/system', O_RDWR);
  const { fd } = sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len, fd_flags: O_RDWR });
  sys.close(heap);
  return fd;
}

/**
 * Takes a sync file of what is pending in a dma-buf.
 *
 * @returns asks it: 0 pending, 1 signalled, or a negative errno
 */
export function watchFences(sys: Sys<'sync'>, fd: number): () => number {
  const file = sys.ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags: DMA_BUF_SYNC_WRITE }).fd;
  return () => sys.ioctl(file, SYNC_IOC_FILE_INFO, {}).status;
}

/** What is in a dma-buf. */
export function bytesOf(sys: Sys<'sync'>, fd: number, length: number): Buffer {
  const mapping = sys.mmap(fd, { length });
  const bytes = Buffer.from(mapping.bytes);
  sys.munmap(mapping);
  return bytes;
}

export interface Bench extends Zcu102Parts {
  readonly machine: BootedMachine;
  readonly sys: Sys<'sync'>;
  readonly receive: Radio;
  readonly send: Radio;
}

/** Closes all that the outermost code has open, and unmaps all. */
export function endProgram(machine: BootedMachine): void {
  const { files, space } = mainTask(machine);
  for (const [fd] of [...(files as FdTable).entries()]) machine.sys.close(fd);
  space?.clear();
}

export function bootBench(options: Zcu102Options = {}, machineOptions: MachineOptions = {}): Bench {
  const board = zcu102(options);
  const machine = boot(board, machineOptions);
  const { sys } = machine;
  return { ...board.parts, machine, sys, receive: new Radio(sys, 0), send: new Radio(sys, 1) };
}

/** Tests on a board of their own. The program ends with the test, and nothing may be left. */
export const test = plain.extend<{ bench: Bench; options: Zcu102Options }>({
  options: {},
  bench: async ({ options }, use) => {
    const bench = bootBench(options, { stacks: true, history: true });
    await use(bench);
    endProgram(bench.machine);
    bench.machine.shutdown();
  },
});
