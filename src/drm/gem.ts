/** drivers/gpu/drm/drm_gem.c: the handles and names of objects. */
import { Errno } from '../abi/index.ts';
import { DRM_IOCTL_GEM_CLOSE, DRM_IOCTL_GEM_FLINK, DRM_IOCTL_GEM_OPEN } from '../abi/uapi/index.ts';
import type { DrmFile } from './drm-file.ts';
import type { GemObject } from './gem-object.ts';
import { DRM_AUTH, DRM_RENDER_ALLOW, type DrmRequest, drmRequest } from './ioctl.ts';

/** drm_gem_object_lookup, without a reference. @throws Errno ENOENT */
export function lookUpObject(file: DrmFile, handle: number): GemObject {
  const object = file.handles.find(handle);
  if (object === undefined) throw new Errno('ENOENT', `there is no handle ${handle}`);
  return object;
}

/** drm_gem_handle_delete. @throws Errno EINVAL */
export function deleteHandle(file: DrmFile, handle: number): void {
  const object = file.handles.clear(handle);
  if (object === undefined) throw new Errno('EINVAL', `there is no handle ${handle}`);
  object.dropHandle(file, handle);
  file.handles.remove(handle);
}

/** drm_gem_release: the client has gone. */
export function deleteHandles(file: DrmFile): void {
  for (const [handle, object] of file.handles) object.dropHandle(file, handle);
}

export const gemRequests: readonly DrmRequest[] = [
  drmRequest(DRM_IOCTL_GEM_CLOSE, DRM_RENDER_ALLOW, (file, { value }) => deleteHandle(file, value.handle)),

  drmRequest(DRM_IOCTL_GEM_FLINK, DRM_AUTH, (file, argument) => {
    const object = lookUpObject(file, argument.value.handle);
    if (object.name === 0) object.name = file.device.names.allocate(object);
    argument.set({ name: object.name });
  }),

  drmRequest(DRM_IOCTL_GEM_OPEN, DRM_AUTH, (file, argument) => {
    const object = file.device.names.find(argument.value.name);
    if (object === undefined) throw new Errno('ENOENT', `no object has the name ${argument.value.name}`);
    argument.set({ handle: object.addHandle(file), size: object.size });
  }),
];
