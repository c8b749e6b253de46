import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_RW,
  DMA_BUF_SYNC_START,
  DRM_IOCTL_GEM_CLOSE,
  DRM_IOCTL_VGEM_FENCE_SIGNAL,
  O_RDWR,
  POLLIN,
  POLLOUT,
  VGEM_FENCE_WRITE,
} from '../../../src/abi/uapi/index.ts';
import { Card, describe, expect, statusOf, syncFileOf, test } from './fixture.ts';

describe('a fence that nobody signals', () => {
  test('ends by itself ten seconds after it was attached', ({ machine, sys, card }) => {
    const buffer = card.buffer();
    const began_ns = machine.system.now();
    const fence = card.attach(buffer, VGEM_FENCE_WRITE);
    const file = syncFileOf(sys, buffer);
    expect(sys.poll([{ fd: file, events: POLLIN }], 9_999)).toEqual([0]);
    expect(statusOf(sys, file)).toBe(0);
    expect(sys.poll([{ fd: file, events: POLLIN }], -1)).toEqual([POLLIN]);
    expect(machine.system.now() - began_ns).toBe(10e9);
    expect(statusOf(sys, file)).toBe(1);
    expect(() => sys.ioctl(card.fd, DRM_IOCTL_VGEM_FENCE_SIGNAL, { fence })).toThrow('ETIMEDOUT');
    expect(() => sys.ioctl(card.fd, DRM_IOCTL_VGEM_FENCE_SIGNAL, { fence })).toThrow('ENOENT');
  });

  test('is signalled when its card is closed, not when its handle is', ({ sys, card }) => {
    const buffer = card.buffer();
    card.attach(buffer);
    const file = syncFileOf(sys, buffer);
    sys.ioctl(card.fd, DRM_IOCTL_GEM_CLOSE, { handle: buffer.handle });
    expect(statusOf(sys, file)).toBe(0);
    sys.close(card.fd);
    expect(statusOf(sys, file)).toBe(1);
  });

  test('leaves no event behind once somebody has signalled it', ({ machine, sys, card }) => {
    const fence = card.attach(card.buffer());
    sys.ioctl(card.fd, DRM_IOCTL_VGEM_FENCE_SIGNAL, { fence });
    expect(machine.system.clock.pending).toBe(0);
  });
});

describe('programs that share a buffer', () => {
  test('wait for each other by fences alone', async ({ machine, sys, card }) => {
    const buffer = card.buffer();
    const fence = card.attach(buffer, VGEM_FENCE_WRITE);
    const order: string[] = [];
    sys.fork(function* (other) {
      yield* other.ioctl(buffer.fd, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW });
      order.push('it may be touched');
    });
    sys.fork(function* (other) {
      yield* other.nanosleep(1_000_000);
      order.push('the work is done');
      yield* other.ioctl(card.fd, DRM_IOCTL_VGEM_FENCE_SIGNAL, { fence });
    });
    await machine.run();
    expect(order).toEqual(['the work is done', 'it may be touched']);
  });

  test('are refused a fence that would have to wait', ({ sys, card }) => {
    const buffer = card.buffer();
    const reader = card.attach(buffer);
    expect(card.attach(buffer)).toBe(reader + 1);
    expect(() => card.attach(buffer, VGEM_FENCE_WRITE)).toThrow('EBUSY');
    for (const fence of [reader, reader + 1]) sys.ioctl(card.fd, DRM_IOCTL_VGEM_FENCE_SIGNAL, { fence });
    // The refused one has taken no number.
    expect(card.attach(buffer, VGEM_FENCE_WRITE)).toBe(reader + 2);
    expect(() => card.attach(buffer)).toThrow('EBUSY');
  });

  test('know fences by numbers of their own', ({ sys, card }) => {
    const other = new Card(sys, '/dev/dri/renderD128');
    const fence = card.attach(card.buffer());
    expect(() => sys.ioctl(other.fd, DRM_IOCTL_VGEM_FENCE_SIGNAL, { fence })).toThrow('ENOENT');
    sys.ioctl(card.fd, DRM_IOCTL_VGEM_FENCE_SIGNAL, { fence });
  });

  test('see a buffer ready for writing when the last reader is done', ({ sys, card }) => {
    const buffer = card.buffer();
    const readers = [card.attach(buffer), card.attach(buffer)];
    const ready = () => sys.poll([{ fd: buffer.fd, events: POLLIN | POLLOUT }], 0)[0];
    const seen = [ready()];
    for (const fence of readers) {
      sys.ioctl(card.fd, DRM_IOCTL_VGEM_FENCE_SIGNAL, { fence });
      seen.push(ready());
    }
    expect(seen).toEqual([POLLIN, POLLIN, POLLIN | POLLOUT]);
  });

  test('keep a buffer by its descriptor when the card is closed', ({ sys, card }) => {
    const { fd } = card.buffer();
    sys.close(card.fd);
    const mapping = sys.mmap(fd, { length: 4096, prot: 3, flags: 1 });
    sys.poke(mapping.address, Uint8Array.of(7));
    const again = sys.open('/dev/dri/card0', O_RDWR);
    expect(sys.peek(mapping.address, 1)).toEqual(Uint8Array.of(7));
    sys.close(again);
  });
});
