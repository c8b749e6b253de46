import * as uapi from '../../../src/abi/uapi/index.ts';
import type { Sys } from '../../../src/doors/in-process/index.ts';

/** How many fences of a sync file a script is told of. */
const FENCES = 16;

const withoutNumbers = (text: string) => text.replace(/\d+/g, '#');

function fences(sys: Sys<'sync'>, fd: number): [result: number, shown: string] {
  const { size } = uapi.sync_fence_info;
  const room = sys.allocate(FENCES * size);
  const all = sys.ioctl(fd, uapi.SYNC_IOC_FILE_INFO, { num_fences: FENCES, sync_fence_info: room.address });
  const bytes = sys.peek(room.address, FENCES * size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const each = Array.from({ length: all.num_fences }, (_, index) => uapi.sync_fence_info.decode(view, index * size));
  const shown = each.map(({ driver_name, obj_name, status }) => ` ${driver_name}/${obj_name}=${status}`).join('');
  return [all.num_fences, ` ${withoutNumbers(all.name)} ${all.status}:${shown}`];
}

/** One line of debugfs for each buffer, which others of it follow. */
function buffers(sys: Sys<'sync'>): [result: number, shown: string] {
  const fd = sys.open('/sys/kernel/debug/dma_buf/bufinfo', uapi.O_RDONLY);
  let text = '';
  for (let part = sys.read(fd, 65536); part.length > 0; part = sys.read(fd, 65536)) text += Buffer.from(part).toString('latin1');
  sys.close(fd);
  let count = 0;
  let shown = '';
  for (const line of text.split('\n')) {
    const [, size, flags, mode, held, exporter, name] = /^(\d+)\t(\S+)\t(\S+)\t(\S+)\t(\S+)\t\S+\t(\S+)/.exec(line) ?? [];
    if (size !== undefined) {
      count++;
      shown += ` | ${size} ${flags} ${mode} ${held} ${exporter} ${name}`;
    } else if (/^\t[^A]/.test(line)) shown += ` ; ${line.slice(1)}`;
  }
  return [count, shown];
}

function memoryFile(sys: Sys<'sync'>, pages: number, seals: number): number {
  const fd = sys.memfdCreate('script', uapi.MFD_CLOEXEC | uapi.MFD_ALLOW_SEALING);
  sys.ftruncate(fd, pages * uapi.PAGE_SIZE);
  sys.fcntl(fd, uapi.F_ADD_SEALS, seals);
  return fd;
}

/** The calls of fences.h. @returns undefined for another call */
export function callOnFence(
  sys: Sys<'sync'>,
  call: string,
  [fd = 0, second = 0, third = 0, fourth = 0]: readonly number[],
): [result: number, shown: string] | undefined {
  const plain = (result: number): [number, string] => [result, ''];
  switch (call) {
    case 'dumb':
      return plain(sys.ioctl(fd, uapi.DRM_IOCTL_MODE_CREATE_DUMB, { width: 1024, height: second, bpp: 32 }).handle);
    case 'offset':
      return [0, ` 0x${sys.ioctl(fd, uapi.DRM_IOCTL_MODE_MAP_DUMB, { handle: second }).offset.toString(16)}`];
    case 'export':
      return plain(sys.ioctl(fd, uapi.DRM_IOCTL_PRIME_HANDLE_TO_FD, { handle: second, flags: third, fd: -1 }).fd);
    case 'import':
      return plain(sys.ioctl(fd, uapi.DRM_IOCTL_PRIME_FD_TO_HANDLE, { fd: second }).handle);
    case 'shut':
      return plain(sys.ioctl(fd, uapi.DRM_IOCTL_GEM_CLOSE, { handle: second }));
    case 'name':
      return plain(sys.ioctl(fd, uapi.DRM_IOCTL_GEM_FLINK, { handle: second }).name);
    case 'named':
      return plain(sys.ioctl(fd, uapi.DRM_IOCTL_GEM_OPEN, { name: second }).handle);
    case 'attach':
      return plain(sys.ioctl(fd, uapi.DRM_IOCTL_VGEM_FENCE_ATTACH, { handle: second, flags: third }).out_fence);
    case 'signal':
      return plain(sys.ioctl(fd, uapi.DRM_IOCTL_VGEM_FENCE_SIGNAL, { fence: second }));
    case 'heap':
      return plain(sys.ioctl(fd, uapi.DMA_HEAP_IOCTL_ALLOC, { len: second * uapi.PAGE_SIZE, fd_flags: third }).fd);
    case 'memfd':
      return plain(memoryFile(sys, fd, second));
    case 'udmabuf':
      return plain(
        sys.ioctl(fd, uapi.UDMABUF_CREATE, {
          memfd: second >>> 0,
          offset: BigInt(third * uapi.PAGE_SIZE),
          size: BigInt(fourth * uapi.PAGE_SIZE),
        }),
      );
    case 'sync':
      return plain(sys.ioctl(fd, uapi.DMA_BUF_IOCTL_SYNC, { flags: second }));
    case 'export_sync':
      return plain(sys.ioctl(fd, uapi.DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags: second, fd: -1 }).fd);
    case 'import_sync':
      return plain(sys.ioctl(fd, uapi.DMA_BUF_IOCTL_IMPORT_SYNC_FILE, { flags: second, fd: third }));
    case 'merge':
      return plain(sys.ioctl(fd, uapi.SYNC_IOC_MERGE, { name: 'merged', fd2: second }).fence);
    case 'deadline':
      return plain(sys.ioctl(fd, uapi.SYNC_IOC_SET_DEADLINE, { deadline_ns: 1 }));
    case 'fences':
      return fences(sys, fd);
    case 'buffers':
      return buffers(sys);
    default:
      return undefined;
  }
}
