/** drm/vgem_drm.h. */
import { struct, u32 } from '../layout.ts';
import { IOW, IOWR, requests } from '../request.ts';

export const VGEM_FENCE_WRITE = 0x1;

export const drm_vgem_fence_attach = struct('drm_vgem_fence_attach', { handle: u32, flags: u32, out_fence: u32, pad: u32 });
export const drm_vgem_fence_signal = struct('drm_vgem_fence_signal', { fence: u32, flags: u32 });

export const { DRM_IOCTL_VGEM_FENCE_ATTACH, DRM_IOCTL_VGEM_FENCE_SIGNAL } = requests({
  DRM_IOCTL_VGEM_FENCE_ATTACH: IOWR('d', 0x41, drm_vgem_fence_attach),
  DRM_IOCTL_VGEM_FENCE_SIGNAL: IOW('d', 0x42, drm_vgem_fence_signal),
});
