import { describe, expect, test } from 'vitest';
import {
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_SYNC_RW,
  DMA_HEAP_IOCTL_ALLOC,
  F_SETFL,
  FUNCTIONFS_DMABUF_ATTACH,
  FUNCTIONFS_DMABUF_DETACH,
  FUNCTIONFS_DMABUF_TRANSFER,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  POLLIN,
  POLLOUT,
  USB_DIR_IN,
} from '../../../src/abi/uapi/index.ts';
import {
  allocateFenceContexts,
  DMA_RESV_USAGE_READ,
  DMA_RESV_USAGE_WRITE,
  type DmaBuf,
  DmaFence,
  type DmaResvUsage,
  liveDmaBufs,
} from '../../../src/dma-buf/index.ts';
import { FFS_DEFECTS, setDmabufVariant } from '../../../src/drivers/functionfs/index.ts';
import { type CacheModel, coherentCaches } from '../../../src/memory/index.ts';
import { bulkMessage } from '../../../src/usb/index.ts';
import { type FixtureOptions, FunctionFixture, MOUNT } from './fixture.ts';

const SIZE = 65_536;
const pattern = (seed: number, length = SIZE) => Uint8Array.from({ length }, (_, i) => (i * seed + (i >> 8)) & 0xff);

/** A described function at the controller with scatter-gather, and buffers. */
class Bound extends FunctionFixture {
  readonly #fds: number[] = [];

  constructor(options: FixtureOptions = {}) {
    super(options);
    this.describe().bind('sg_udc.0');
    this.events();
  }

  buffer(size = SIZE): number {
    const { sys } = this;
    const heap = sys.open('/dev/dma_heap/system', O_RDWR);
    const { fd } = sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: size, fd_flags: O_RDWR | O_CLOEXEC });
    sys.close(heap);
    this.#fds.push(fd);
    return fd;
  }

  attach(endpoint: number, fd: number): void {
    this.sys.ioctl(endpoint, FUNCTIONFS_DMABUF_ATTACH, fd);
  }

  detach(endpoint: number, fd: number): void {
    this.sys.ioctl(endpoint, FUNCTIONFS_DMABUF_DETACH, fd);
  }

  transfer(endpoint: number, fd: number, length = SIZE, flags = 0): void {
    this.sys.ioctl(endpoint, FUNCTIONFS_DMABUF_TRANSFER, { fd, flags, length });
  }

  setNonblocking(endpoint: number, on: boolean): void {
    this.sys.fcntl(endpoint, F_SETFL, on ? O_NONBLOCK : 0);
  }

  /** The newest buffer. */
  get dmabuf(): DmaBuf<any> {
    return liveDmaBufs(this.machine.system)[0] as DmaBuf<any>;
  }

  get memory(): Uint8Array {
    return (this.dmabuf.file.memory as NonNullable<DmaBuf['file']['memory']>).bytes();
  }

  poll(fd: number): number {
    this.pass(1);
    return this.sys.poll([{ fd, events: POLLIN | POLLOUT }], 0)[0] as number;
  }

  /** Fences of the newest buffer, when the CPU has heard of what is over: whether they have signalled, with what error, for what. */
  fences(): readonly { readonly error: number; readonly isSignaled: boolean; readonly usage: DmaResvUsage }[] {
    this.pass(1);
    return this.dmabuf.resv.list.map(({ fence, usage }) => ({ error: fence.error, isSignaled: fence.isSignaled, usage }));
  }

  /** A fence of somebody else's on the newest buffer, and who signals it. */
  addFence(usage: DmaResvUsage): DmaFence {
    const { system } = this.machine;
    const fence = new DmaFence(system, {
      ops: { driverName: () => 'test', timelineName: () => '' },
      context: allocateFenceContexts(system),
      seqno: 1,
    });
    const { resv } = this.dmabuf;
    this.ended(
      this.host(
        (function* () {
          yield* resv.lock.lock();
          resv.reserveFences(1);
          resv.addFence(fence, usage);
          resv.unlock();
        })(),
      ),
    );
    return fence;
  }

  override end(): void {
    for (const fd of this.#fds) this.sys.close(fd);
    super.end();
  }
}

describe('the checks of requests on buffers, in order', () => {
  test('ATTACH', () => {
    const fixture = new Bound();
    const { sys } = fixture;
    const fd = fixture.buffer();
    const attachTo = (endpoint: number, what: number) => fixture.errorOf(() => fixture.attach(endpoint, what));
    expect(attachTo(fixture.in, 99)).toBe('EBADF');
    expect(attachTo(fixture.in, fixture.ep0)).toBe('EINVAL');
    expect(attachTo(fixture.in, fd)).toBe('ok');
    expect(attachTo(fixture.in, fd)).toBe('ok');
    expect(attachTo(fixture.ep0, fd)).toBe('ENOTTY');
    fixture.unbind();
    expect(attachTo(fixture.in, 99)).toBe('EPERM');
    fixture.bind('dummy_udc.0');
    expect(attachTo(fixture.in, 99)).toBe('EPERM');
    expect(fixture.errorOf(() => sys.ioctl(fixture.in, FUNCTIONFS_DMABUF_ATTACH.number, 8))).toBe('EFAULT');
    fixture.end();
  });

  test('ATTACH, nonblocking, of a buffer that somebody has locked', () => {
    const fixture = new Bound();
    const fd = fixture.buffer();
    fixture.setNonblocking(fixture.in, true);
    const { resv } = fixture.dmabuf;
    // dma_buf_attach takes the lock, too, so the lock is free until the mapping.
    fixture.attach(fixture.in, fd);
    expect(resv.lock.tryLock()).toBe(true);
    expect(fixture.errorOf(() => fixture.transfer(fixture.in, fd))).toBe('EBUSY');
    resv.unlock();
    fixture.setNonblocking(fixture.in, false);
    fixture.end();
  });

  test('TRANSFER', () => {
    const fixture = new Bound();
    const fd = fixture.buffer();
    const errorOf = (length: number, flags: number, what = fd) => fixture.errorOf(() => fixture.transfer(fixture.in, what, length, flags));
    expect(errorOf(0, 1, 99)).toBe('EINVAL');
    expect(errorOf(0, 0, 99)).toBe('EBADF');
    expect(errorOf(1, 0, fixture.ep0)).toBe('EINVAL');
    expect(errorOf(0, 0)).toBe('EINVAL');
    expect(errorOf(SIZE + 1, 0)).toBe('EINVAL');
    expect(errorOf(SIZE, 0)).toBe('EPERM');
    fixture.attach(fixture.out, fd);
    expect(errorOf(SIZE, 0)).toBe('EPERM');
    fixture.attach(fixture.in, fd);
    fixture.unbind();
    expect(errorOf(SIZE, 0)).toBe('EPERM');
    fixture.end();
  });

  test('TRANSFER on an endpoint that is not enabled', () => {
    const fixture = new Bound();
    const fd = fixture.buffer();
    fixture.attach(fixture.in, fd);
    fixture.unbind();
    fixture.put('UDC', 'sg_udc.0\n');
    fixture.setNonblocking(fixture.in, true);
    expect(fixture.errorOf(() => fixture.transfer(fixture.in, fd))).toBe('EAGAIN');
    fixture.setNonblocking(fixture.in, false);
    // Attachments live on from one time at the controller to the next; a blocking caller waits for the host.
    fixture.transfer(fixture.in, fd);
    expect(fixture.fences()).toMatchObject([{ isSignaled: false }]);
    fixture.end();
  });

  test('DETACH', () => {
    const fixture = new Bound();
    const fd = fixture.buffer();
    const errorOf = (what: number) => fixture.errorOf(() => fixture.detach(fixture.in, what));
    expect(errorOf(99)).toBe('EBADF');
    expect(errorOf(fixture.ep0)).toBe('EINVAL');
    expect(errorOf(fd)).toBe('EPERM');
    fixture.attach(fixture.in, fd);
    fixture.attach(fixture.in, fd);
    expect([errorOf(fd), errorOf(fd), errorOf(fd)]).toEqual(['ok', 'ok', 'EPERM']);
    fixture.end();
  });
});

describe.each([false, true])('transfers, at super speed: %s', (isSgSuperSpeed) => {
  test('a buffer goes to the host, and its fence says when', () => {
    const fixture = new Bound({ isSgSuperSpeed });
    const fd = fixture.buffer();
    fixture.memory.set(pattern(3));
    fixture.attach(fixture.in, fd);
    fixture.transfer(fixture.in, fd);
    expect(fixture.fences()).toEqual([{ error: 0, isSignaled: false, usage: DMA_RESV_USAGE_WRITE }]);
    expect(fixture.poll(fd)).toBe(0);
    const got = new Uint8Array(SIZE);
    expect(fixture.ended(fixture.hostReads(got))).toBe(SIZE);
    expect(Buffer.compare(got, pattern(3))).toBe(0);
    expect(fixture.poll(fd)).toBe(POLLIN | POLLOUT);
    expect(fixture.fences()).toMatchObject([{ error: 0, isSignaled: true }]);
    fixture.end();
  });

  test('a buffer is filled by the host', () => {
    const fixture = new Bound({ isSgSuperSpeed });
    const fd = fixture.buffer();
    fixture.attach(fixture.out, fd);
    fixture.transfer(fixture.out, fd, SIZE - 100);
    expect(fixture.fences()).toEqual([{ error: 0, isSignaled: false, usage: DMA_RESV_USAGE_READ }]);
    expect(fixture.ended(fixture.hostWrites(pattern(5, SIZE - 100)))).toBe(SIZE - 100);
    expect(Buffer.compare(fixture.memory.subarray(0, SIZE - 100), pattern(5, SIZE - 100))).toBe(0);
    expect(fixture.memory.subarray(SIZE - 100).every((byte) => byte === 0)).toBe(true);
    expect(fixture.poll(fd)).toBe(POLLIN | POLLOUT);
    fixture.end();
  });
});

test('writes, requests of io_submit and buffers keep their order', () => {
  const fixture = new Bound();
  const { sys } = fixture;
  const fd = fixture.buffer(4096);
  fixture.memory.fill(0x62);
  fixture.attach(fixture.in, fd);
  const context = sys.io_setup(4);
  const space = sys.allocate(8);
  space.bytes.fill(0x61);
  const request = sys.iocb({ aio_fildes: fixture.in, aio_lio_opcode: 1, aio_buf: BigInt(space.address), aio_nbytes: 8n });
  sys.io_submit(context, [request]);
  fixture.transfer(fixture.in, fd, 4);
  const got = new Uint8Array(64);
  const reading = fixture.host(
    (function* () {
      const parts: string[] = [];
      for (let number = 0; number < 3; number++) {
        const length = yield* bulkMessage(fixture.endpoint(USB_DIR_IN), got, { timeout_ms: 1000 });
        parts.push(Buffer.from(got.subarray(0, length)).toString());
      }
      return parts;
    })(),
  );
  expect(sys.write(fixture.in, 'ccc')).toBe(3);
  expect(fixture.ended(reading)).toEqual(['aaaaaaaa', 'bbbb', 'ccc']);
  sys.io_destroy(context);
  fixture.end();
});

describe('who else uses the buffer', () => {
  test.each([
    ['in', DMA_RESV_USAGE_READ],
    ['in', DMA_RESV_USAGE_WRITE],
    ['out', DMA_RESV_USAGE_WRITE],
  ] as const)('an %s transfer waits for usage %i, five seconds long', (which, usage) => {
    const fixture = new Bound();
    const fd = fixture.buffer();
    fixture.attach(fixture[which], fd);
    const fence = fixture.addFence(usage);
    const { system } = fixture.machine;
    const begin = system.now();
    expect(fixture.errorOf(() => fixture.transfer(fixture[which], fd))).toBe('EBUSY');
    expect(system.now() - begin).toBe(5e9);
    system.clock.schedule(1e9, 'the other', () => fence.signal());
    fixture.transfer(fixture[which], fd);
    expect(system.now() - begin).toBe(6e9);
    fence.put();
    fixture.end();
  });

  test('an out transfer does not wait for readers, and nobody waits who must not', () => {
    const fixture = new Bound();
    const fd = fixture.buffer();
    fixture.attach(fixture.out, fd);
    fixture.attach(fixture.in, fd);
    const fence = fixture.addFence(DMA_RESV_USAGE_READ);
    fixture.transfer(fixture.out, fd);
    fixture.setNonblocking(fixture.in, true);
    expect(fixture.errorOf(() => fixture.transfer(fixture.in, fd))).toBe('EBUSY');
    fixture.setNonblocking(fixture.in, false);
    fence.signal();
    fence.put();
    fixture.end();
  });
});

describe('what ends a transfer', () => {
  const ESHUTDOWN = -108;
  const ECONNRESET = -104;

  /** A transfer under way, and a sync file that keeps its fence. */
  function underWay() {
    const fixture = new Bound();
    const fd = fixture.buffer();
    fixture.attach(fixture.in, fd);
    fixture.transfer(fixture.in, fd);
    return { fixture, fd };
  }

  test.each([
    ['detach', ECONNRESET, false],
    ['close', ECONNRESET, false],
    ['unbind', ESHUTDOWN, true],
    ['disconnect', ESHUTDOWN, true],
  ] as const)('%s', (what, error, staysAttached) => {
    const { fixture, fd } = underWay();
    const { sys } = fixture;
    if (what === 'detach') fixture.detach(fixture.in, fd);
    else if (what === 'close') sys.close(sys.open(`${MOUNT}/ep1`, O_RDWR));
    else if (what === 'unbind') fixture.unbind();
    else fixture.controllers.sg.plug(false);
    fixture.pass(1000);
    expect(fixture.fences()).toMatchObject([{ error, isSignaled: true }]);
    expect(fixture.dmabuf.attachments.length).toBe(staysAttached ? 1 : 0);
    fixture.end();
  });

  test('a buffer that the program has closed is kept until its endpoint is', () => {
    const { fixture, fd } = underWay();
    const dup = fixture.sys.dup(fd);
    fixture.sys.close(dup);
    expect(fixture.dmabuf.attachments.length).toBe(1);
    fixture.end();
  });

  test('the error can be seen in a sync file', () => {
    const { fixture, fd } = underWay();
    const { sys } = fixture;
    const exported = sys.ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags: DMA_BUF_SYNC_RW }).fd;
    fixture.detach(fixture.in, fd);
    fixture.pass(1);
    expect(fixture.poll(exported)).toBe(POLLIN);
    sys.close(exported);
    fixture.end();
  });
});

describe('no byte is touched by the CPU', () => {
  let isDevice = false;
  const byDevice = (access: () => void) => {
    isDevice = true;
    access();
    isDevice = false;
  };
  const caches: CacheModel = {
    ...coherentCaches,
    deviceRead: (device, range, into) => byDevice(() => coherentCaches.deviceRead(device, range, into)),
    deviceWrite: (device, range, from) => byDevice(() => coherentCaches.deviceWrite(device, range, from)),
  };

  test.each(['in', 'out'] as const)('%s', (which) => {
    const fixture = new Bound({ caches });
    const fd = fixture.buffer();
    fixture.memory.set(pattern(9));
    fixture.attach(fixture[which], fd);
    const memory = fixture.dmabuf.file.memory as NonNullable<DmaBuf['file']['memory']>;
    const bytes = memory.bytes.bind(memory);
    memory.bytes = () => {
      if (!isDevice) throw new Error('the CPU looks at the buffer');
      return bytes();
    };
    fixture.transfer(fixture[which], fd);
    const other = new Uint8Array(SIZE);
    if (which === 'in') fixture.ended(fixture.hostReads(other));
    else fixture.ended(fixture.hostWrites(pattern(11)));
    expect(fixture.fences()).toMatchObject([{ error: 0, isSignaled: true }]);
    expect(() => fixture.memory).toThrow('the CPU looks at the buffer');
    memory.bytes = bytes;
    expect(Buffer.compare(which === 'in' ? other : fixture.memory, pattern(which === 'in' ? 9 : 11))).toBe(0);
    fixture.end();
  });
});

describe('variants', () => {
  test('7.0 has the directions right', () => {
    const fixture = new Bound();
    setDmabufVariant(fixture.machine.system, '7.0');
    const fd = fixture.buffer();
    fixture.attach(fixture.in, fd);
    fixture.transfer(fixture.in, fd);
    // Readers do not disturb each other.
    fixture.transfer(fixture.in, fd);
    expect(fixture.fences()).toMatchObject([{ usage: DMA_RESV_USAGE_READ }]);
    fixture.attach(fixture.out, fd);
    expect(fixture.errorOf(() => fixture.transfer(fixture.out, fd))).toBe('EBUSY');
    fixture.end();
  });

  test('the version that was posted waits for nobody and cancels nothing', () => {
    const fixture = new Bound();
    setDmabufVariant(fixture.machine.system, 'posted');
    const fd = fixture.buffer();
    fixture.attach(fixture.in, fd);
    fixture.transfer(fixture.in, fd);
    const begin = fixture.machine.system.now();
    expect(fixture.errorOf(() => fixture.transfer(fixture.in, fd))).toBe('EBUSY');
    expect(fixture.machine.system.now()).toBe(begin);
    fixture.detach(fixture.in, fd);
    expect(fixture.fences()).toMatchObject([{ isSignaled: false }]);
    fixture.ended(fixture.hostReads(new Uint8Array(SIZE)));
    expect(fixture.fences()).toMatchObject([{ isSignaled: true, error: 0 }]);
    fixture.end();
  });
});

test('unmapping before the fence signals is found', () => {
  const fixture = new Bound({ defects: [FFS_DEFECTS.UNMAPS_EARLY] });
  const fd = fixture.buffer();
  fixture.attach(fixture.in, fd);
  fixture.transfer(fixture.in, fd);
  fixture.ended(fixture.hostReads(new Uint8Array(SIZE)));
  fixture.detach(fixture.in, fd);
  fixture.pass(1);
  expect(fixture.machine.system.findings.all.map(({ rule }) => rule)).toContain('fence-signalling');
  fixture.end();
});
