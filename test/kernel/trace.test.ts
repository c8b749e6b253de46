import { describe, expect, test } from 'vitest';
import {
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SET_NAME,
  DMA_HEAP_IOCTL_ALLOC,
  O_CLOEXEC,
  O_RDWR,
} from '../../src/abi/uapi/index.ts';
import { boot, type Program } from '../../src/index.ts';
import { bootTestDevice } from '../support/test-device.ts';

describe('the trace', () => {
  test('shows each call decoded, with names, structs before and after, and errors with their reason', () => {
    const lines: string[] = [];
    const { sys } = boot(undefined, { trace: ({ text }) => lines.push(text) });
    const heap = sys.open('/dev/dma_heap/system', O_RDWR | O_CLOEXEC);
    const { fd } = sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: 5000, fd_flags: O_RDWR });
    sys.ioctl(fd, DMA_BUF_SET_NAME, 'camera');
    sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: 5 });
    expect(() => sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: 8 })).toThrow();
    sys.ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags: 3 });
    sys.mmap(fd, { length: 4096 });
    expect(() => sys.lseek(fd, 5, 0)).toThrow();
    sys.close(fd);
    expect(() => sys.open('/none')).toThrow();
    expect(lines.map((line) => line.replace(/0x7f\w+/, 'ADDRESS'))).toEqual([
      'openat(AT_FDCWD, "/dev/dma_heap/system", O_RDWR|O_CLOEXEC) = 0',
      'ioctl(0, DMA_HEAP_IOCTL_ALLOC, {len=5000, fd=0, fd_flags=O_RDWR, heap_flags=0} => {len=5000, fd=1, fd_flags=O_RDWR, heap_flags=0}) = 0',
      'ioctl(1, DMA_BUF_SET_NAME_B, "camera") = 0',
      'ioctl(1, DMA_BUF_IOCTL_SYNC, {flags=DMA_BUF_SYNC_END|DMA_BUF_SYNC_READ}) = 0',
      'ioctl(1, DMA_BUF_IOCTL_SYNC, {flags=DMA_BUF_SYNC_START|0x8}) = -1 EINVAL (flags has an unknown bit)',
      'ioctl(1, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, {flags=DMA_BUF_SYNC_RW, fd=0} => {flags=DMA_BUF_SYNC_RW, fd=2}) = 0',
      'mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 1, 0x0) = ADDRESS',
      'lseek(1, 5, SEEK_SET) = -1 EINVAL (only the start and the end of a buffer can be sought)',
      'close(1) = 0',
      'openat(AT_FDCWD, "/none", O_RDONLY) = -1 ENOENT (there is no none in /)',
    ]);
  });

  test('says what a call waits for when it begins to', () => {
    const lines: string[] = [];
    const { machine, device, fd } = bootTestDevice({ trace: ({ text }) => lines.push(text) });
    machine.system.clock.schedule(5, 'data', () => device.put(0x61, 0x0a));
    machine.sys.read(fd, 16);
    expect(lines.slice(1)).toEqual(['read(0, "", 16) waits for the test device', 'read(0, "a\\n", 16) = 2']);
  });

  /** Some programs that meet at a buffer, a socket and the clock. */
  function lines(seed: number): string {
    const out: string[] = [];
    const machine = boot(undefined, { seed, trace: ({ at_ns, pid, text }) => out.push(`${at_ns} ${pid} ${text}`) });
    const program: Program = function* (sys) {
      const heap = yield* sys.open('/dev/dma_heap/system', O_RDWR);
      const [one, other] = yield* sys.socketpair();
      yield* sys.fork(function* (child) {
        const { fds } = yield* child.recvmsg(other);
        yield* child.ioctl(fds[0] as number, DMA_BUF_IOCTL_SYNC, { flags: 1 });
        yield* child.nanosleep(machine.system.random(String(sys.pid)).below(50));
      });
      const { fd } = yield* sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: 4096 * sys.pid, fd_flags: O_RDWR });
      yield* sys.sched_yield();
      yield* sys.sendmsg(one, 'a buffer', [fd]);
    };
    for (let i = 0; i < 4; i++) machine.spawn(program);
    machine.system.scheduler.runUntil(() => machine.system.tasks.all().length === 1, 'the test');
    machine.shutdown();
    return out.join('\n');
  }

  test('one seed gives one trace, byte by byte', () => {
    const runs = [1, 2, 3, 4, 5, 6].map((seed) => {
      const first = lines(seed);
      expect(lines(seed), `seed ${seed}`).toBe(first);
      return first;
    });
    expect(new Set(runs).size).toBeGreaterThan(1);
  });
});
