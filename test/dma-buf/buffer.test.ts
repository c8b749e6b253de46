import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SET_NAME,
  DMA_BUF_SET_NAME_A,
  DMA_BUF_SYNC_RW,
  F_GETFL,
  F_SETFL,
  MAP_PRIVATE,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  PAGE_SIZE,
  POLLIN,
  POLLOUT,
  PROT_READ,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from '../../src/abi/uapi/index.ts';
import { DmaBuf, dmaBufFd, dmaBufGet, liveDmaBufs, DMA_RESV_USAGE_WRITE as WRITE } from '../../src/dma-buf/index.ts';
import { type BootedMachine, boot } from '../../src/index.ts';
import { add, allocate, bufferAt, describe, expect, exportBuffer, leastOperations, mainTask, run, test } from './fixture.ts';

const fdinfo = (machine: BootedMachine, fd: number) => {
  const { file } = bufferAt(machine, fd);
  return file.ops.showFdinfo?.(file);
};

describe('the name of a buffer', () => {
  test('is absent, then what was set last, for all descriptors', ({ machine, sys }) => {
    const fd = allocate(sys);
    const dmabuf = bufferAt(machine, fd);
    const seen = [dmabuf.name];
    sys.ioctl(fd, DMA_BUF_SET_NAME, 'camera');
    seen.push(dmabuf.name);
    sys.ioctl(sys.dup(fd), DMA_BUF_SET_NAME_A, '');
    seen.push(dmabuf.name);
    expect(seen).toEqual([undefined, 'camera', '']);
  });

  test('shows in the path of its file', ({ machine, sys }) => {
    const fd = allocate(sys);
    const { file } = bufferAt(machine, fd);
    expect(file.path).toBe('/dmabuf:');
    sys.ioctl(fd, DMA_BUF_SET_NAME, 'a/b');
    expect(file.path).toBe('/dmabuf:a/b');
  });

  test('is bytes, each of which is one character', ({ machine, sys }) => {
    const fd = allocate(sys);
    const all = Uint8Array.from({ length: 255 }, (_, index) => index + 1);
    const memory = sys.allocate(PAGE_SIZE);
    for (let from = 0; from < all.length; from += 31) {
      const bytes = all.subarray(from, from + 31);
      sys.poke(memory.address, Uint8Array.from([...bytes, 0]));
      sys.ioctl(fd, DMA_BUF_SET_NAME.number, memory.address);
      expect([...(bufferAt(machine, fd).name ?? '')].map((c) => c.codePointAt(0))).toEqual([...bytes]);
    }
  });

  test.for([
    [31, 'and a NUL fit', 0],
    [32, 'without a NUL are too many', 'EINVAL'],
  ] as [number, string, number | string][])('may have 31 bytes: %d %s', ([length, , answer], { machine, sys }) => {
    const fd = allocate(sys);
    sys.ioctl(fd, DMA_BUF_SET_NAME, 'before');
    const set = () => sys.ioctl(fd, DMA_BUF_SET_NAME, 'n'.repeat(length));
    if (answer === 0) expect(set()).toBe(0);
    else expect(set).toThrow(answer as string);
    expect(bufferAt(machine, fd).name).toBe(answer === 0 ? 'n'.repeat(length) : 'before');
  });

  test.for([
    [4, [0x61, 0x62, 0x63, 0], 'abc'],
    [31, Array(31).fill(0x61), 'EFAULT'],
    [32, Array(32).fill(0x61), 'EINVAL'],
  ] as [number, number[], string][])(
    'is read no further than its NUL: %d bytes before the end of memory',
    ([room, bytes, answer], { machine, sys }) => {
      const fd = allocate(sys);
      const address = sys.allocate(PAGE_SIZE).address + PAGE_SIZE - room;
      sys.poke(address, Uint8Array.from(bytes));
      const set = () => sys.ioctl(fd, DMA_BUF_SET_NAME.number, address);
      if (answer === 'abc') {
        set();
        expect(bufferAt(machine, fd).name).toBe('abc');
      } else expect(set).toThrow(answer);
    },
  );
});

describe('fdinfo of a buffer', () => {
  test('tells size, count, exporter and name', ({ machine, sys }) => {
    const fd = allocate(sys, 3);
    expect(fdinfo(machine, fd)).toBe('size:\t12288\ncount:\t1\nexp_name:\tsystem\n');
    sys.ioctl(fd, DMA_BUF_SET_NAME, 'dup');
    sys.dup(fd);
    expect(fdinfo(machine, fd)).toBe('size:\t12288\ncount:\t2\nexp_name:\tsystem\nname:\tdup\n');
    sys.ioctl(fd, DMA_BUF_SET_NAME, '');
    expect(fdinfo(machine, fd)).toMatch(/\nname:\t\n$/);
  });

  test('counts descriptors, mappings and their pieces, forked ones, messages and kernel users', async ({ machine, sys, driver }) => {
    const fd = allocate(sys, 3);
    const dmabuf = bufferAt(machine, fd);
    const counts: string[] = [];
    const count = (what: string) => counts.push(`${what} ${dmabuf.file.count}`);
    const copy = sys.dup(fd);
    count('dup');
    const mapping = sys.mmap(fd, { length: 3 * PAGE_SIZE });
    count('mmap');
    sys.munmap({ address: mapping.address + PAGE_SIZE, length: PAGE_SIZE });
    count('a hole in it');
    const pid = sys.fork(function* (child) {
      count('fork');
      yield* child.sched_yield();
    });
    sys.waitpid(pid);
    count('the child’s end');
    const [one, other] = sys.socketpair();
    sys.sendmsg(one, 'x', [fd]);
    count('a message');
    for (const end of [one, other, copy]) sys.close(end);
    count('closing');
    add(dmabuf.resv, driver.fence(), WRITE);
    sys.poll([{ fd, events: POLLIN | POLLOUT }], 0);
    count('poll');
    dmabuf.get();
    count('a kernel user');
    dmabuf.put();
    sys.munmap(mapping);
    count('munmap');
    expect(counts).toEqual([
      'dup 2',
      'mmap 3',
      'a hole in it 4',
      'fork 8',
      'the child’s end 4',
      'a message 5',
      'closing 3',
      'poll 5',
      'a kernel user 6',
      'munmap 3',
    ]);
  });
});

describe('a buffer', () => {
  test.for([
    [0, SEEK_SET, 0],
    [0, SEEK_END, 8192],
    [1, SEEK_SET, 'EINVAL'],
    [-1, SEEK_END, 'EINVAL'],
    [8192, SEEK_SET, 'EINVAL'],
    [0, SEEK_CUR, 'EINVAL'],
    [0, 3, 'EINVAL'],
    [0, 9, 'EINVAL'],
  ] as [number, number, number | string][])('seeks %d from whence %d: %s', ([offset, whence, answer], { machine, sys }) => {
    const fd = allocate(sys, 2);
    if (typeof answer === 'number') expect(sys.lseek(fd, offset, whence)).toBe(answer);
    else expect(() => sys.lseek(fd, offset, whence)).toThrow(answer);
    expect(bufferAt(machine, fd).file.position).toBe(0);
  });

  test.for([O_RDONLY, O_WRONLY, O_RDWR, 3])('opened with access mode %d syncs, polls and seeks all the same', (mode, { sys }) => {
    const fd = allocate(sys, 2, mode);
    expect(sys.fcntl(fd, F_GETFL)).toBe(mode);
    expect(sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_RW })).toBe(0);
    expect(sys.poll([{ fd, events: POLLIN | POLLOUT }])).toEqual([POLLIN | POLLOUT]);
    expect(sys.lseek(fd, 0, SEEK_END)).toBe(8192);
  });

  test('has a number of its own that no other ever had', ({ machine, sys }) => {
    const numbers = [1, 2, 3].map(() => {
      const fd = allocate(sys);
      const { ino } = sys.fstat(fd);
      sys.close(fd);
      return ino;
    });
    expect(numbers).toEqual([1, 2, 3]);
    expect(liveDmaBufs(machine.system)).toEqual([]);
    const fds = [allocate(sys), allocate(sys)];
    expect(liveDmaBufs(machine.system)).toEqual(fds.reverse().map((fd) => bufferAt(machine, fd)));
  });

  test('shows the same bytes in all its mappings', ({ sys }) => {
    const fd = allocate(sys, 3);
    const whole = sys.mmap(fd, { length: 3 * PAGE_SIZE });
    const middle = sys.mmap(fd, { length: PAGE_SIZE, offset: PAGE_SIZE });
    middle.bytes.set([1, 2, 3]);
    expect([...whole.bytes.subarray(PAGE_SIZE, PAGE_SIZE + 4)]).toEqual([1, 2, 3, 0]);
    for (const mapping of [whole, middle]) sys.munmap(mapping);
  });

  test.for([
    [0, 3, 'the whole'],
    [0, 4, 'EINVAL'],
    [2, 1, 'its last page'],
    [2, 2, 'EINVAL'],
    [3, 1, 'EINVAL'],
    [2 ** 39, 1, 'EINVAL'],
    [-2, 1, 'EINVAL'],
  ] as [number, number, string][])('mapped from page %d on for %d pages: %s', ([page, pages, answer], { sys }) => {
    const fd = allocate(sys, 3);
    const map = () => sys.mmap(fd, { length: pages * PAGE_SIZE, offset: page * PAGE_SIZE });
    if (answer === 'EINVAL') expect(map).toThrow(answer);
    else expect(map().length).toBe(pages * PAGE_SIZE);
  });

  test('mapped privately is one page, a copy of its own', ({ sys }) => {
    const fd = allocate(sys, 2);
    const shared = sys.mmap(fd, { length: 2 * PAGE_SIZE });
    shared.bytes.fill(7);
    const own = sys.mmap(fd, { length: PAGE_SIZE, flags: MAP_PRIVATE, offset: PAGE_SIZE });
    own.bytes.fill(9);
    expect([own.bytes[0], shared.bytes[PAGE_SIZE]]).toEqual([9, 7]);
    expect(() => sys.mmap(fd, { length: 2 * PAGE_SIZE, flags: MAP_PRIVATE, prot: PROT_READ })).toThrow('EINVAL');
  });

  test('whose exporter cannot map is EINVAL', ({ machine, sys }) => {
    const { fd } = exportBuffer(machine);
    expect(() => sys.mmap(fd, { length: PAGE_SIZE })).toThrow('EINVAL: test buffers cannot be mapped');
  });

  test('takes the access mode and O_NONBLOCK of its exporter’s flags, and nothing else', ({ machine, sys }) => {
    const make = (flags: number) => {
      const dmabuf = new DmaBuf(machine.system, {
        exporterName: 'test',
        ops: leastOperations,
        size: PAGE_SIZE,
        flags,
        private: undefined,
      });
      return run(machine, dmaBufFd(dmabuf, false, mainTask(machine)));
    };
    const fds = [O_RDONLY, O_WRONLY | O_NONBLOCK, 0o7777777].map(make);
    expect(fds.map((fd) => sys.fcntl(fd, F_GETFL))).toEqual([O_RDONLY, O_WRONLY | O_NONBLOCK, 3 | O_NONBLOCK]);
    expect(sys.fcntl(fds[0] as number, F_SETFL, O_NONBLOCK)).toBe(0);
  });
});

describe('dma_buf_get', () => {
  const get = (machine: BootedMachine, fd: number) => run(machine, dmaBufGet(fd, mainTask(machine)));

  test('gives the buffer of a descriptor with a reference', ({ machine, sys }) => {
    const fd = allocate(sys);
    const dmabuf = get(machine, fd);
    expect([dmabuf, dmabuf.file.count]).toEqual([bufferAt(machine, fd), 2]);
    sys.close(fd);
    expect(dmabuf.size).toBe(PAGE_SIZE);
    dmabuf.put();
  });

  test('refuses what is not open, and what is no buffer', ({ machine, sys }) => {
    expect(() => get(machine, 77)).toThrow('EBADF');
    const heap = sys.open('/dev/dma_heap/system', O_RDWR);
    expect(() => get(machine, heap)).toThrow('EINVAL');
    const path = sys.open('/dev/dma_heap/system', O_PATH);
    expect(() => get(machine, path)).toThrow('EBADF');
  });
});

describe('dma_buf_fd', () => {
  test('with a full table is EMFILE, and the reference stays the caller’s', () => {
    const machine = boot();
    const { fd } = exportBuffer(machine);
    machine.sys.setFileLimit(1);
    const dmabuf = bufferAt(machine, fd).get();
    expect(() => run(machine, dmaBufFd(dmabuf, false, mainTask(machine)))).toThrow('EMFILE');
    machine.sys.close(fd);
    expect(dmabuf.file.count).toBe(1);
    dmabuf.put();
    machine.shutdown();
  });
});
