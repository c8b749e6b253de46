/** drivers/gpu/drm/drm_prime.c: objects as dma-bufs, and dma-bufs as objects. */
import { Errno } from '../abi/index.ts';
import { DRM_CLOEXEC, DRM_IOCTL_PRIME_FD_TO_HANDLE, DRM_IOCTL_PRIME_HANDLE_TO_FD, DRM_RDWR, PAGE_SIZE } from '../abi/uapi/index.ts';
import { DmaBuf, type DmaBufOps, dmaBufGet, type SgTable } from '../dma-buf/index.ts';
import type { Kernel, Task } from '../kernel/index.ts';
import { KernelMapping } from '../memory/index.ts';
import type { DrmDevice } from './drm-device.ts';
import type { DrmFile } from './drm-file.ts';
import { lookUpObject } from './gem.ts';
import { GemObject, giveBack } from './gem-object.ts';
import { DRM_RENDER_ALLOW, type DrmArgument, type DrmRequest, drmRequest } from './ioctl.ts';

/** drm_gem_prime_dmabuf_ops. The dma-buf has a reference to its object. */
const operations: DmaBufOps<GemObject> = {
  cacheSgtMapping: true,

  attach(dmabuf) {
    dmabuf.private.pages();
  },

  mapDmaBuf: ({ dmabuf, device }, direction) => device.mapSg((dmabuf.private as GemObject).pages(), direction, { skipCpuSync: true }),
  unmapDmaBuf: ({ device }, mapping, direction) => device.unmapSg(mapping, direction, { skipCpuSync: true }),
  mmap: (dmabuf, vma) => dmabuf.private.mmap(vma),
  vmap: (dmabuf) => new KernelMapping(dmabuf.private.pages()),
  release: (dmabuf) => dmabuf.private.put(),
};

/**
 * drm_gem_prime_handle_to_dmabuf: an object has one dma-buf, whose access mode the first export decides.
 *
 * @returns with a reference for the caller
 * @throws Errno ENOENT, ENOMEM, ENFILE
 */
function exportObject(file: DrmFile, handle: number, flags: number): DmaBuf<any> {
  const object = lookUpObject(file, handle);
  const known = file.prime.bufferOf(handle);
  if (known !== undefined) return known.get();
  const dmabuf = object.imported?.dmabuf.get() ?? object.dmabuf?.get() ?? newBuffer(object, flags);
  file.prime.add(handle, dmabuf);
  return dmabuf;
}

/** export_and_register_object. */
function newBuffer(object: GemObject, flags: number): DmaBuf<GemObject> {
  let dmabuf: DmaBuf<GemObject>;
  try {
    dmabuf = new DmaBuf<GemObject>(object.device.system, {
      exporterName: 'drm',
      ops: operations,
      size: object.size,
      flags,
      resv: object.resv,
      private: object.get(),
    });
  } catch (error) {
    object.put();
    throw error;
  }
  object.dmabuf = dmabuf.get();
  return dmabuf;
}

/** drm_gem_prime_fd_to_handle: a buffer that the client has already keeps its handle. @throws Errno what the exporter says */
function* importBuffer(file: DrmFile, dmabuf: DmaBuf<any>): Kernel<number> {
  yield* file.prime.lock.lock();
  try {
    const known = file.prime.handleOf(dmabuf);
    if (known !== undefined) return known;
    const object = yield* objectFor(file.device, dmabuf);
    object.dmabuf ??= dmabuf.get();
    const handle = object.addHandle(file);
    object.put();
    file.prime.add(handle, dmabuf);
    return handle;
  } finally {
    file.prime.lock.unlock();
  }
}

/** drm_gem_prime_import: what was exported by the same card is its own object. @returns with a reference for the caller */
function* objectFor(device: DrmDevice, dmabuf: DmaBuf<any>): Kernel<GemObject> {
  if (dmabuf.ops === operations && dmabuf.private.device === device) return dmabuf.private.get();
  const attachment = yield* dmabuf.attach(device.dma);
  let table: SgTable;
  try {
    table = yield* attachment.mapUnlocked('bidirectional');
  } catch (error) {
    yield* dmabuf.detach(attachment);
    throw error;
  }
  const imported = { dmabuf: dmabuf.get(), attachment, table };
  try {
    return new GemObject(device, Math.ceil(dmabuf.size / PAGE_SIZE) * PAGE_SIZE, imported);
  } catch (error) {
    yield* giveBack(imported);
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
  yield* file.prime.lock.lock();
  try {
    dmabuf = exportObject(file, handle, flags);
  } catch (error) {
    yield* task.files.cancel(fd);
    throw error;
  } finally {
    file.prime.lock.unlock();
  }
  yield* task.files.fill(fd, dmabuf.file);
  argument.set({ fd });
}

function* fdToHandle(file: DrmFile, argument: DrmArgument<PrimeHandle>, task: Task): Kernel<void> {
  const dmabuf = yield* dmaBufGet(argument.value.fd, task);
  try {
    argument.set({ handle: yield* importBuffer(file, dmabuf) });
  } finally {
    dmabuf.put();
  }
}

export const primeRequests: readonly DrmRequest[] = [
  drmRequest(DRM_IOCTL_PRIME_HANDLE_TO_FD, DRM_RENDER_ALLOW, handleToFd),
  drmRequest(DRM_IOCTL_PRIME_FD_TO_HANDLE, DRM_RENDER_ALLOW, fdToHandle),
];
