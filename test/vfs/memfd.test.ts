import * as fc from 'fast-check';
import { describe, expect } from 'vitest';
import {
  F_ADD_SEALS,
  F_GET_SEALS,
  F_GETFD,
  F_GETFL,
  F_SEAL_EXEC,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  MADV_DODUMP,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_REMOVE,
  MADV_WIPEONFORK,
  MAP_PRIVATE,
  MFD_ALLOW_SEALING,
  MFD_CLOEXEC,
  MFD_EXEC,
  MFD_HUGETLB,
  MFD_NOEXEC_SEAL,
  MREMAP_MAYMOVE,
  MS_SYNC,
  O_PATH,
  O_RDONLY,
  PROT_READ,
  PROT_WRITE,
  SEEK_DATA,
  SEEK_HOLE,
} from '../../src/abi/uapi/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import { test } from '../../src/vitest.ts';

const P = 4096;
const PUNCH = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
const WRITABLE = PROT_READ | PROT_WRITE;

/** What a call answers: its result, or its errno. */
function answer(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

/** A memory file of some pages with seals. */
function make(sys: Sys<'sync'>, pages = 2, seals = 0): number {
  const fd = sys.memfdCreate('test', MFD_ALLOW_SEALING);
  sys.ftruncate(fd, pages * P);
  sys.fcntl(fd, F_ADD_SEALS, seals);
  return fd;
}

// All answers below are those of Linux 6.12.95.
describe('memfd_create', () => {
  test.for([
    ['both kinds of executable', 'x', MFD_EXEC | MFD_NOEXEC_SEAL, 'EINVAL'],
    ['an unknown flag', 'x', 32, 'EINVAL'],
    ['a size of huge pages without them', 'x', 21 << 26, 'EINVAL'],
    ['huge pages, which the machine has not', 'x', MFD_HUGETLB, 'ENOSYS'],
    ['a name of 250 bytes', 'a'.repeat(250), 0, 'EINVAL'],
  ] as const)('refuses %s', ([, name, flags, error], { machine: { sys } }) => {
    expect(answer(() => sys.memfdCreate(name, flags))).toBe(error);
    expect(answer(() => sys.fstat(0))).toBe('EBADF');
  });

  test('takes an empty name, and one of 249 bytes', ({ machine: { sys } }) => {
    for (const name of ['', 'a'.repeat(249), 'a/b']) {
      const fd = sys.memfdCreate(name);
      expect(sys.fdLink(fd)).toBe(`/memfd:${name} (deleted)`);
      sys.close(fd);
    }
  });

  test('shows what it is', ({ machine: { sys } }) => {
    const fd = sys.memfdCreate('x', MFD_CLOEXEC);
    expect(sys.fstat(fd)).toMatchObject({ mode: 0o100777, nlink: 0, size: 0, blocks: 0, dev: 1, rdev: 0 });
    expect(sys.fstatfs(fd).type).toBe(0x01021994);
    expect([sys.fcntl(fd, F_GETFL), sys.fcntl(fd, F_GETFD)]).toEqual([0o100002, 1]);
    sys.close(fd);
  });

  test.for([
    ['by default', 0, F_SEAL_SEAL, 0o777],
    ['with sealing', MFD_ALLOW_SEALING, 0, 0o777],
    ['not executable', MFD_NOEXEC_SEAL, F_SEAL_EXEC, 0o666],
  ] as const)('%s, its seals and mode', ([, flags, seals, mode], { machine: { sys } }) => {
    const fd = sys.memfdCreate('x', flags);
    expect([sys.fcntl(fd, F_GET_SEALS), sys.fstat(fd).mode & 0o7777]).toEqual([seals, mode]);
    sys.close(fd);
  });

  test('can be opened again by its descriptor; its bytes go with the last open file', ({ machine }) => {
    const { sys, ram } = machine;
    const fd = make(sys);
    sys.pwrite(fd, 'here', 5000);
    const used = ram.usedBytes;
    const again = sys.reopen(fd, O_RDONLY);
    sys.close(fd);
    expect(Buffer.from(sys.pread(again, 4, 5000)).toString()).toBe('here');
    expect([answer(() => sys.fcntl(again, F_ADD_SEALS, F_SEAL_GROW)), sys.fcntl(again, F_GET_SEALS)]).toEqual(['EPERM', 0]);
    const path = sys.reopen(again, O_PATH);
    sys.close(again);
    expect([used, ram.usedBytes]).toEqual([P, 0]);
    sys.close(path);
  });
});

describe('seals', () => {
  test('of files with names say that there will be none', ({ machine: { sys } }) => {
    const fd = sys.open('/file', 0o102);
    expect([sys.fcntl(fd, F_GET_SEALS), answer(() => sys.fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK))]).toEqual([F_SEAL_SEAL, 'EPERM']);
    sys.close(fd);
  });

  test('that are unknown are refused, and all after SEAL', ({ machine: { sys } }) => {
    const fd = make(sys);
    expect(answer(() => sys.fcntl(fd, F_ADD_SEALS, 64))).toBe('EINVAL');
    sys.fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL);
    expect(answer(() => sys.fcntl(fd, F_ADD_SEALS, F_SEAL_GROW))).toBe('EPERM');
    sys.close(fd);
  });

  test('EXEC of what may be executed seals its bytes, too', ({ machine: { sys } }) => {
    const fd = make(sys, 2, F_SEAL_EXEC);
    expect(sys.fcntl(fd, F_GET_SEALS)).toBe(F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
    sys.close(fd);
  });

  test.for([
    ['write across the end', (sys: Sys<'sync'>, fd: number) => sys.pwrite(fd, 'x'.repeat(P), P + 1), 'EPERM'],
    ['write behind the end', (sys: Sys<'sync'>, fd: number) => sys.pwrite(fd, 'x', 2 * P), 'EPERM'],
    ['write nothing there', (sys: Sys<'sync'>, fd: number) => sys.pwrite(fd, '', 2 * P), 0],
    ['grow', (sys: Sys<'sync'>, fd: number) => sys.ftruncate(fd, 2 * P + 1), 'EPERM'],
    ['stay', (sys: Sys<'sync'>, fd: number) => sys.ftruncate(fd, 2 * P), 0],
    ['shrink', (sys: Sys<'sync'>, fd: number) => sys.ftruncate(fd, 1), 'EPERM'],
    ['allocate', (sys: Sys<'sync'>, fd: number) => sys.fallocate(fd, 0, 0, 2 * P), 0],
    ['allocate behind the end', (sys: Sys<'sync'>, fd: number) => sys.fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 2 * P + 1), 'EPERM'],
    ['punch', (sys: Sys<'sync'>, fd: number) => sys.fallocate(fd, PUNCH, 0, 100_000), 0],
  ] as const)('GROW and SHRINK: %s', ([, call, expected], { machine: { sys } }) => {
    const fd = make(sys, 2, F_SEAL_GROW | F_SEAL_SHRINK);
    expect(answer(() => call(sys, fd))).toBe(expected);
    sys.close(fd);
  });

  test.for([
    ['WRITE', F_SEAL_WRITE],
    ['FUTURE_WRITE', F_SEAL_FUTURE_WRITE],
  ] as const)('%s: nothing new writes', ([, seal], { machine: { sys } }) => {
    const fd = make(sys, 2, seal);
    const shown = sys.mmap(fd, { length: P, prot: PROT_READ });
    const own = sys.mmap(fd, { length: P, flags: MAP_PRIVATE });
    expect([
      answer(() => sys.pwrite(fd, 'x', 0)),
      answer(() => sys.fallocate(fd, PUNCH, 0, P)),
      answer(() => sys.mmap(fd, { length: P })),
      answer(() => sys.mprotect(shown, WRITABLE)),
      answer(() => sys.ftruncate(fd, 3 * P)),
    ]).toEqual(['EPERM', 'EPERM', 'EPERM', 'EACCES', 0]);
    sys.munmap(shown);
    sys.munmap(own);
    sys.close(fd);
  });

  test('WRITE is refused while something mapped may write, even to read only', ({ machine: { sys } }) => {
    const fd = make(sys);
    const shown = sys.mmap(fd, { length: 2 * P, prot: PROT_READ });
    expect(answer(() => sys.fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE))).toBe('EBUSY');
    sys.munmap({ address: shown.address, length: P });
    expect(answer(() => sys.fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE))).toBe('EBUSY');
    sys.munmap(shown);
    const own = sys.mmap(fd, { length: P, flags: MAP_PRIVATE });
    expect(sys.fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)).toBe(0);
    sys.munmap(own);
    sys.close(fd);
  });

  test('FUTURE_WRITE leaves old mappings alone', ({ machine: { sys } }) => {
    const fd = make(sys);
    const shown = sys.mmap(fd, { length: P });
    sys.fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
    shown.bytes[0] = 7;
    expect([sys.pread(fd, 1, 0)[0], answer(() => sys.fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE))]).toEqual([7, 'EBUSY']);
    sys.munmap(shown);
    sys.close(fd);
  });
});

describe('mappings', () => {
  test('show what is written, and the other way round, also to others', ({ machine: { sys } }) => {
    const fd = make(sys, 3);
    const whole = sys.mmap(fd, { length: 3 * P });
    const last = sys.mmap(fd, { length: P, offset: 2 * P });
    sys.pwrite(fd, 'ab', 2 * P - 1);
    last.bytes[5] = 9;
    expect([...whole.bytes.subarray(2 * P - 1, 2 * P + 1), whole.bytes[2 * P + 5]]).toEqual([97, 98, 9]);
    sys.munmap(whole);
    sys.munmap(last);
    sys.close(fd);
  });

  test('end where the file ends now', ({ machine: { sys } }) => {
    const fd = make(sys, 1);
    const shown = sys.mmap(fd, { length: 2 * P });
    expect(() => sys.peek(shown.address + P, 1)).toThrow('EFAULT');
    sys.ftruncate(fd, P + 1);
    expect(sys.peek(shown.address + P, 1)[0]).toBe(0);
    sys.ftruncate(fd, 10);
    expect([sys.peek(shown.address, 11)[10], answer(() => sys.peek(shown.address + P, 1))]).toEqual([0, 'EFAULT']);
    sys.munmap(shown);
    sys.close(fd);
  });

  test('a hole is zeros, by fallocate and by madvise', ({ machine: { sys } }) => {
    const fd = make(sys, 2);
    const shown = sys.mmap(fd, { length: 2 * P });
    sys.poke(shown.address, new Uint8Array(2 * P).fill(5));
    sys.fallocate(fd, PUNCH, 0, P);
    expect([sys.peek(shown.address, 1)[0], sys.peek(shown.address + P, 1)[0]]).toEqual([0, 5]);
    sys.madvise({ address: shown.address + P, length: P }, MADV_REMOVE);
    expect(sys.pread(fd, 1, P)[0]).toBe(0);
    sys.munmap(shown);
    sys.close(fd);
  });

  test('take the advice that files take, can be written back and grow', ({ machine: { sys } }) => {
    const fd = make(sys, 2);
    const shown = sys.mmap(fd, { length: P });
    expect([MADV_DONTNEED, MADV_DODUMP, MADV_FREE, MADV_WIPEONFORK].map((advice) => answer(() => sys.madvise(shown, advice)))).toEqual([
      0,
      0,
      'EINVAL',
      'EINVAL',
    ]);
    expect(sys.msync(shown, MS_SYNC)).toBe(0);
    sys.pwrite(fd, 'z', P);
    const address = sys.mremap(shown, 2 * P, MREMAP_MAYMOVE);
    expect(sys.peek(address + P, 1)[0]).toBe(122);
    sys.munmap({ address, length: 2 * P });
    sys.close(fd);
  });
});

test('pages and holes', ({ machine: { sys } }) => {
  const fd = make(sys, 5);
  sys.pwrite(fd, 'x', 2 * P + 10);
  expect(sys.fstat(fd).blocks).toBe(8);
  expect([sys.lseek(fd, 0, SEEK_DATA), sys.lseek(fd, 0, SEEK_HOLE), sys.lseek(fd, 2 * P, SEEK_HOLE)]).toEqual([2 * P, 0, 3 * P]);
  expect(answer(() => sys.lseek(fd, 3 * P, SEEK_DATA))).toBe('ENXIO');
  sys.close(fd);
});

test('bytes are those of a plain array, whatever is done to them', ({ machine }) => {
  const { sys } = machine;
  const place = fc.nat(5 * P);
  const step = fc.oneof(
    fc.record({
      what: fc.constant('write' as const),
      at: place,
      length: fc.integer({ min: 1, max: 3 * P }),
      byte: fc.integer({ min: 1, max: 255 }),
    }),
    fc.record({
      what: fc.constant('poke' as const),
      at: place,
      length: fc.integer({ min: 1, max: 2 * P }),
      byte: fc.integer({ min: 1, max: 255 }),
    }),
    fc.record({ what: fc.constant('truncate' as const), at: place }),
    fc.record({ what: fc.constant('punch' as const), at: place, length: fc.integer({ min: 1, max: 3 * P }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const fd = make(sys, 3);
      const shown = sys.mmap(fd, { length: 8 * P });
      let model = new Uint8Array(3 * P);
      for (const one of steps) {
        if (one.what === 'write') {
          sys.pwrite(fd, new Uint8Array(one.length).fill(one.byte), one.at);
          const longer = new Uint8Array(Math.max(model.length, one.at + one.length));
          longer.set(model);
          model = longer.fill(one.byte, one.at, one.at + one.length);
        } else if (one.what === 'poke') {
          const end = Math.min(one.at + one.length, model.length);
          if (end <= one.at) continue;
          sys.poke(shown.address + one.at, new Uint8Array(end - one.at).fill(one.byte));
          model.fill(one.byte, one.at, end);
        } else if (one.what === 'truncate') {
          sys.ftruncate(fd, one.at);
          const cut = new Uint8Array(one.at);
          cut.set(model.subarray(0, one.at));
          model = cut;
        } else {
          sys.fallocate(fd, PUNCH, one.at, one.length);
          model.fill(0, one.at, one.at + one.length);
        }
      }
      expect(Buffer.from(sys.pread(fd, 8 * P, 0)).equals(model)).toBe(true);
      if (model.length > 0) expect(Buffer.from(sys.peek(shown.address, model.length)).equals(model)).toBe(true);
      sys.munmap(shown);
      sys.close(fd);
    }),
    { numRuns: 100 },
  );
});
