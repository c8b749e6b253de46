import {
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SET_NAME_B,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_READ,
  DMA_BUF_SYNC_RW,
  DMA_BUF_SYNC_START,
  DMA_BUF_SYNC_WRITE,
  DRM_IOCTL_MODE_CREATE_DUMB,
  DRM_IOCTL_PRIME_FD_TO_HANDLE,
  DRM_IOCTL_PRIME_HANDLE_TO_FD,
  DRM_IOCTL_VGEM_FENCE_ATTACH,
  DRM_IOCTL_VGEM_FENCE_SIGNAL,
  DRM_RDWR,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  F_ADD_SEALS,
  F_DUPFD_CLOEXEC,
  F_SEAL_SHRINK,
  IIO_BUFFER_DMABUF_ATTACH_IOCTL,
  IIO_BUFFER_DMABUF_DETACH_IOCTL,
  IIO_BUFFER_DMABUF_ENQUEUE_IOCTL,
  IIO_BUFFER_GET_FD_IOCTL,
  MAP_PRIVATE,
  MFD_ALLOW_SEALING,
  O_CREAT,
  O_RDWR,
  O_WRONLY,
  PAGE_SIZE,
  POLLIN,
  POLLOUT,
  SYNC_IOC_FILE_INFO,
  SYNC_IOC_MERGE,
  SYNC_IOC_SET_DEADLINE,
  sync_fence_info,
  UDMABUF_CREATE,
  VGEM_FENCE_WRITE,
} from '../../src/abi/uapi/index.ts';
import { zcu102 } from '../../src/boards/index.ts';
import { DMA_RESV_USAGE_READ, DMA_RESV_USAGE_WRITE, type DmaResvUsage } from '../../src/dma-buf/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import { boardWithLines, SUBMIT } from '../dma-buf/fence-device.ts';
import { allocate } from '../dma-buf/fixture.ts';
import { pseudoBoard } from '../support/pseudo-board.ts';
import type { Scenario } from '../support/sweep.ts';

const lines = () => boardWithLines();

/** Work on a buffer that ends after a while. */
function submit(sys: Sys<'sync'>, fd: number, line: number, usage: DmaResvUsage, duration_ns = 1000): void {
  const device = sys.open('/dev/lines', O_RDWR);
  try {
    sys.ioctl(device, SUBMIT, { fd, usage, line, error: 0, duration_ns });
  } finally {
    sys.close(device);
  }
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

function slurp(sys: Sys<'sync'>, path: string): string {
  const fd = sys.open(path);
  let all = '';
  for (let bytes = sys.read(fd, 4096); bytes.length > 0; bytes = sys.read(fd, 4096)) all += text(bytes);
  sys.close(fd);
  return all;
}

/** Sync files of a buffer with two pending fences: one of a write, and one of all. */
function exported(sys: Sys<'sync'>): { readonly buffer: number; readonly ofWrite: number; readonly ofAll: number } {
  const buffer = allocate(sys);
  submit(sys, buffer, 0, DMA_RESV_USAGE_WRITE);
  submit(sys, buffer, 1, DMA_RESV_USAGE_READ, 2000);
  const ofWrite = sys.ioctl(buffer, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags: DMA_BUF_SYNC_READ }).fd;
  const ofAll = sys.ioctl(buffer, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags: DMA_BUF_SYNC_WRITE }).fd;
  return { buffer, ofWrite, ofAll };
}

/** Everything that ends a program's use of the machine is done by the sweep, so that a failure at any point leaves the same to do. */
export const FAULT_SCENARIOS: readonly Scenario[] = [
  {
    name: 'a buffer of a heap: allocated, named, mapped, described',
    run(sys) {
      const heap = sys.open('/dev/dma_heap/system', O_RDWR);
      const buffer = allocate(sys, 300);
      sys.ioctl(buffer, DMA_BUF_SET_NAME_B, 'frame');
      const mapping = sys.mmap(buffer, { length: 300 * PAGE_SIZE });
      sys.ioctl(buffer, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START });
      mapping.bytes[4096] = 7;
      sys.ioctl(buffer, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END });
      const own = sys.mmap(buffer, { length: PAGE_SIZE, flags: MAP_PRIVATE });
      const copy = sys.dup(buffer);
      sys.close(buffer);
      sys.munmap(own);
      return [heap, copy, mapping.bytes[4096], sys.fdinfo(copy).match(/size:.*|name:.*/g)];
    },
  },
  {
    name: 'sync files: exported, merged, described, imported',
    board: lines,
    run(sys) {
      const { buffer, ofWrite, ofAll } = exported(sys);
      const merged = sys.ioctl(ofWrite, SYNC_IOC_MERGE, { name: 'both', fd2: ofAll }).fence;
      sys.ioctl(merged, SYNC_IOC_SET_DEADLINE, { deadline_ns: 5 });
      const records = sys.allocate(4 * sync_fence_info.size);
      const info = sys.ioctl(merged, SYNC_IOC_FILE_INFO, { num_fences: 4, sync_fence_info: records.address });
      const other = allocate(sys);
      sys.ioctl(other, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, { flags: DMA_BUF_SYNC_RW, fd: merged });
      const before = sys.poll([{ fd: other, events: POLLIN | POLLOUT }], 0);
      sys.ioctl(other, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START });
      const idle = sys.ioctl(buffer, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags: DMA_BUF_SYNC_RW }).fd;
      const stubs = sys.ioctl(idle, SYNC_IOC_MERGE, { name: 'stubs', fd2: idle }).fence;
      return [info.num_fences, info.name, before, sys.poll([{ fd: stubs, events: POLLIN }], 0)];
    },
    // sync_file_alloc does not tell why it has no file.
    errors: { file: ['ENOMEM'] },
  },
  {
    name: 'waits: poll, SYNC, epoll, a socket, time',
    board: lines,
    run(sys) {
      const { buffer, ofWrite, ofAll } = exported(sys);
      const first = sys.poll([
        { fd: ofWrite, events: POLLIN },
        { fd: ofAll, events: POLLIN },
      ]);
      sys.ioctl(buffer, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START });
      submit(sys, buffer, 0, DMA_RESV_USAGE_WRITE);
      const set = sys.epoll_create1();
      sys.epoll_ctl(set, EPOLL_CTL_ADD, buffer, { events: POLLIN });
      const woken = sys.epoll_wait(set, 4);
      const [one, other] = sys.socketpair();
      const tid = sys.thread(function* (own) {
        yield* own.nanosleep(1000);
        try {
          yield* own.write(other, 'late');
        } catch {
          yield* own.close(other);
        }
      });
      const read = text(sys.read(one, 8));
      sys.waitpid(tid);
      return [first, woken.length, read];
    },
    errors: { alloc: ['ENFILE', 'ENOBUFS'], file: ['ENOMEM'] },
  },
  {
    name: 'sets of files: added, changed, nested, removed',
    board: lines,
    run(sys) {
      const buffer = allocate(sys);
      const [inner, outer] = [sys.epoll_create1(), sys.epoll_create(1)];
      sys.epoll_ctl(inner, EPOLL_CTL_ADD, buffer, { events: POLLOUT });
      sys.epoll_ctl(outer, EPOLL_CTL_ADD, inner, { events: POLLIN });
      const events = sys.epoll_wait(outer, 2, 0).length;
      sys.epoll_ctl(inner, EPOLL_CTL_MOD, buffer, { events: POLLIN });
      sys.epoll_ctl(outer, EPOLL_CTL_DEL, inner);
      return [events, sys.epoll_wait(inner, 2, 0).length, sys.epoll_wait(outer, 2, 0).length];
    },
  },
  {
    name: 'descriptors: passed on, copied, opened again',
    run(sys) {
      const buffer = allocate(sys);
      const [one, other] = sys.socketpair();
      sys.sendmsg(one, 'take', [buffer, one]);
      const message = sys.recvmsg(other);
      sys.sendmsg(one, 'never read', [buffer]);
      const copy = sys.fcntl(buffer, F_DUPFD_CLOEXEC, 20);
      const heap = sys.open('/dev/dma_heap/system');
      const again = sys.reopen(heap, O_RDWR);
      const pid = sys.fork(function* (child) {
        yield* child.close(buffer);
      });
      sys.waitpid(pid);
      return [message.fds.length, text(message.bytes), copy, again > heap];
    },
    // __sock_create says of a socket that cannot be had what comes closest; a message without memory has no buffer.
    errors: { alloc: ['ENFILE', 'ENOBUFS'], fd: ['EMFILE'] },
  },
  {
    name: 'plain files: made, written, renamed, listed',
    board: pseudoBoard,
    run(sys) {
      sys.mkdir('/tmp/work/folder');
      try {
        const fd = sys.open('/tmp/work/folder/a', O_RDWR | O_CREAT);
        sys.write(fd, 'hello world');
        const read = text(sys.pread(fd, 5, 6));
        sys.symlink('a', '/tmp/work/folder/link');
        const linked = slurp(sys, '/tmp/work/folder/link');
        sys.rename('/tmp/work/folder/a', '/tmp/work/folder/b');
        const folder = sys.open('/tmp/work/folder');
        const names = sys
          .getdents(folder)
          .map(({ name }) => name)
          .sort();
        return [read, linked, names];
      } finally {
        for (const name of ['a', 'b', 'link']) if (exists(sys, `/tmp/work/folder/${name}`)) sys.unlink(`/tmp/work/folder/${name}`);
        sys.rmdir('/tmp/work/folder');
      }
    },
  },
  {
    name: 'pseudo files: read, written, made',
    board: pseudoBoard,
    run(sys) {
      const number = '/sys/kernel/rcu_normal';
      const fd = sys.open(number, O_RDWR);
      sys.write(fd, '1');
      sys.close(fd);
      const buffer = allocate(sys);
      const gadget = '/sys/kernel/config/usb_gadget/g1';
      sys.mkdir(gadget);
      try {
        const vendor = sys.open(`${gadget}/idVendor`, O_RDWR);
        sys.write(vendor, '0x1d6b');
        sys.close(vendor);
        const answers = [slurp(sys, number), slurp(sys, `${gadget}/idVendor`), slurp(sys, '/sys/kernel/notes').length];
        const info = slurp(sys, '/sys/kernel/debug/dma_buf/bufinfo').match(/Total \d+ objects/)?.[0];
        const misc = slurp(sys, '/proc/misc');
        const latency = '/sys/kernel/debug/sched/latency_warn_ms';
        const debug = sys.open(latency, O_RDWR);
        sys.write(debug, '7');
        const link = sys.readlink(`/proc/self/fd/${buffer}`);
        return [answers, info, misc, slurp(sys, latency), link];
      } finally {
        sys.rmdir(gadget);
      }
    },
  },
  {
    name: 'buffers of memory files',
    run(sys) {
      const memfd = sys.memfdCreate('pages', MFD_ALLOW_SEALING);
      sys.ftruncate(memfd, 4 * PAGE_SIZE);
      sys.fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK);
      const device = sys.open('/dev/udmabuf', O_RDWR);
      const buffer = sys.ioctl(device, UDMABUF_CREATE, { memfd, flags: 0, offset: 0n, size: 4n * BigInt(PAGE_SIZE) });
      sys.ioctl(buffer, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START });
      const mapping = sys.mmap(buffer, { length: PAGE_SIZE });
      sys.ioctl(buffer, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END });
      return [buffer, mapping.length];
    },
  },
  {
    name: 'objects of a card: made, fenced, exported, imported',
    run(sys) {
      const card = sys.open('/dev/dri/card0', O_RDWR);
      const { handle } = sys.ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, { width: 64, height: 64, bpp: 32, flags: 0 });
      const fence = sys.ioctl(card, DRM_IOCTL_VGEM_FENCE_ATTACH, { handle, flags: VGEM_FENCE_WRITE }).out_fence;
      const { fd } = sys.ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, { handle, flags: DRM_RDWR });
      sys.ioctl(card, DRM_IOCTL_VGEM_FENCE_SIGNAL, { fence, flags: 0 });
      const foreign = allocate(sys);
      const imported = sys.ioctl(card, DRM_IOCTL_PRIME_FD_TO_HANDLE, { fd: foreign }).handle;
      const mapping = sys.mmap(fd, { length: PAGE_SIZE });
      return [handle, imported, mapping.length];
    },
  },
  {
    name: 'pieces of memory: vectors, splices',
    run(sys) {
      const [one, other] = sys.socketpair();
      const memory = sys.allocate(PAGE_SIZE);
      sys.poke(memory.address, Buffer.from('abcdef'));
      sys.writev(one, [
        { address: memory.address, length: 2 },
        { address: memory.address + 4, length: 2 },
      ]);
      const count = sys.readv(other, [
        { address: memory.address + 100, length: 1 },
        { address: memory.address + 200, length: 9 },
      ]);
      return [count, text(sys.peek(memory.address + 200, 3))];
    },
    errors: { alloc: ['ENFILE', 'ENOBUFS'] },
  },
  {
    name: 'samples in dma-bufs',
    board: () => zcu102({ isUnlimited: true }),
    run(sys) {
      const folder = '/sys/bus/iio/devices/iio:device0/buffer0';
      store(sys, `${folder}/in_voltage0_en`, '1');
      const node = sys.open('/dev/iio:device0', O_RDWR);
      const buffer = sys.ioctl(node, IIO_BUFFER_GET_FD_IOCTL, 0);
      const fd = allocate(sys);
      sys.ioctl(buffer, IIO_BUFFER_DMABUF_ATTACH_IOCTL, fd);
      const disable = () => store(sys, `${folder}/enable`, '0');
      try {
        store(sys, `${folder}/enable`, '1');
        sys.ioctl(buffer, IIO_BUFFER_DMABUF_ENQUEUE_IOCTL, { fd, bytes_used: PAGE_SIZE });
        const ready = sys.poll([{ fd, events: POLLIN }]);
        const result = [ready, sys.ioctl(buffer, IIO_BUFFER_DMABUF_DETACH_IOCTL, fd)];
        disable();
        return result;
      } finally {
        // What failed once goes well now.
        disable();
      }
    },
  },
];

function store(sys: Sys<'sync'>, path: string, value: string): void {
  const fd = sys.open(path, O_WRONLY);
  try {
    sys.write(fd, Buffer.from(value));
  } finally {
    sys.close(fd);
  }
}

function exists(sys: Sys<'sync'>, path: string): boolean {
  try {
    sys.lstat(path);
    return true;
  } catch {
    return false;
  }
}
