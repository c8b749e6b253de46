import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_READ,
  DMA_BUF_SYNC_RW,
  DMA_BUF_SYNC_START,
  DMA_BUF_SYNC_WRITE,
  F_ADD_SEALS,
  F_GETFD,
  F_GETFL,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  MADV_DODUMP,
  MADV_DOFORK,
  MAP_PRIVATE,
  MFD_ALLOW_SEALING,
  MFD_NOEXEC_SEAL,
  O_CREAT,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  SEEK_END,
  UDMABUF_CREATE,
  UDMABUF_CREATE_LIST,
  UDMABUF_FLAGS_CLOEXEC,
} from '../../src/abi/uapi/index.ts';
import { liveDmaBufs } from '../../src/dma-buf/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import type { FdTable } from '../../src/kernel/index.ts';
import { DmaDevice } from '../../src/memory/index.ts';
import { allocate, bufferAt, describe, expect, mainTask, run, test } from './fixture.ts';

const P = 4096;
const NODE = '/dev/udmabuf';
const PUNCH = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

/** An item of a list. */
interface Item {
  readonly memfd: number;
  readonly offset?: number | bigint;
  readonly size?: number | bigint;
}

/** What a call answers: its result, or its errno. */
function answer(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

/** A memory file of some pages that a buffer can be made of. */
function memfd(sys: Sys<'sync'>, pages = 4, seals = F_SEAL_SHRINK): number {
  const fd = sys.memfdCreate('test', MFD_ALLOW_SEALING);
  sys.ftruncate(fd, pages * P);
  sys.fcntl(fd, F_ADD_SEALS, seals);
  return fd;
}

/** @returns the descriptor of the buffer */
function create(sys: Sys<'sync'>, { memfd: fd, offset = 0, size = P }: Item, flags = 0): number {
  const node = sys.open(NODE, O_RDWR);
  try {
    return sys.ioctl(node, UDMABUF_CREATE, { memfd: fd >>> 0, flags, offset, size });
  } finally {
    sys.close(node);
  }
}

function createList(sys: Sys<'sync'>, items: readonly Item[], flags = 0, count = items.length): number {
  const node = sys.open(NODE, O_RDWR);
  const list = items.map(({ memfd: fd, offset = 0, size = P }) => ({ memfd: fd >>> 0, offset, size }));
  try {
    return sys.ioctl(node, UDMABUF_CREATE_LIST, { flags, count, list });
  } finally {
    sys.close(node);
  }
}

function setLimit(sys: Sys<'sync'>, name: 'list_limit' | 'size_limit_mb', value: string): void {
  const fd = sys.open(`/sys/module/udmabuf/parameters/${name}`, O_RDWR);
  try {
    sys.write(fd, value);
  } finally {
    sys.close(fd);
  }
}

const textOf = (sys: Sys<'sync'>, path: string) => {
  const fd = sys.open(path, O_RDONLY);
  const text = Buffer.from(sys.read(fd, 4096)).toString();
  sys.close(fd);
  return text;
};

const sync = (sys: Sys<'sync'>, fd: number, flags: number) => answer(() => sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags }));

// Answers are those of test/conformance/expected/udmabuf.txt, ioctls.txt and limits.txt.
describe('what a buffer can be made of', () => {
  test.for([
    ['no seals', 0, 'EINVAL'],
    ['GROW', F_SEAL_GROW, 'EINVAL'],
    ['SHRINK and WRITE', F_SEAL_SHRINK | F_SEAL_WRITE, 'EINVAL'],
    ['SHRINK and FUTURE_WRITE', F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE, 'EINVAL'],
    ['SHRINK', F_SEAL_SHRINK, 'a buffer'],
    ['SHRINK and GROW', F_SEAL_SHRINK | F_SEAL_GROW, 'a buffer'],
    ['SHRINK and SEAL', F_SEAL_SHRINK | F_SEAL_SEAL, 'a buffer'],
  ] as const)('a memory file with %s: %s', ([, seals, expected], { sys }) => {
    const made = answer(() => create(sys, { memfd: memfd(sys, 2, seals) }));
    expect(typeof made === 'number' ? 'a buffer' : made).toBe(expected);
  });

  test('other files', ({ sys }) => {
    const good = memfd(sys);
    const plain = sys.memfdCreate('plain');
    sys.ftruncate(plain, P);
    const named = sys.open('/file', O_RDWR | O_CREAT);
    sys.ftruncate(named, P);
    const [socket] = sys.socketpair();
    const answers = {
      'not open': answer(() => create(sys, { memfd: 99 })),
      'minus one': answer(() => create(sys, { memfd: -1 })),
      'only a path': answer(() => create(sys, { memfd: sys.reopen(good, O_PATH) })),
      'the node': answer(() => create(sys, { memfd: sys.open(NODE) })),
      'a buffer': answer(() => create(sys, { memfd: allocate(sys) })),
      'a buffer of its own': answer(() => create(sys, { memfd: create(sys, { memfd: good }) })),
      'a socket': answer(() => create(sys, { memfd: socket })),
      'a memory file without seals': answer(() => create(sys, { memfd: plain })),
      'a file with a name': answer(() => create(sys, { memfd: named })),
    };
    expect(answers).toEqual({
      'not open': 'EBADFD',
      'minus one': 'EBADFD',
      'only a path': 'EBADFD',
      'the node': 'EBADFD',
      'a buffer': 'EBADFD',
      'a buffer of its own': 'EBADFD',
      'a socket': 'EBADFD',
      'a memory file without seals': 'EINVAL',
      'a file with a name': 'EINVAL',
    });
  });

  test('how the node and the file are open does not matter', ({ sys }) => {
    const readOnly = sys.reopen(memfd(sys), O_RDONLY);
    const node = sys.open(NODE, O_RDONLY);
    const fd = sys.ioctl(node, UDMABUF_CREATE, { memfd: readOnly, size: P });
    expect(sys.fcntl(fd, F_GETFL)).toBe(O_RDWR);
    sys.mmap(fd, { length: P }).bytes[0] = 1;
    expect(sys.pread(readOnly, 1, 0)[0]).toBe(1);
  });

  test('one that is sealed against execution', ({ sys }) => {
    const fd = sys.memfdCreate('x', MFD_NOEXEC_SEAL);
    sys.ftruncate(fd, P);
    sys.fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);
    expect(create(sys, { memfd: fd })).toBeGreaterThan(0);
  });
});

describe('which part', () => {
  test.for([
    ['size 0', 0, 0],
    ['size 1', 0, 1],
    ['size 4095', 0, 4095],
    ['size 4097', 0, 4097],
    ['offset 1', 1, P],
    ['offset at the end', 4 * P, P],
    ['past the end', 3 * P, 2 * P],
    ['a huge offset', 1n << 40n, P],
    ['an offset that wraps', (1n << 64n) - 4096n, 2 * P],
    ['an offset that ends at the wrap', (1n << 64n) - 4096n, P],
    ['a huge size', 0, 1n << 40n],
    ['the largest size', 0, (1n << 64n) - 4096n],
    ['an offset of which 2^53 is not exact', (1n << 63n) + 1n, P],
  ] as const)('%s is EINVAL', ([, offset, size], { sys }) => {
    expect(answer(() => create(sys, { memfd: memfd(sys), offset, size }))).toBe('EINVAL');
  });

  test('the last page that is not whole cannot be had', ({ sys }) => {
    const fd = sys.memfdCreate('x', MFD_ALLOW_SEALING);
    sys.ftruncate(fd, P + 100);
    sys.fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);
    expect([answer(() => create(sys, { memfd: fd, size: 2 * P })), typeof create(sys, { memfd: fd })]).toEqual(['EINVAL', 'number']);
  });

  test('sizes are judged before the first descriptor, and descriptors in their order', ({ sys }) => {
    const good = memfd(sys);
    const unsealed = memfd(sys, 4, 0);
    const list = (...items: Item[]) => answer(() => createList(sys, items));
    const past = answer(() => create(sys, { memfd: 99, offset: 1 << 30 }));
    expect({
      'unaligned, bad': answer(() => create(sys, { memfd: 99, offset: 1 })),
      'no size, bad': answer(() => create(sys, { memfd: 99, size: 0 })),
      'too big, bad': answer(() => create(sys, { memfd: 99, size: 65 << 20 })),
      'past its end, bad': past,
      'bad, then unaligned': list({ memfd: 99 }, { memfd: good, offset: 1 }),
      'bad, then unsealed': list({ memfd: 99 }, { memfd: unsealed }),
      'unsealed, then bad': list({ memfd: unsealed }, { memfd: 99 }),
      'nothing, then bad': list({ memfd: good, size: 0 }, { memfd: 99 }),
      'only nothing': list({ memfd: good, size: 0 }, { memfd: good, size: 0 }),
      'nothing of a bad one, then good': list({ memfd: 99, size: 0 }, { memfd: good }),
      'no items': list(),
    }).toEqual({
      'unaligned, bad': 'EINVAL',
      'no size, bad': 'EINVAL',
      'too big, bad': 'EINVAL',
      'past its end, bad': 'EBADFD',
      'bad, then unaligned': 'EINVAL',
      'bad, then unsealed': 'EBADFD',
      'unsealed, then bad': 'EINVAL',
      'nothing, then bad': 'EINVAL',
      'only nothing': 'EINVAL',
      'nothing of a bad one, then good': 'EBADFD',
      'no items': 'EINVAL',
    });
  });
});

describe('limits', () => {
  test('64 MiB, exactly', ({ sys }) => {
    const fd = memfd(sys, (64 << 8) + 2);
    expect(answer(() => create(sys, { memfd: fd, size: (64 << 20) + P }))).toBe('EINVAL');
    expect(create(sys, { memfd: fd, size: 64 << 20 })).toBeGreaterThan(0);
  });

  test.for([
    ['1', 1 << 20, 'number'],
    ['1', (1 << 20) + P, 'EINVAL'],
    ['0', P, 'EINVAL'],
    ['-1', P, 'number'],
  ] as const)('size_limit_mb %s, %d bytes', ([limit, size, expected], { sys }) => {
    setLimit(sys, 'size_limit_mb', limit);
    const made = answer(() => create(sys, { memfd: memfd(sys, 512), size }));
    expect(typeof made === 'number' ? 'number' : made).toBe(expected);
  });

  test.for([
    ['1', 2, 'EINVAL'],
    ['1', 1, 'number'],
    ['0', 1, 'EINVAL'],
    ['-1', 3, 'number'],
    ['1024', 1024, 'number'],
    ['1024', 1025, 'EINVAL'],
  ] as const)('list_limit %s, %d items', ([limit, items, expected], { sys }) => {
    setLimit(sys, 'list_limit', limit);
    const fd = memfd(sys);
    const made = answer(() => createList(sys, Array(items).fill({ memfd: fd })));
    expect(typeof made === 'number' ? 'number' : made).toBe(expected);
  });

  test('a count beyond the limit is seen before the items, which are seen before all else', ({ sys }) => {
    const node = sys.open(NODE, O_RDWR);
    // Behind the head comes memory that is not there.
    const head = sys.allocate(P).address + P - 8;
    const list = (count: number) => {
      sys.poke(head, new Uint8Array(Uint32Array.of(0, count).buffer));
      return answer(() => sys.ioctl(node, UDMABUF_CREATE_LIST.number, head));
    };
    expect([list(0xffff_ffff), list(1025), list(1), list(0)]).toEqual(['EINVAL', 'EINVAL', 'EFAULT', 'EINVAL']);
    expect(answer(() => sys.ioctl(node, UDMABUF_CREATE_LIST.number, head + 1))).toBe('EFAULT');
  });

  test('parameters are numbers in sysfs', ({ sys }) => {
    expect(textOf(sys, '/sys/module/udmabuf/parameters/list_limit')).toBe('1024\n');
    expect(textOf(sys, '/sys/module/udmabuf/parameters/size_limit_mb')).toBe('64\n');
    setLimit(sys, 'list_limit', '0x10\n');
    expect(textOf(sys, '/sys/module/udmabuf/parameters/list_limit')).toBe('16\n');
    expect([answer(() => setLimit(sys, 'list_limit', 'x')), answer(() => setLimit(sys, 'list_limit', '99999999999'))]).toEqual([
      'EINVAL',
      'ERANGE',
    ]);
    expect(sys.stat('/sys/module/udmabuf/uevent').mode & 0o777).toBe(0o200);
  });

  test('more than the machine has is ENOMEM, and nothing is left of the attempt', ({ machine, sys }) => {
    setLimit(sys, 'size_limit_mb', '-1');
    const fd = memfd(sys, 2 ** 20);
    expect(answer(() => create(sys, { memfd: fd, size: 2 ** 32 }))).toBe('ENOMEM');
    expect(machine.ram.usedBytes).toBe(0);
  });

  test('a full table is EMFILE, after all else, and nothing is left', ({ machine, sys }) => {
    const fd = memfd(sys);
    const node = sys.open(NODE, O_RDWR);
    (mainTask(machine).files as FdTable).limit = 0;
    expect(answer(() => sys.ioctl(node, UDMABUF_CREATE, { memfd: fd, size: P }))).toBe('EMFILE');
    expect(answer(() => sys.ioctl(node, UDMABUF_CREATE, { memfd: 99, size: P }))).toBe('EBADFD');
    (mainTask(machine).files as FdTable).limit = 1024;
    expect(liveDmaBufs(machine.system)).toEqual([]);
    expect(sys.fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)).toBe(0);
  });
});

describe('a buffer', () => {
  test('is what it is', ({ sys }) => {
    const fd = create(sys, { memfd: memfd(sys), offset: P, size: 2 * P }, UDMABUF_FLAGS_CLOEXEC | 6);
    expect([sys.fcntl(fd, F_GETFL), sys.fcntl(fd, F_GETFD), sys.lseek(fd, 0, SEEK_END)]).toEqual([O_RDWR, 1, 2 * P]);
    expect(sys.fdinfo(fd)).toMatch(/size:\t8192\ncount:\t1\nexp_name:\tudmabuf\n$/);
    expect(textOf(sys, '/sys/kernel/debug/dma_buf/bufinfo')).toContain('00008192\t00000002\t00080007\t00000001\tudmabuf\t');
  });

  test('has the items in their order, the same page as often as it is named', ({ sys }) => {
    const one = memfd(sys);
    const other = memfd(sys, 1);
    for (let page = 0; page < 4; page++) sys.pwrite(one, Uint8Array.of(page + 1), page * P);
    sys.pwrite(other, Uint8Array.of(9), 0);
    const fd = createList(sys, [{ memfd: one, offset: P, size: 2 * P }, { memfd: other }, { memfd: one, offset: P }]);
    const shown = sys.mmap(fd, { length: 4 * P });
    const first = (page: number) => sys.peek(shown.address + page * P, 1)[0];
    expect([0, 1, 2, 3].map(first)).toEqual([2, 3, 9, 2]);
    sys.poke(shown.address + 3 * P, Uint8Array.of(7));
    expect([first(0), sys.pread(one, 1, P)[0]]).toEqual([7, 7]);
    const second = sys.mmap(fd, { length: P, offset: 2 * P });
    expect(second.bytes[0]).toBe(9);
  });

  test('is mapped shared only, and as page frames', ({ sys }) => {
    const fd = create(sys, { memfd: memfd(sys), size: 2 * P });
    expect(answer(() => sys.mmap(fd, { length: P, flags: MAP_PRIVATE }))).toBe('EINVAL');
    expect(answer(() => sys.mmap(fd, { length: 2 * P + 1 }))).toBe('EINVAL');
    const shown = sys.mmap(fd, { length: 2 * P });
    expect([answer(() => sys.madvise(shown, MADV_DOFORK)), answer(() => sys.madvise(shown, MADV_DODUMP))]).toEqual([0, 'EINVAL']);
    const heap = sys.mmap(allocate(sys), { length: P });
    expect(answer(() => sys.madvise(heap, MADV_DOFORK))).toBe('EINVAL');
  });

  test('keeps pages that are punched out of the file, which gets zeros', ({ sys }) => {
    const file = memfd(sys);
    sys.pwrite(file, 'old', 0);
    const fd = create(sys, { memfd: file, size: 2 * P });
    const buffer = sys.mmap(fd, { length: P });
    const shown = sys.mmap(file, { length: P });
    sys.fallocate(file, PUNCH, 0, P);
    expect([buffer.bytes[0], shown.bytes[0]]).toEqual([111, 0]);
    shown.bytes[0] = 1;
    buffer.bytes[0] = 2;
    expect([sys.pread(file, 1, 0)[0], sys.mmap(create(sys, { memfd: file }), { length: P }).bytes[0]]).toEqual([1, 1]);
  });

  test('cannot get shorter, can get longer', ({ sys }) => {
    const file = memfd(sys);
    create(sys, { memfd: file });
    expect([answer(() => sys.ftruncate(file, P)), sys.ftruncate(file, 8 * P)]).toEqual(['EPERM', 0]);
    expect(create(sys, { memfd: file, offset: 7 * P })).toBeGreaterThan(0);
  });

  test('still writes after FUTURE_WRITE, and is the last', ({ sys }) => {
    const file = memfd(sys);
    const fd = create(sys, { memfd: file });
    sys.fcntl(file, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
    expect(answer(() => create(sys, { memfd: file }))).toBe('EINVAL');
    sys.mmap(fd, { length: P }).bytes[0] = 3;
    expect(sys.pread(file, 1, 0)[0]).toBe(3);
  });

  test('ends accesses only after one has begun, whichever', ({ sys }) => {
    const fd = create(sys, { memfd: memfd(sys) });
    expect([
      sync(sys, fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW),
      sync(sys, fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ),
      sync(sys, fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ),
      sync(sys, fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE),
      sync(sys, fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE),
      sync(sys, fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW),
    ]).toEqual(['EINVAL', 'EINVAL', 0, 0, 0, 0]);
  });
});

describe('F_SEAL_WRITE of the file is refused', () => {
  const seal = (sys: Sys<'sync'>, file: number) => answer(() => sys.fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));

  test('while a descriptor of the buffer is open', ({ sys }) => {
    const file = memfd(sys);
    const fd = create(sys, { memfd: file });
    expect(seal(sys, file)).toBe('EBUSY');
    sys.close(fd);
    expect(seal(sys, file)).toBe(0);
  });

  test('while it is mapped', ({ sys }) => {
    const file = memfd(sys);
    const fd = create(sys, { memfd: file });
    const shown = sys.mmap(fd, { length: P });
    sys.close(fd);
    expect(seal(sys, file)).toBe('EBUSY');
    sys.munmap(shown);
    expect(seal(sys, file)).toBe(0);
  });

  test('while a path to it is open, though it has left bufinfo', ({ machine, sys }) => {
    const file = memfd(sys);
    const fd = create(sys, { memfd: file });
    const path = sys.reopen(fd, O_PATH);
    const pathOfPath = sys.reopen(path, O_PATH);
    expect(sys.fdinfo(fd)).toContain('count:\t1\n');
    sys.close(fd);
    sys.close(path);
    expect([liveDmaBufs(machine.system), seal(sys, file)]).toEqual([[], 'EBUSY']);
    sys.close(pathOfPath);
    expect(seal(sys, file)).toBe(0);
  });

  test('until a driver lets go within 150 ms', ({ machine, sys }) => {
    const file = memfd(sys);
    const fd = create(sys, { memfd: file });
    const before = machine.system.now();
    expect(seal(sys, file)).toBe('EBUSY');
    expect(machine.system.now() - before).toBe(150e6);
    const task = mainTask(machine);
    machine.system.clock.schedule(50e6, 'close', () => (task.files as FdTable).remove(fd).put());
    expect(seal(sys, file)).toBe(0);
  });

  test('not when all its pages were punched out', ({ sys }) => {
    const file = memfd(sys);
    create(sys, { memfd: file });
    sys.fallocate(file, PUNCH, 0, P);
    expect(seal(sys, file)).toBe(0);
  });
});

describe('devices', () => {
  test('see the same pages, at addresses that two buffers of one page share', ({ machine, sys }) => {
    const file = memfd(sys);
    const first = bufferAt(machine, create(sys, { memfd: file, size: 4 * P }));
    const second = bufferAt(machine, createList(sys, [{ memfd: file, offset: 2 * P }, { memfd: file }]));
    const device = new DmaDevice(machine.system, { name: 'dma0' });
    const addresses = (dmabuf: typeof first) =>
      run(
        machine,
        (function* () {
          const attachment = yield* dmabuf.attach(device);
          const table = yield* attachment.mapUnlocked('bidirectional');
          const found = table.segments.map(({ busAddress }) => busAddress);
          device.write(found[0] as number, Uint8Array.of(0x5a));
          yield* attachment.unmapUnlocked(table, 'bidirectional');
          yield* dmabuf.detach(attachment);
          return found;
        })(),
      );
    const [start = 0] = addresses(first);
    expect(addresses(second)).toEqual([start + 2 * P, start]);
    expect([sys.pread(file, 1, 0)[0], sys.pread(file, 1, 2 * P)[0]]).toEqual([0x5a, 0x5a]);
  });

  test('that cannot reach the pages are refused when they map', ({ machine, sys }) => {
    const fd = create(sys, { memfd: memfd(sys) });
    const device = new DmaDevice(machine.system, { name: 'near', ranges: [{ bus: 0, cpu: 2 ** 40, size: P }] });
    const dmabuf = bufferAt(machine, fd);
    const attachment = run(machine, dmabuf.attach(device));
    expect(answer(() => run(machine, attachment.mapUnlocked('to-device')))).toBe('EIO');
    run(machine, dmabuf.detach(attachment));
  });

  test('the kernel maps it in a row', ({ machine, sys }) => {
    const file = memfd(sys);
    const dmabuf = bufferAt(machine, createList(sys, [{ memfd: file, offset: P }, { memfd: file }]));
    sys.pwrite(file, 'end', P - 3);
    run(
      machine,
      (function* () {
        yield* dmabuf.resv.lock.lock();
        const mapping = yield* dmabuf.vmap();
        expect(Buffer.from(mapping.read(2 * P - 3, 3)).toString()).toBe('end');
        mapping.write(P - 1, Uint8Array.of(1, 2));
        yield* dmabuf.vunmap(mapping);
        dmabuf.resv.unlock();
      })(),
    );
    expect([sys.pread(file, 1, 2 * P - 1)[0], sys.pread(file, 1, 0)[0]]).toEqual([1, 2]);
  });
});
