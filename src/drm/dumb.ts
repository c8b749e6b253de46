/** drivers/gpu/drm/drm_dumb_buffers.c: buffers for what the CPU draws. */
import { Errno } from '../abi/index.ts';
import { DRM_IOCTL_MODE_CREATE_DUMB, DRM_IOCTL_MODE_DESTROY_DUMB, DRM_IOCTL_MODE_MAP_DUMB, PAGE_SIZE } from '../abi/uapi/index.ts';
import { deleteHandle, lookUpObject } from './gem.ts';
import { GemObject } from './gem-object.ts';
import { type DrmRequest, drmRequest } from './ioctl.ts';

const U32_MAX = 0xffff_ffff;

interface Picture {
  readonly width: number;
  readonly height: number;
  readonly bpp: number;
}

/** The checks of drm_mode_create_dumb: nothing may wrap at 32 bits. @throws Errno EINVAL */
function checkPicture({ width, height, bpp }: Picture): void {
  if (width === 0 || height === 0 || bpp === 0) throw new Errno('EINVAL', 'the picture is empty');
  if (bpp > U32_MAX - 8) throw new Errno('EINVAL', `${bpp} bits a pixel`);
  const bytes = Math.ceil(bpp / 8);
  if (bytes > Math.floor(U32_MAX / width)) throw new Errno('EINVAL', 'a line has more than 32 bits can count');
  const stride = bytes * width;
  if (height > Math.floor(U32_MAX / stride) || height * stride > 2 ** 32 - PAGE_SIZE)
    throw new Errno('EINVAL', 'the picture has more bytes than 32 bits can count');
}

/** drm_gem_shmem_dumb_create. Its arithmetic has 32 bits, and may wrap where a pixel is no whole number of bytes. */
function sizeOf({ width, height, bpp }: Picture): { readonly pitch: number; readonly size: number } {
  const pitch = Math.floor((((Math.imul(width, bpp) >>> 0) + 7) >>> 0) / 8);
  return { pitch, size: (((Math.imul(pitch, height) >>> 0) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1)) >>> 0 };
}

export const dumbRequests: readonly DrmRequest[] = [
  drmRequest(DRM_IOCTL_MODE_CREATE_DUMB, 0, (file, argument) => {
    checkPicture(argument.value);
    argument.set({ handle: 0, pitch: 0, size: 0 });
    const { pitch, size } = sizeOf(argument.value);
    argument.set({ pitch, size });
    const object = new GemObject(file.device, size);
    argument.set({ handle: object.addHandle(file) });
    object.put();
  }),

  drmRequest(DRM_IOCTL_MODE_MAP_DUMB, 0, (file, argument) => {
    const object = lookUpObject(file, argument.value.handle);
    if (object.imported !== undefined) throw new Errno('EINVAL', 'another exporter maps the buffer');
    argument.set({ offset: object.node.start * PAGE_SIZE });
  }),

  drmRequest(DRM_IOCTL_MODE_DESTROY_DUMB, 0, (file, { value }) => deleteHandle(file, value.handle)),
];
