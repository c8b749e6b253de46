import { errno } from '../../src/abi/index.ts';
import {
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_SYNC_RW,
  F_GETFD,
  FD_CLOEXEC,
  O_PATH,
  PAGE_SIZE,
  POLLIN,
  PROT_READ,
  SYNC_IOC_FILE_INFO,
  SYNC_IOC_MERGE,
  SYNC_IOC_SET_DEADLINE,
  sync_fence_info,
} from '../../src/abi/uapi/index.ts';
import { createSyncFile, type DmaFence, DmaFenceChain, DMA_RESV_USAGE_WRITE as WRITE } from '../../src/dma-buf/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import type { BootedMachine } from '../../src/index.ts';
import { add, allocate, bufferAt, describe, expect, mainTask, run, test } from './fixture.ts';

/** A sync file for one fence, or for what a buffer with several exports. @returns its descriptor */
function fileOf(machine: BootedMachine, ...fences: readonly DmaFence[]): number {
  const { sys } = machine;
  const [only] = fences;
  if (fences.length === 1 && only !== undefined) {
    return run(machine, mainTask(machine).files.install(createSyncFile(machine.system, only), true));
  }
  const fd = allocate(sys);
  for (const fence of fences) add(bufferAt(machine, fd).resv, fence, WRITE);
  const { fd: file } = sys.ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags: DMA_BUF_SYNC_RW });
  sys.close(fd);
  return file;
}

/** FILE_INFO with room for so many records. */
function info(sys: Sys<'sync'>, file: number, room: number) {
  const memory = sys.allocate(Math.max(1, room) * sync_fence_info.size);
  const header = sys.ioctl(file, SYNC_IOC_FILE_INFO, { num_fences: room, sync_fence_info: memory.address });
  const view = new DataView(sys.peek(memory.address, memory.length).buffer);
  const records = Array.from({ length: Math.min(room, header.num_fences) }, (_, index) =>
    sync_fence_info.decode(view, index * sync_fence_info.size),
  );
  sys.free(memory);
  return { ...header, records };
}

const fail = (fence: DmaFence, code: number) => {
  fence.setError(code);
  fence.signal();
};

describe('FILE_INFO', () => {
  test('without room tells how many fences there are', ({ machine, sys, driver }) => {
    const file = fileOf(machine, driver.fence(), driver.fence());
    expect(info(sys, file, 0)).toMatchObject({ status: 0, num_fences: 2, name: 'dma_fence_array-unbound3-1' });
  });

  test('tells of each fence, and its time once it has signalled', ({ machine, sys, driver }) => {
    const [first, second] = [driver.fence(), driver.fence()];
    const file = fileOf(machine, first, second);
    sys.nanosleep(30);
    fail(second, -errno.ETIME);
    const names = { obj_name: 'line', driver_name: 'test', flags: 0 };
    expect(info(sys, file, 2).records).toEqual([
      { ...names, status: 0, timestamp_ns: 0 },
      { ...names, status: -errno.ETIME, timestamp_ns: 1_000_000_030 },
    ]);
  });

  test('may have more room than it needs, which stays as it was', ({ machine, sys, driver }) => {
    const file = fileOf(machine, driver.fence());
    const memory = sys.allocate(2 * sync_fence_info.size);
    sys.poke(memory.address, new Uint8Array(memory.length).fill(0xee));
    const { num_fences } = sys.ioctl(file, SYNC_IOC_FILE_INFO, { num_fences: 1_000_000, sync_fence_info: memory.address });
    expect(num_fences).toBe(1);
    expect([...new Set(sys.peek(memory.address + sync_fence_info.size, sync_fence_info.size))]).toEqual([0xee]);
  });

  test('with too little room is EINVAL and writes nothing', ({ machine, sys, driver }) => {
    const file = fileOf(machine, driver.fence(), driver.fence());
    const memory = sys.allocate(PAGE_SIZE);
    const ask = () => sys.ioctl(file, SYNC_IOC_FILE_INFO, { num_fences: 1, sync_fence_info: memory.address });
    expect(ask).toThrow('EINVAL');
    expect(new Set(sys.peek(memory.address, PAGE_SIZE))).toEqual(new Set([0]));
  });

  test('needs no address when there is no room, and a good one when there is', ({ machine, sys, driver }) => {
    const file = fileOf(machine, driver.fence());
    expect(sys.ioctl(file, SYNC_IOC_FILE_INFO, { sync_fence_info: 12345 }).num_fences).toBe(1);
    expect(() => sys.ioctl(file, SYNC_IOC_FILE_INFO, { num_fences: 1, sync_fence_info: 12345 })).toThrow('EFAULT');
  });

  test.for([{ flags: 1 }, { pad: 1 }])('with %j is EINVAL', (bad, { machine, sys, driver }) => {
    const file = fileOf(machine, driver.fence());
    expect(() => sys.ioctl(file, SYNC_IOC_FILE_INFO, bad)).toThrow('EINVAL');
  });
});

describe('the status of a sync file', () => {
  const [EIO, ETIME] = [-errno.EIO, -errno.ETIME];

  /** What each fence does before the question: 0 nothing, 1 success, else failure. Records ask fence by fence, the file as one. */
  test.for([
    [[0], 0, 0],
    [[1], 1, 1],
    [[EIO], EIO, EIO],
    [[0, 0], 0, 0],
    [[1, 1], 1, 1],
    [[1, 0], 0, 0],
    [[0, EIO], 0, 0],
    [[EIO, 0], EIO, 0],
    [[1, EIO], EIO, 1],
    [[EIO, ETIME], EIO, 1],
    [[1, 0, EIO], 0, 0],
  ] as [number[], number, number][])(
    'of fences %j is %d with records, %d without',
    ([states, withRecords, without], { machine, sys, driver }) => {
      const fences = states.map(() => driver.fence());
      const file = fileOf(machine, ...fences);
      for (const [index, state] of states.entries()) {
        if (state === 1) fences[index]?.signal();
        else if (state !== 0) fail(fences[index] as DmaFence, state);
      }
      expect(info(sys, file, states.length).status).toBe(withRecords);
      expect(info(sys, file, 0).status).toBe(without);
    },
  );

  test('is the first error of several fences only if somebody polled before', ({ machine, sys, driver }) => {
    const fences = [driver.fence(), driver.fence()];
    const [polled, unpolled] = [fileOf(machine, ...fences), fileOf(machine, ...fences)];
    expect(sys.poll([{ fd: polled, events: POLLIN }], 0)).toEqual([0]);
    for (const fence of fences.toReversed()) fail(fence, fence === fences[1] ? ETIME : EIO);
    expect([info(sys, polled, 0).status, info(sys, unpolled, 0).status]).toEqual([ETIME, 1]);
    expect(sys.poll([{ fd: polled, events: POLLIN }])).toEqual([POLLIN]);
  });

  test('with records asks each fence and not the whole, which a later poll can still tell of the error', ({ machine, sys, driver }) => {
    const fences = [driver.fence(), driver.fence()];
    const file = fileOf(machine, ...fences);
    for (const fence of fences) fail(fence, fence === fences[0] ? ETIME : EIO);
    expect(info(sys, file, 2).status).toBe(ETIME);
    sys.poll([{ fd: file, events: POLLIN }], 0);
    expect(info(sys, file, 0).status).toBe(ETIME);
  });
});

describe('the name of a sync file', () => {
  test('is the fence’s own, whatever its state', ({ machine, sys, driver }) => {
    const fence = driver.fence({ context: 7, seqno: 3 });
    const file = fileOf(machine, fence);
    expect(info(sys, file, 0).name).toBe('test-line7-3');
    fence.signal();
    expect(info(sys, file, 0).name).toBe('test-line7-3');
    expect(info(sys, fileOf(machine), 0).name).toBe('stub-stub0-0');
  });

  test('is cut to 31 bytes, and so are those of its fences', ({ machine, sys, driver }) => {
    const name = (letter: string) => letter.repeat(40);
    const file = fileOf(machine, driver.fence({ ops: { driverName: () => name('d'), timelineName: () => name('t') } }));
    const answer = info(sys, file, 1);
    expect([answer.name, answer.records[0]?.driver_name, answer.records[0]?.obj_name]).toEqual([
      name('d').slice(0, 31),
      name('d').slice(0, 31),
      name('t').slice(0, 31),
    ]);
  });

  test.for([
    ['both', 'both'],
    ['', 'test-line7-3'],
    ['n'.repeat(32), 'n'.repeat(31)],
    ['\u00ff\u0080', '\u00ff\u0080'],
  ] as [string, string][])('of a merge is the one given, if any: %j', ([given, shown], { machine, sys, driver }) => {
    const file = fileOf(machine, driver.fence({ context: 7, seqno: 3 }));
    const { fence: merged } = sys.ioctl(file, SYNC_IOC_MERGE, { name: given, fd2: file });
    expect(info(sys, merged, 0).name).toBe(shown);
  });
});

describe('MERGE', () => {
  test('makes a file of its own: the inputs stay, and may be closed', ({ machine, sys, driver }) => {
    const fences = [driver.later(10), driver.later(20)];
    const files = fences.map((fence) => fileOf(machine, fence)) as [number, number];
    const { fence: merged } = sys.ioctl(files[0], SYNC_IOC_MERGE, { name: 'm', fd2: files[1] });
    expect(info(sys, files[0], 0).num_fences).toBe(1);
    expect(sys.fcntl(merged, F_GETFD)).toBe(FD_CLOEXEC);
    for (const file of files) sys.close(file);
    expect(info(sys, merged, 2)).toMatchObject({ num_fences: 2, status: 0 });
    sys.poll([{ fd: merged, events: POLLIN }]);
    expect([machine.system.now(), info(sys, merged, 2).status]).toEqual([1_000_000_020, 1]);
  });

  test('of signalled files has the latest of their times, and no error', ({ machine, sys, driver }) => {
    const early = fileOf(machine, driver.signaled(-errno.EIO));
    sys.nanosleep(50);
    const late = fileOf(machine, driver.signaled());
    sys.nanosleep(50);
    const { fence: merged } = sys.ioctl(late, SYNC_IOC_MERGE, { fd2: early });
    const { records, ...header } = info(sys, merged, 1);
    expect(header).toMatchObject({ status: 1, name: 'stub-stub0-0' });
    expect(records).toEqual([{ obj_name: 'stub', driver_name: 'stub', status: 1, flags: 0, timestamp_ns: 1_000_000_050 }]);
  });

  test.for([
    ['flags', { flags: 1 }, 'EINVAL'],
    ['pad', { pad: 1 }, 'EINVAL'],
    ['a closed second file', { fd2: 77 }, 'ENOENT'],
    ['flags before the second file', { flags: 1, fd2: 77 }, 'EINVAL'],
  ] as [string, object, string][])('with %s fails and leaves nothing', ([, bad, code], { machine, sys, driver }) => {
    const file = fileOf(machine, driver.fence());
    const before = machine.system.ledger.list();
    expect(() => sys.ioctl(file, SYNC_IOC_MERGE, { fd2: file, ...bad })).toThrow(code);
    expect(machine.system.ledger.list()).toEqual(before);
    expect(sys.dup(file)).toBe(file + 1);
  });

  test.for(['buffer', 'path'])('with a %s as second file is ENOENT', (kind, { machine, sys, driver }) => {
    const file = fileOf(machine, driver.fence());
    const fd2 = kind === 'buffer' ? allocate(sys) : sys.open('/dev/dma_heap/system', O_PATH);
    expect(() => sys.ioctl(file, SYNC_IOC_MERGE, { fd2 })).toThrow('ENOENT');
  });

  test('that cannot answer leaves nothing, and the number is free again', ({ machine, sys, driver }) => {
    const [file, other] = [fileOf(machine, driver.fence()), fileOf(machine, driver.fence())];
    const memory = sys.allocate(PAGE_SIZE);
    sys.poke(memory.address + 32, Uint8Array.from([other]));
    sys.mprotect(memory, PROT_READ);
    const before = machine.system.ledger.list();
    expect(() => sys.ioctl(file, SYNC_IOC_MERGE.number, memory.address)).toThrow('EFAULT');
    expect(machine.system.ledger.list()).toEqual(before);
    expect(sys.dup(file)).toBe(other + 1);
  });

  test('with a full table is EMFILE before anything else is looked at', ({ machine, sys, driver }) => {
    const file = fileOf(machine, driver.fence());
    sys.setFileLimit(file + 1);
    expect(() => sys.ioctl(file, SYNC_IOC_MERGE.number, 0)).toThrow('EMFILE');
    expect(() => sys.ioctl(file, SYNC_IOC_MERGE, { flags: 1, fd2: 77 })).toThrow('EMFILE');
  });
});

describe('a sync file of a chain', () => {
  test('tells of the fences inside, the latest first, and passes deadlines to them', ({ machine, sys, driver }) => {
    const deadlines: number[] = [];
    const make = (seqno: number) => driver.fence({ context: 90, seqno, ops: { setDeadline: () => deadlines.push(seqno) } });
    const [early, late] = [make(1), make(2)];
    const first = new DmaFenceChain(machine.system, undefined, early.get(), 1);
    const second = new DmaFenceChain(machine.system, first, late.get(), 2);
    const file = fileOf(machine, second);
    second.put();
    fail(late, -errno.ETIME);
    const statuses = () => info(sys, file, 2).records.map(({ status }) => status);
    expect([statuses(), info(sys, file, 0).num_fences]).toEqual([[-errno.ETIME, 0], 2]);
    sys.ioctl(file, SYNC_IOC_SET_DEADLINE, { deadline_ns: 7 });
    expect(deadlines).toEqual([1]);
    early.signal();
    // A node before the first that has signalled is not found any more.
    expect(info(sys, file, 2)).toMatchObject({ num_fences: 1, status: -errno.ETIME });
  });
});

describe('SET_DEADLINE', () => {
  test.for([
    [0n, 0],
    [5_000_000_000n, 5_000_000_000],
    [2n ** 63n, -(2 ** 63)],
    [2n ** 64n - 1n, -1],
  ] as [bigint, number][])('of %d is a signed time, for each fence', ([deadline_ns, told], { machine, sys, driver }) => {
    const deadlines: number[] = [];
    const make = () => driver.fence({ ops: { setDeadline: (_, at_ns) => deadlines.push(at_ns) } });
    const file = fileOf(machine, make(), make());
    expect(sys.ioctl(file, SYNC_IOC_SET_DEADLINE, { deadline_ns })).toBe(0);
    expect(deadlines).toEqual([told, told]);
    expect(() => sys.ioctl(file, SYNC_IOC_SET_DEADLINE, { deadline_ns, pad: 1 })).toThrow('EINVAL');
  });

  test('is for nobody once the fence has signalled', ({ machine, sys, driver }) => {
    const fence = driver.fence({ ops: { setDeadline: () => expect.unreachable() } });
    fence.signal();
    expect(sys.ioctl(fileOf(machine, fence), SYNC_IOC_SET_DEADLINE, { deadline_ns: 5 })).toBe(0);
  });
});
