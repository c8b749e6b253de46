import {
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_READ,
  DMA_BUF_SYNC_RW,
  DMA_BUF_SYNC_WRITE,
  F_GETFD,
  F_GETFL,
  FD_CLOEXEC,
  O_PATH,
  O_RDWR,
  PAGE_SIZE,
  PROT_READ,
  SYNC_IOC_FILE_INFO,
} from '../../src/abi/uapi/index.ts';
import {
  DMA_RESV_USAGE_BOOKKEEP as BOOKKEEP,
  type DmaFence,
  type DmaFenceArray,
  type DmaResvUsage,
  fenceOfSyncFile,
  getStubFence,
  DMA_RESV_USAGE_KERNEL as KERNEL,
  DMA_RESV_USAGE_READ as READ,
  DMA_RESV_USAGE_WRITE as WRITE,
} from '../../src/dma-buf/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import type { BootedMachine } from '../../src/index.ts';
import type { File } from '../../src/kernel/index.ts';
import { add, allocate, bufferAt, describe, expect, mainTask, test } from './fixture.ts';

const exported = (sys: Sys<'sync'>, fd: number, flags: number) => sys.ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags }).fd;
const imported = (sys: Sys<'sync'>, fd: number, file: number, flags: number) =>
  sys.ioctl(fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, { flags, fd: file });
const countOf = (sys: Sys<'sync'>, file: number) => sys.ioctl(file, SYNC_IOC_FILE_INFO, {}).num_fences;

/** What a sync file stands for, without a reference. */
function fenceAt(machine: BootedMachine, file: number): DmaFence {
  const fence = fenceOfSyncFile(mainTask(machine).files.at(file) as File);
  if (fence === undefined) throw new Error(`descriptor ${file} is not a sync file`);
  fence.put();
  return fence;
}

describe('EXPORT_SYNC_FILE', () => {
  test.for([
    [DMA_BUF_SYNC_READ, 2],
    [DMA_BUF_SYNC_WRITE, 3],
    [DMA_BUF_SYNC_RW, 3],
  ] as [number, number][])('with flags %d collects %d of one fence of each usage', ([flags, count], { machine, sys, driver }) => {
    const fd = allocate(sys);
    const fences = ([KERNEL, WRITE, READ, BOOKKEEP] as DmaResvUsage[]).map((usage) => {
      const fence = driver.fence();
      add(bufferAt(machine, fd).resv, fence, usage);
      return fence;
    });
    const array = fenceAt(machine, exported(sys, fd, flags));
    expect((array as DmaFenceArray).fences).toEqual(fences.slice(0, count));
  });

  test.for([0, 1, 2])('of a buffer with %d pending fences', (count, { machine, sys, driver }) => {
    const fd = allocate(sys);
    const fences = Array.from({ length: count }, () => driver.fence());
    for (const fence of [driver.signaled(), ...fences]) add(bufferAt(machine, fd).resv, fence, WRITE);
    const fence = fenceAt(machine, exported(sys, fd, DMA_BUF_SYNC_READ));
    if (count === 2) expect((fence as DmaFenceArray).fences).toEqual(fences);
    else if (count === 1) expect(fence).toBe(fences[0]);
    else {
      expect(fence).toBe(getStubFence(machine.system));
      fence.put();
    }
  });

  test('gives a read-only descriptor that exec closes', ({ sys }) => {
    const file = exported(sys, allocate(sys), DMA_BUF_SYNC_READ);
    expect([sys.fcntl(file, F_GETFL), sys.fcntl(file, F_GETFD)]).toEqual([0, FD_CLOEXEC]);
  });

  test('is a snapshot: later fences are not in it', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    const fence = driver.fence();
    add(bufferAt(machine, fd).resv, fence, WRITE);
    const file = exported(sys, fd, DMA_BUF_SYNC_READ);
    add(bufferAt(machine, fd).resv, driver.fence(), WRITE);
    fence.signal();
    expect(sys.ioctl(file, SYNC_IOC_FILE_INFO, {})).toMatchObject({ num_fences: 1, status: 1 });
  });

  test('outlives the buffer', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    for (let i = 0; i < 2; i++) add(bufferAt(machine, fd).resv, driver.fence(), WRITE);
    const file = exported(sys, fd, DMA_BUF_SYNC_READ);
    sys.close(fd);
    expect([machine.system.ledger.count('buffer'), countOf(sys, file)]).toEqual([0, 2]);
  });

  test.for([0, 4, 8 | DMA_BUF_SYNC_RW, 0x8000_0001])('with flags %d is EINVAL', (flags, { sys }) => {
    const fd = allocate(sys);
    expect(() => exported(sys, fd, flags)).toThrow('EINVAL');
  });

  test('that cannot answer leaves nothing, and the number is free again', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    for (let i = 0; i < 2; i++) add(bufferAt(machine, fd).resv, driver.fence(), WRITE);
    const memory = sys.allocate(PAGE_SIZE);
    sys.poke(memory.address, Uint8Array.from([DMA_BUF_SYNC_READ]));
    sys.mprotect(memory, PROT_READ);
    const before = machine.system.ledger.list();
    const free = sys.dup(fd);
    sys.close(free);
    expect(() => sys.ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE.number, memory.address)).toThrow('EFAULT');
    expect(machine.system.ledger.list()).toEqual(before);
    expect(sys.dup(fd)).toBe(free);
  });

  test('with a full table is EMFILE, after what is wrong with its argument', ({ machine, sys }) => {
    const fd = allocate(sys);
    sys.dup(fd);
    sys.setFileLimit(2);
    const before = machine.system.ledger.list();
    expect(() => exported(sys, fd, 0)).toThrow('EINVAL');
    expect(() => sys.ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE.number, 0)).toThrow('EFAULT');
    expect(() => exported(sys, fd, DMA_BUF_SYNC_READ)).toThrow('EMFILE');
    expect(machine.system.ledger.list()).toEqual(before);
  });
});

describe('IMPORT_SYNC_FILE', () => {
  /** A sync file of pending fences, and a buffer without any. */
  const setUp = (machine: BootedMachine, sys: Sys<'sync'>, ...fences: DmaFence[]) => {
    const from = allocate(sys);
    for (const fence of fences) add(bufferAt(machine, from).resv, fence, WRITE);
    const to = allocate(sys);
    return { file: exported(sys, from, DMA_BUF_SYNC_READ), to, resv: bufferAt(machine, to).resv };
  };

  test.for([
    [DMA_BUF_SYNC_READ, READ],
    [DMA_BUF_SYNC_WRITE, WRITE],
    [DMA_BUF_SYNC_RW, WRITE],
  ] as [number, DmaResvUsage][])('with flags %d adds the fence with usage %d', ([flags, usage], { machine, sys, driver }) => {
    const fence = driver.fence();
    const { file, to, resv } = setUp(machine, sys, fence);
    imported(sys, to, file, flags);
    expect([[...resv.pending(usage)], [...resv.pending((usage - 1) as DmaResvUsage)]]).toEqual([[fence], []]);
  });

  test('adds the members of an array singly', ({ machine, sys, driver }) => {
    const fences = Array.from({ length: 7 }, () => driver.fence());
    const { file, to, resv } = setUp(machine, sys, ...fences);
    fences[3]?.signal();
    imported(sys, to, file, DMA_BUF_SYNC_WRITE);
    expect([...resv.pending(WRITE)]).toEqual(fences.filter((_, index) => index !== 3));
  });

  test('of a fence for reading and then writing leaves one entry, the other way round two', ({ machine, sys, driver }) => {
    const { file, to } = setUp(machine, sys, driver.fence());
    const counts = [DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_READ].map((flags) => {
      imported(sys, to, file, flags);
      return countOf(sys, exported(sys, to, DMA_BUF_SYNC_WRITE));
    });
    expect(counts).toEqual([1, 1, 2]);
    expect(countOf(sys, exported(sys, to, DMA_BUF_SYNC_READ))).toBe(1);
  });

  test('promotes a fence that was only kept in the books', ({ machine, sys, driver }) => {
    const fence = driver.fence();
    const { file, to, resv } = setUp(machine, sys, fence);
    add(resv, fence, BOOKKEEP);
    imported(sys, to, file, DMA_BUF_SYNC_READ);
    expect([...resv.pending(BOOKKEEP)]).toEqual([fence]);
    expect([...resv.pending(READ)]).toEqual([fence]);
  });

  test('of signalled fences changes nothing that one can see', ({ machine, sys }) => {
    const { file, to } = setUp(machine, sys);
    imported(sys, to, file, DMA_BUF_SYNC_RW);
    expect(sys.ioctl(to, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_RW })).toBe(0);
    expect(machine.system.now()).toBe(1_000_000_000);
  });

  test('makes others wait', ({ machine, sys, driver }) => {
    const { file, to } = setUp(machine, sys, driver.later(30), driver.later(20));
    imported(sys, to, file, DMA_BUF_SYNC_WRITE);
    sys.close(file);
    sys.ioctl(to, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_READ });
    expect(machine.system.now()).toBe(1_000_000_030);
  });

  test('does not look at how the buffer was opened', ({ machine, sys, driver }) => {
    const { file } = setUp(machine, sys, driver.fence());
    expect(imported(sys, allocate(sys, 1, 0), file, DMA_BUF_SYNC_WRITE)).toBe(0);
  });

  test.for(['closed', 'buffer', 'heap', 'path'])('of a descriptor that is no sync file is EINVAL: %s', (kind, { sys }) => {
    const to = allocate(sys);
    const fds: Record<string, () => number> = {
      closed: () => 77,
      buffer: () => to,
      heap: () => sys.open('/dev/dma_heap/system', O_RDWR),
      path: () => sys.open('/dev/dma_heap/system', O_PATH),
    };
    const fd = (fds[kind] as () => number)();
    expect(() => imported(sys, to, fd, DMA_BUF_SYNC_READ)).toThrow('EINVAL');
  });

  test.for([0, 4, 8 | DMA_BUF_SYNC_RW])('with flags %d is EINVAL', (flags, { sys }) => {
    const to = allocate(sys);
    const file = exported(sys, to, DMA_BUF_SYNC_READ);
    expect(() => imported(sys, to, file, flags)).toThrow('EINVAL');
  });
});
