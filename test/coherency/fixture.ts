import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_START,
  DMA_HEAP_IOCTL_ALLOC,
  DMA_TEST_IOC_ATTACH,
  DMA_TEST_IOC_READ,
  DMA_TEST_IOC_WRITE,
  F_ADD_SEALS,
  F_SEAL_SHRINK,
  MFD_ALLOW_SEALING,
  O_RDWR,
  UDMABUF_CREATE,
} from '../../src/abi/uapi/index.ts';
import { type NonCoherentBoardOptions, noncoherent } from '../../src/boards/index.ts';
import type { Mapping, Sys } from '../../src/doors/in-process/index.ts';
import type { BootedMachine } from '../../src/index.ts';
import type { FdTable } from '../../src/kernel/index.ts';
import type { MachineOptions } from '../../src/machine/index.ts';
import type { NonCoherentCaches } from '../../src/memory/index.ts';
import { machineTest } from '../../src/vitest.ts';
import { mainTask } from '../dma-buf/fixture.ts';

export { describe, expect } from 'vitest';
export { bufferAt, mainTask, run } from '../dma-buf/fixture.ts';

export const SIZE = 8192;

/** A device of the board with a buffer attached. */
export class Engine {
  readonly #sys: Sys<'sync'>;
  readonly #fd: number;

  constructor(sys: Sys<'sync'>, name: string, buffer: number, flags: number) {
    this.#sys = sys;
    this.#fd = sys.open(`/dev/dma-${name}`, O_RDWR);
    sys.ioctl(this.#fd, DMA_TEST_IOC_ATTACH, { fd: buffer, flags });
  }

  write(byte: number, offset = 0, length = SIZE - offset): void {
    this.#sys.ioctl(this.#fd, DMA_TEST_IOC_WRITE, { offset, length, byte });
  }

  /** The first byte. */
  read(offset = 0, length = SIZE - offset): number | undefined {
    return this.#sys.ioctl(this.#fd, DMA_TEST_IOC_READ, { offset, length }).data[0];
  }
}

/** What a program has: a buffer, mapped, and the devices that it attaches to it. */
export class Program {
  readonly sys: Sys<'sync'>;
  readonly buffer: number;
  readonly pixels: Mapping;

  /** @param buffer a descriptor, which becomes the program's */
  constructor(sys: Sys<'sync'>, buffer: number) {
    this.sys = sys;
    this.buffer = buffer;
    this.pixels = sys.mmap(buffer, { length: SIZE });
  }

  attach(name: string, flags = 0): Engine {
    return new Engine(this.sys, name, this.buffer, flags);
  }

  begin(flags: number): void {
    this.sys.ioctl(this.buffer, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_START | flags });
  }

  end(flags: number): void {
    this.sys.ioctl(this.buffer, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_END | flags });
  }
}

function allocate(sys: Sys<'sync'>, heap: string): number {
  const node = sys.open(`/dev/dma_heap/${heap}`, O_RDWR);
  const { fd } = sys.ioctl(node, DMA_HEAP_IOCTL_ALLOC, { len: SIZE, fd_flags: O_RDWR });
  sys.close(node);
  return fd;
}

/** A buffer of the pages of a memory file. */
function makeUdmabuf(sys: Sys<'sync'>): number {
  const node = sys.open('/dev/udmabuf', O_RDWR);
  const memfd = sys.memfdCreate('picture', MFD_ALLOW_SEALING);
  sys.fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK);
  sys.ftruncate(memfd, SIZE);
  const fd = sys.ioctl(node, UDMABUF_CREATE, { memfd, size: SIZE });
  for (const open of [node, memfd]) sys.close(open);
  return fd;
}

/** Tests with a program on a non-coherent board, at whose end the program ends. */
export function boardTest(board: NonCoherentBoardOptions = {}, options: MachineOptions = {}) {
  return machineTest(() => noncoherent(board), options).extend<{ program: Program; uncached: Program; overMemfd: Program }>({
    program: async ({ machine }, use) => {
      await use(new Program(machine.sys, allocate(machine.sys, 'system')));
      endProgram(machine);
    },
    overMemfd: async ({ machine }, use) => {
      await use(new Program(machine.sys, makeUdmabuf(machine.sys)));
      endProgram(machine);
    },
    uncached: async ({ machine }, use) => {
      await use(new Program(machine.sys, allocate(machine.sys, 'system-uncached')));
      endProgram(machine);
    },
  });
}

/** Closes all that the outermost code has open, and unmaps all. */
export function endProgram(machine: BootedMachine): void {
  const { files, space } = mainTask(machine);
  for (const [fd] of [...(files as FdTable).entries()]) machine.sys.close(fd);
  space?.clear();
}

export const cachesOf = (machine: BootedMachine) => machine.caches as NonCoherentCaches;

/** Which rules were broken so far, in order; they are expected from now on. */
export function brokenRules(machine: BootedMachine): string[] {
  const { findings } = machine.system;
  const rules = findings.all.map(({ rule }) => rule);
  for (const rule of rules) findings.expect(rule);
  return rules;
}

/** What the findings say, without times and callers. */
export const texts = (machine: BootedMachine) => machine.system.findings.all.map(({ text }) => text);
