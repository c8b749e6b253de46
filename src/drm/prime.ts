/** drivers/gpu/drm/drm_prime.c: objects as dma-bufs, and dma-bufs as objects. */
import { Errno } from '../abi/index.ts';
import { DRM_CLOEXEC, DRM_IOCTL_PRIME_FD_TO_HANDLE, DRM_IOCTL_PRIME_HANDLE_TO_FD, DRM_RDWR } from '../abi/uapi/index.ts';
import { DmaBuf, type DmaBufOps, dmaBufGet } from '../dma-buf/index.ts';
import type { Kernel, Task } from '../kernel/index.ts';
import type { DrmDevice } from './drm-device.ts';
import type { DrmFile } from './drm-file.ts';
import { lookUpObject } from './gem.ts';
import { GemObject } from './gem-object.ts';
import { DRM_RENDER_ALLOW, type DrmArgument, type DrmRequest, drmRequest } from './ioctl.ts';

/** drm_gem_prime_dmabuf_ops. The dma-buf has a reference to its object. */
const operations: DmaBufOps<GemObject> = {
  mmap: (dmabuf, vma) => dmabuf.private.mmap(vma),
  release: (dmabuf) => dmabuf.private.put(),
};

/**
 * drm_gem_prime_handle_to_dmabuf: an object has one dma-buf, whose access mode the first export decides.
 *
 * @returns with a reference for the caller
 * @throws Errno ENOENT
 */
function exportObject(file: DrmFile, handle: number, flags: number): DmaBuf<any> {
  const object = lookUpObject(file, handle);
  const known = file.prime.bufferOf(handle);
  if (known !== undefined) return known.get();
  const dmabuf = object.imported?.get() ?? object.dmabuf?.get() ?? newBuffer(object, flags);
  file.prime.add(handle, dmabuf);
  return dmabuf;
}

/** export_and_register_object. */
function newBuffer(object: GemObject, flags: number): DmaBuf<GemObject> {
  const dmabuf = new DmaBuf<GemObject>(object.device.system, {
    exporterName: 'drm',
    ops: operations,
    size: object.size,
    flags,
    resv: object.resv,
    private: object.get(),
  });
  object.dmabuf = dmabuf.get();
  return dmabuf;
}

/** drm_gem_prime_fd_to_handle: a buffer that the client has already keeps its handle. */
function importBuffer(file: DrmFile, dmabuf: DmaBuf<any>): number {
  const known = file.prime.handleOf(dmabuf);
  if (known !== undefined) return known;
  const object = objectFor(file.device, dmabuf);
  object.dmabuf ??= dmabuf.get();
  const handle = object.addHandle(file);
  object.put();
  file.prime.add(handle, dmabuf);
  return handle;
}

/** drm_gem_prime_import: what was exported by the same card is its own object. @returns with a reference for the caller */
function objectFor(device: DrmDevice, dmabuf: DmaBuf<any>): GemObject {
  if (dmabuf.ops === operations && dmabuf.private.device === device) return dmabuf.private.get();
  dmabuf.get();
  try {
    return new GemObject(device, dmabuf.size, dmabuf);
  } catch (error) {
    dmabuf.put();
    throw error;
  }
}

interface PrimeHandle {
  handle: number;
  flags: number;
  fd: number;
}

/** The number is taken first: with a full table an unknown handle, too, is EMFILE. */
function* handleToFd(file: DrmFile, argument: DrmArgument<PrimeHandle>, task: Task): Kernel<void> {
  const { handle, flags } = argument.value;
  if ((flags & ~(DRM_CLOEXEC | DRM_RDWR)) !== 0) throw new Errno('EINVAL', 'flags has more than DRM_CLOEXEC and DRM_RDWR');
  const fd = yield* task.files.reserve((flags & DRM_CLOEXEC) !== 0);
  let dmabuf: DmaBuf<any>;
  try {
    dmabuf = exportObject(file, handle, flags);
  } catch (error) {
    yield* task.files.cancel(fd);
    throw error;
  }
  yield* task.files.fill(fd, dmabuf.file);
  argument.set({ fd });
}

function* fdToHandle(file: DrmFile, argument: DrmArgument<PrimeHandle>, task: Task): Kernel<void> {
  const dmabuf = yield* dmaBufGet(argument.value.fd, task);
  try {
    argument.set({ handle: importBuffer(file, dmabuf) });
  } finally {
    dmabuf.put();
  }
}

export const primeRequests: readonly DrmRequest[] = [
  drmRequest(DRM_IOCTL_PRIME_HANDLE_TO_FD, DRM_RENDER_ALLOW, handleToFd),
  drmRequest(DRM_IOCTL_PRIME_FD_TO_HANDLE, DRM_RENDER_ALLOW, fdToHandle),
];
