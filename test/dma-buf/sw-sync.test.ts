import { errno } from '../../src/abi/index.ts';
import {
  F_GETFD,
  FD_CLOEXEC,
  O_RDONLY,
  O_RDWR,
  PAGE_SIZE,
  POLLIN,
  POLLOUT,
  PROT_READ,
  SW_SYNC_GET_DEADLINE,
  SW_SYNC_IOC_CREATE_FENCE,
  SW_SYNC_IOC_INC,
  SYNC_IOC_FILE_INFO,
  SYNC_IOC_MERGE,
  SYNC_IOC_SET_DEADLINE,
} from '../../src/abi/uapi/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import { type BootedMachine, boot } from '../../src/index.ts';
import type { FdTable, Kernel } from '../../src/kernel/index.ts';
import { allocate, describe, expect, mainTask, test } from './fixture.ts';
import { SW_SYNC, SwSync } from './sw-sync.ts';
import { graphicsTests, selftests, stress } from './sw-sync-cases.ts';

const createFence = (sys: Sys<'sync'>, timeline: number, value: number) =>
  sys.ioctl(timeline, SW_SYNC_IOC_CREATE_FENCE, { value, name: 'ignored' }).fence;
const increment = (sys: Sys<'sync'>, timeline: number, by: number) => sys.ioctl(timeline, SW_SYNC_IOC_INC, by);
const statusOf = (sys: Sys<'sync'>, fence: number) => sys.ioctl(fence, SYNC_IOC_FILE_INFO, {}).status;

function read(sys: Sys<'sync'>, path: string): string {
  const fd = sys.open(path);
  const text = Buffer.from(sys.read(fd, 4096)).toString('latin1');
  sys.close(fd);
  return text;
}
const info = (sys: Sys<'sync'>) => read(sys, '/sys/kernel/debug/sync/info');

describe('the files', () => {
  test('are in debugfs, with their modes', ({ sys }) => {
    const modes = ['', '/info', '/sw_sync'].map((name) => sys.stat(`/sys/kernel/debug/sync${name}`).mode.toString(8));
    expect(modes).toEqual(['40755', '100444', '100644']);
  });

  test('answer other calls as the kernel does', ({ sys }) => {
    const timeline = sys.open(SW_SYNC, O_RDWR);
    for (const call of [() => sys.read(timeline, 1), () => sys.write(timeline, 'x'), () => sys.fsync(timeline)])
      expect(call).toThrow('EINVAL');
    expect(() => sys.lseek(timeline, 0, 0)).toThrow('ESPIPE');
    expect(() => sys.mmap(timeline, { length: 4096 })).toThrow('ENODEV');
    expect(() => sys.ioctl(timeline, SYNC_IOC_FILE_INFO, {})).toThrow('ENOTTY');
    expect(sys.poll([{ fd: timeline, events: POLLIN | POLLOUT }], 0)).toEqual([POLLIN | POLLOUT]);
  });

  test('taint the kernel once a fence was wanted', ({ sys }) => {
    const tainted = () => read(sys, '/proc/sys/kernel/tainted');
    const timeline = sys.open(SW_SYNC, O_RDWR);
    expect(tainted()).toBe('0\n');
    createFence(sys, timeline, 1);
    expect(tainted()).toBe('16384\n');
  });
});

describe('a fence', () => {
  test.for([
    [0, 'signalled'],
    [1, 'pending'],
    [0x7fff_ffff, 'pending'],
    [0x8000_0000, 'signalled'],
    [0xffff_ffff, 'signalled'],
  ] as [number, string][])('for %d on a new timeline is %s', ([value, state], { sys }) => {
    const fence = createFence(sys, sys.open(SW_SYNC, O_RDWR), value);
    expect(statusOf(sys, fence)).toBe(state === 'pending' ? 0 : 1);
  });

  test('is named by program, context and number, and closes on exec', ({ sys }) => {
    const timeline = sys.open(SW_SYNC, O_RDONLY);
    const fence = createFence(sys, timeline, 3);
    expect(sys.ioctl(fence, SYNC_IOC_FILE_INFO, {}).name).toMatch(/^sw_sync-main\d+-3$/);
    expect(sys.fcntl(fence, F_GETFD)).toBe(FD_CLOEXEC);
  });

  test('is the same for two who ask for the same pending number', ({ sys }) => {
    const timeline = sys.open(SW_SYNC, O_RDWR);
    const [one, other] = [createFence(sys, timeline, 3), createFence(sys, timeline, 3)];
    const merged = sys.ioctl(one, SYNC_IOC_MERGE, { name: '', fd2: other }).fence;
    expect(sys.ioctl(merged, SYNC_IOC_FILE_INFO, {}).num_fences).toBe(1);
    sys.ioctl(other, SYNC_IOC_SET_DEADLINE, { deadline_ns: 77 });
    expect(sys.ioctl(timeline, SW_SYNC_GET_DEADLINE, { fence_fd: one }).deadline_ns).toBe(77n);
  });

  test('takes the descriptor before it reads, and gives it back', ({ machine, sys }) => {
    const timeline = sys.open(SW_SYNC, O_RDWR);
    expect(() => sys.ioctl(timeline, SW_SYNC_IOC_CREATE_FENCE.number, 12345)).toThrow('EFAULT');
    const first = createFence(sys, timeline, 1);
    sys.close(first);
    const unwritable = sys.mmap(allocate(sys), { length: PAGE_SIZE, prot: PROT_READ });
    expect(() => sys.ioctl(timeline, SW_SYNC_IOC_CREATE_FENCE.number, unwritable.address)).toThrow('EFAULT');
    expect(createFence(sys, timeline, 1)).toBe(first);
    const files = mainTask(machine).files as FdTable;
    const { limit } = files;
    files.limit = first;
    expect(() => sys.ioctl(timeline, SW_SYNC_IOC_CREATE_FENCE.number, 12345)).toThrow('EMFILE');
    files.limit = limit;
  });
});

describe('the counter', () => {
  test('signals in the order of the numbers, at once', ({ sys }) => {
    const timeline = sys.open(SW_SYNC, O_RDWR);
    const fences = [3, 1, 2].map((value) => createFence(sys, timeline, value));
    const statuses = () => fences.map((fence) => statusOf(sys, fence));
    increment(sys, timeline, 0);
    expect(statuses()).toEqual([0, 0, 0]);
    increment(sys, timeline, 2);
    expect(statuses()).toEqual([0, 1, 1]);
    increment(sys, timeline, 5);
    expect(statuses()).toEqual([1, 1, 1]);
  });

  test('wraps, and steps of more than half the range signal what lies within', ({ sys }) => {
    const timeline = sys.open(SW_SYNC, O_RDWR);
    const fence = createFence(sys, timeline, 0x7fff_ffff);
    increment(sys, timeline, 0x8000_0000);
    expect([statusOf(sys, fence), info(sys)]).toEqual([1, expect.stringContaining('main: -2147483648\n')]);
    const next = createFence(sys, timeline, 0);
    expect(statusOf(sys, next)).toBe(1);
    increment(sys, timeline, 0xffff_ffff);
    expect(info(sys)).toContain('main: 2147483647\n');
  });

  test('of a closed timeline fails its pending fences with ENOENT', ({ sys }) => {
    const timeline = sys.open(SW_SYNC, O_RDWR);
    const [done, pending] = [createFence(sys, timeline, 1), createFence(sys, timeline, 2)];
    increment(sys, timeline, 1);
    sys.close(timeline);
    expect([statusOf(sys, done), statusOf(sys, pending)]).toEqual([1, -errno.ENOENT]);
    expect(sys.poll([{ fd: pending, events: POLLIN }], 0)).toEqual([POLLIN]);
  });
});

describe('the deadline of a fence', () => {
  const get = (sys: Sys<'sync'>, timeline: number, fence_fd: number) => sys.ioctl(timeline, SW_SYNC_GET_DEADLINE, { fence_fd }).deadline_ns;
  const set = (sys: Sys<'sync'>, fence: number, deadline_ns: number | bigint) => sys.ioctl(fence, SYNC_IOC_SET_DEADLINE, { deadline_ns });

  test('is the earliest that was set while it was pending, asked of any timeline', ({ sys }) => {
    const [timeline, other] = [sys.open(SW_SYNC, O_RDWR), sys.open(SW_SYNC, O_RDWR)];
    const fence = createFence(sys, timeline, 1);
    for (const deadline of [50, 90, 40]) set(sys, fence, deadline);
    expect(get(sys, other, fence)).toBe(40n);
    increment(sys, timeline, 1);
    set(sys, fence, 10);
    expect(get(sys, other, fence)).toBe(40n);
  });

  test('is signed: all ones are long past', ({ sys }) => {
    const timeline = sys.open(SW_SYNC, O_RDWR);
    const fence = createFence(sys, timeline, 1);
    set(sys, fence, 5);
    set(sys, fence, 2n ** 64n - 1n);
    expect(get(sys, timeline, fence)).toBe(2n ** 64n - 1n);
  });

  test('reaches the members of a merge', ({ sys }) => {
    const timelines = [sys.open(SW_SYNC, O_RDWR), sys.open(SW_SYNC, O_RDWR)];
    const [one, other] = timelines.map((timeline) => createFence(sys, timeline, 1)) as [number, number];
    const merged = sys.ioctl(one, SYNC_IOC_MERGE, { name: '', fd2: other }).fence;
    set(sys, merged, 30);
    expect([one, other].map((fence) => get(sys, timelines[0] as number, fence))).toEqual([30n, 30n]);
    expect(() => get(sys, timelines[0] as number, merged)).toThrow('EINVAL');
  });

  test('is refused when nothing was set, or nothing can be', ({ sys }) => {
    const timeline = sys.open(SW_SYNC, O_RDWR);
    const fence = createFence(sys, timeline, 1);
    expect(() => get(sys, timeline, fence)).toThrow('ENOENT');
    for (const fd of [-1, timeline]) expect(() => get(sys, timeline, fd)).toThrow('EINVAL');
    for (const wrong of [{ deadline_ns: 1 }, { pad: 1 }])
      expect(() => sys.ioctl(timeline, SW_SYNC_GET_DEADLINE, { fence_fd: fence, ...wrong })).toThrow('EINVAL');
  });
});

describe('info', () => {
  const END = 'fences:\n--------------\n';

  test('is empty at first', ({ sys }) => {
    expect(info(sys)).toBe(`objs:\n--------------\n${END}`);
  });

  test('shows timelines with their pending fences, in order', ({ sys }) => {
    const [first, second] = [sys.open(SW_SYNC, O_RDWR), sys.open(SW_SYNC, O_RDWR)];
    for (const value of [9, 4, 0]) createFence(sys, first, value);
    increment(sys, second, 7);
    expect(info(sys)).toBe(`objs:\n--------------\nmain: 0\n  fence active: 4 / 0\n  fence active: 9 / 0\n\nmain: 7\n\n${END}`);
  });

  test('keeps a closed timeline while its fences live, with their end', ({ sys }) => {
    const timeline = sys.open(SW_SYNC, O_RDWR);
    const fence = createFence(sys, timeline, 4);
    sys.nanosleep(70);
    sys.close(timeline);
    expect(info(sys)).toBe(`objs:\n--------------\nmain: 0\n  fence error@1.000000070: 4 / 0\n\n${END}`);
    sys.close(fence);
    expect(info(sys)).toBe(`objs:\n--------------\n${END}`);
  });

  test('forgets a pending fence that nobody holds', ({ sys }) => {
    const timeline = sys.open(SW_SYNC, O_RDWR);
    sys.close(createFence(sys, timeline, 4));
    expect(info(sys)).toBe(`objs:\n--------------\nmain: 0\n\n${END}`);
  });
});

/** Runs a program that must succeed on a machine, which then has nothing left. */
async function runProgram(machine: BootedMachine, body: (sync: SwSync) => Kernel<void>): Promise<void> {
  const program = machine.spawn((sys) => body(new SwSync(sys)));
  await machine.run();
  program.result();
}

describe('the sync selftest', () => {
  test.for(Object.entries(selftests))('%s', ([, body], { machine }) => runProgram(machine, body));

  test.for(Object.entries(stress))('%s, a few times', async ([, [iterations, body]]) => {
    const machine = boot();
    await runProgram(machine, (sync) => body(sync, iterations >> 6));
    machine.shutdown();
  });
});

describe('the graphics test suite', () => {
  test.for(Object.entries(graphicsTests))('%s', ([, body], { machine }) => runProgram(machine, body));
});
