/** A card without hardware: buffers of ordinary pages, and fences that programs signal (drivers/gpu/drm/vgem of Linux). */
import { DRM_IOCTL_VGEM_FENCE_ATTACH, DRM_IOCTL_VGEM_FENCE_SIGNAL } from '../../abi/uapi/index.ts';
import { DRM_RENDER_ALLOW, DrmDevice, type DrmDriver, drmRequest } from '../../drm/index.ts';
import { addPlatformDevice, type System } from '../../kernel/index.ts';
import type { PhysicalMemory } from '../../memory/index.ts';
import { attachFence, endFences, makeFences, signalFence, type VgemFences } from './vgem-fences.ts';

const driver: DrmDriver<VgemFences> = {
  name: 'vgem',
  description: 'Virtual GEM provider',
  date: '0',
  major: 1,
  minor: 0,
  patchlevel: 0,
  requests: [
    drmRequest(DRM_IOCTL_VGEM_FENCE_ATTACH, DRM_RENDER_ALLOW, attachFence),
    drmRequest(DRM_IOCTL_VGEM_FENCE_SIGNAL, DRM_RENDER_ALLOW, signalFence),
  ],
  open: makeFences,
  postclose: endFences,
};

/** Adds the card to a machine: as its first one, /dev/dri/card0 and /dev/dri/renderD128. @param ram what its pages are taken from */
export function addVgem(system: System, ram: PhysicalMemory): DrmDevice {
  return new DrmDevice(system, driver, { parent: addPlatformDevice(system, { name: 'vgem' }), ram });
}
