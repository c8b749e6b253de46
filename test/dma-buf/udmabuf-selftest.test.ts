import {
  F_ADD_SEALS,
  F_SEAL_SHRINK,
  MFD_ALLOW_SEALING,
  O_RDWR,
  UDMABUF_CREATE,
  UDMABUF_CREATE_LIST,
  UDMABUF_FLAGS_CLOEXEC,
} from '../../src/abi/uapi/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import { describe, expect, test } from './fixture.ts';

/*
 * The kernel's own test of udmabuf (tools/testing/selftests/drivers/dma-buf/udmabuf.c), without its two checks of huge pages. Natively
 * all seven run: test/native/programs/udmabuf-selftest.c.
 */
const P = 4096;
const ENTRIES = 4;
const ENTRY_PAGES = 4;

function sealed(sys: Sys<'sync'>, pages: number): number {
  const fd = sys.memfdCreate('udmabuf-test', MFD_ALLOW_SEALING);
  sys.fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);
  sys.ftruncate(fd, pages * P);
  return fd;
}

describe('the kernel’s own test', () => {
  test.for([
    ['offset within a page', { offset: P / 2, size: P }],
    ['size within a page', { offset: 0, size: P / 2 }],
    ['no memory file', { memfd: 0, offset: 0, size: P }],
  ] as const)('%s', ([, request], { sys }) => {
    const node = sys.open('/dev/udmabuf', O_RDWR);
    expect(() => sys.ioctl(node, UDMABUF_CREATE, { memfd: sealed(sys, 4), ...request })).toThrow();
  });

  test('a whole file', ({ sys }) => {
    const node = sys.open('/dev/udmabuf', O_RDWR);
    expect(sys.ioctl(node, UDMABUF_CREATE, { memfd: sealed(sys, 4), size: 4 * P })).toBeGreaterThan(node);
  });

  test.for([true, false])('a list shows the file; written first: %s', (isWrittenFirst, { sys }) => {
    const pages = 1024;
    const node = sys.open('/dev/udmabuf', O_RDWR);
    const memfd = sealed(sys, pages);
    const file = sys.mmap(memfd, { length: pages * P });
    const write = (byte: number) => {
      for (let page = 0; page < pages; page++) sys.poke(file.address + page * P, Uint8Array.of(byte, page & 255));
    };
    if (isWrittenFirst) write(97);
    const quarter = (pages / ENTRIES) * P;
    const list = Array.from({ length: ENTRIES }, (_, index) => ({ memfd, offset: index * quarter, size: ENTRY_PAGES * P }));
    const fd = sys.ioctl(node, UDMABUF_CREATE_LIST, { flags: UDMABUF_FLAGS_CLOEXEC, count: ENTRIES, list });
    const buffer = sys.mmap(fd, { length: ENTRIES * ENTRY_PAGES * P });
    const check = (byte: number) => {
      for (let page = 0; page < ENTRIES * ENTRY_PAGES; page++) {
        const inFile = Math.floor(page / ENTRY_PAGES) * (pages / ENTRIES) + (page % ENTRY_PAGES);
        expect([...sys.peek(buffer.address + page * P, 2)]).toEqual([byte, inFile & 255]);
      }
    };
    if (!isWrittenFirst) write(97);
    check(97);
    write(98);
    check(98);
  });
});
