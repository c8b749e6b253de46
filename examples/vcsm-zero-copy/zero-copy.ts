import type { Kernel, Sys } from 'ioctopus';
import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_READ,
  DMA_BUF_SYNC_START,
  DMA_HEAP_IOCTL_ALLOC,
  O_CLOEXEC,
  O_RDONLY,
  O_RDWR,
  VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF,
} from 'ioctopus/uapi';

const SIZE = 8192;

/** What debugfs says of how many buffers the VideoCore has. */
function* resources(sys: Sys<'task'>): Kernel<{ count: number; state: string }> {
  const fd = yield* sys.open('/sys/kernel/debug/vcsm-cma/state', O_RDONLY);
  const text = Buffer.from(yield* sys.read(fd, 4096)).toString('latin1');
  yield* sys.close(fd);
  return { count: Number(/count: +(\d+)/.exec(text)?.[1]), state: /VC_MAPPING +(\d)/.exec(text)?.[1] ?? '-' };
}

/** Gives the VideoCore a new buffer and lets go of it. @returns what it wrote */
function* showFrame(sys: Sys<'task'>, heap: number, node: number): Kernel<string> {
  const { fd } = yield* sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: SIZE, fd_flags: O_RDWR | O_CLOEXEC });
  const imported = yield* sys.ioctl(node, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, { dmabuf_fd: fd, name: [...Buffer.from('frame')] });
  const frame = yield* sys.mmap(imported.handle, { length: imported.size });
  // The VideoCore does not see the CPU's caches: what it wrote shows between START and END.
  yield* sys.ioctl(imported.handle, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ });
  const text = Buffer.from(frame.bytes.subarray(0, frame.bytes.indexOf(0))).toString('latin1');
  yield* sys.ioctl(imported.handle, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ });
  yield* sys.munmap(frame);
  yield* sys.close(imported.handle);
  yield* sys.close(fd);
  return `${imported.vc_handle.toString(16)}, ${imported.size} bytes: ${text}`;
}

/** The same as zero-copy.c. @returns the lines that it says */
export function* zeroCopy(sys: Sys<'task'>): Kernel<string[]> {
  const heap = yield* sys.open('/dev/dma_heap/linux,cma', O_RDWR);
  const node = yield* sys.open('/dev/vcsm-cma', O_RDWR);
  const said = [yield* showFrame(sys, heap, node)];
  let now = yield* resources(sys);
  said.push(`closed: ${now.count} buffer, state ${now.state}`);
  said.push(yield* showFrame(sys, heap, node));
  // RELEASED of the first one comes when it comes.
  for (now = yield* resources(sys); now.count > 1; now = yield* resources(sys)) yield* sys.poll([], 1);
  said.push(`replaced: ${now.count} buffer, state ${now.state}`);
  yield* sys.close(node);
  yield* sys.close(heap);
  return said;
}
