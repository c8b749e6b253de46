import {
  DRM_IOCTL_AUTH_MAGIC,
  DRM_IOCTL_DROP_MASTER,
  DRM_IOCTL_GEM_FLINK,
  DRM_IOCTL_GET_CLIENT,
  DRM_IOCTL_GET_MAGIC,
  DRM_IOCTL_MODE_CREATE_DUMB,
  DRM_IOCTL_PRIME_FD_TO_HANDLE,
  DRM_IOCTL_SET_MASTER,
  DRM_IOCTL_VERSION,
  O_NONBLOCK,
  O_RDWR,
  PAGE_SIZE,
  SIGKILL,
} from '../../src/abi/uapi/index.ts';
import type { Program, Sys } from '../../src/doors/in-process/index.ts';
import { Errno } from '../../src/index.ts';
import { allocate, bufferAt } from '../dma-buf/fixture.ts';
import { describe, expect, test } from '../drivers/vgem/fixture.ts';

const USER = { uid: 1000, gid: 1000, groups: [] };

/** Runs a child that goes on as another user. @returns what it found out */
function asUser<T>(sys: Sys<'sync'>, work: Program<T>): T {
  let answer: T | undefined;
  const child = sys.fork(function* (own) {
    own.setCredentials(USER);
    answer = yield* work(own);
  });
  sys.waitpid(child);
  return answer as T;
}

describe('a card', () => {
  test('is in sysfs where libdrm looks for it', ({ sys }) => {
    const read = (path: string) => {
      const fd = sys.open(path, 0);
      const text = Buffer.from(sys.read(fd, PAGE_SIZE)).toString();
      sys.close(fd);
      return text;
    };
    expect(read('/sys/class/drm/version')).toBe('drm 1.1.0 20060810\n');
    expect(read('/sys/class/drm/card0/uevent')).toBe('MAJOR=226\nMINOR=0\nDEVNAME=dri/card0\nDEVTYPE=drm_minor\n');
    expect(read('/sys/dev/char/226:128/uevent')).toBe('MAJOR=226\nMINOR=128\nDEVNAME=dri/renderD128\nDEVTYPE=drm_minor\n');
    expect(sys.readlink('/sys/class/drm/card0')).toBe('../../devices/platform/vgem/drm/card0');
    expect(sys.readlink('/sys/class/drm/card0/device')).toBe('../../../vgem');
    expect(read('/proc/devices')).toContain('226 drm\n');
  });

  test('tells its name to whoever has room for it', ({ sys, card }) => {
    const room = sys.allocate(16);
    const version = sys.ioctl(card.fd, DRM_IOCTL_VERSION, { name: room.address, name_len: 16 });
    expect(version).toMatchObject({ version_major: 1, version_minor: 0, version_patchlevel: 0, name_len: 4, desc_len: 20 });
    expect(Buffer.from(room.bytes.subarray(0, 5)).toString()).toBe('vgem\0');
  });

  test('has no events to read: a read waits until a signal comes, or not at all', ({ machine, sys }) => {
    const fd = sys.open('/dev/dri/card0', O_RDWR | O_NONBLOCK);
    expect(() => sys.read(fd, 8)).toThrow('EAGAIN');
    const blocking = sys.open('/dev/dri/card0', O_RDWR);
    const child = sys.fork(function* (own) {
      yield* own.read(blocking, 8);
    });
    machine.system.clock.schedule(5_000_000, 'a signal', () => machine.system.tasks.get(child)?.signals.send(SIGKILL));
    const began_ns = machine.system.now();
    sys.waitpid(child);
    expect(machine.system.now() - began_ns).toBe(5_000_000);
  });
});

describe('clients of a card', () => {
  test('of other users need the master to let them in', ({ sys, card }) => {
    sys.chmod('/dev/dri/card0', 0o666);
    const told: number[] = [];
    const found = asUser(sys, function* (child) {
      const fd = yield* child.open('/dev/dri/card0', O_RDWR);
      const { handle } = yield* child.ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, { width: 8, height: 8, bpp: 8 });
      const errors: string[] = [];
      const refused = [
        child.ioctl(fd, DRM_IOCTL_GEM_FLINK, { handle }),
        child.ioctl(fd, DRM_IOCTL_SET_MASTER),
        child.ioctl(fd, DRM_IOCTL_DROP_MASTER),
      ];
      for (const request of refused) {
        try {
          yield* request;
        } catch (error) {
          if (error instanceof Errno) errors.push(error.code);
        }
      }
      const { magic } = yield* child.ioctl(fd, DRM_IOCTL_GET_MAGIC);
      // The master has the same descriptor as its parent.
      yield* child.ioctl(card.fd, DRM_IOCTL_AUTH_MAGIC, { magic });
      told.push((yield* child.ioctl(fd, DRM_IOCTL_GET_CLIENT, { idx: 0 })).auth);
      told.push((yield* child.ioctl(fd, DRM_IOCTL_GEM_FLINK, { handle })).name);
      return errors;
    });
    expect(found).toEqual(['EACCES', 'EACCES', 'EACCES']);
    expect(told).toEqual([1, 1]);
  });

  test('may become master again by the process that was it', ({ sys }) => {
    sys.chmod('/dev/dri/card0', 0o666);
    const found = asUser(sys, function* (child) {
      const fd = yield* child.open('/dev/dri/card0', O_RDWR);
      yield* child.ioctl(fd, DRM_IOCTL_DROP_MASTER);
      return yield* child.ioctl(fd, DRM_IOCTL_SET_MASTER);
    });
    expect(found).toBe(0);
  });

  test('attach the card to buffers that they import, as long as they have a handle', ({ machine, sys, card }) => {
    const fd = allocate(sys, 2);
    const { handle } = sys.ioctl(card.fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, { fd });
    const [attachment] = bufferAt(machine, fd).attachments;
    expect(attachment).toMatchObject({ device: { name: 'vgem' }, mapped: 1 });
    expect(sys.ioctl(card.fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, { fd }).handle).toBe(handle);
    sys.close(card.fd);
    expect(bufferAt(machine, fd).attachments).toEqual([]);
  });

  test('keep what they have mapped when the handle is gone', ({ machine, sys, card }) => {
    const { fd } = card.buffer();
    const before = machine.ram.freeBytes;
    const mapping = sys.mmap(card.fd, { length: PAGE_SIZE, prot: 3, flags: 1, offset: 0x1_0000_0000 });
    sys.poke(mapping.address, Uint8Array.of(1, 2, 3));
    expect(before - machine.ram.freeBytes).toBe(PAGE_SIZE);
    sys.close(fd);
    sys.close(card.fd);
    expect(sys.peek(mapping.address, 3)).toEqual(Uint8Array.of(1, 2, 3));
    sys.munmap({ address: mapping.address, length: PAGE_SIZE });
    expect(machine.ram.freeBytes).toBe(before);
  });
});
