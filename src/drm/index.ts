/** Cards, their clients, objects and handles: the core that drivers of graphics devices share (drivers/gpu/drm of Linux). */
export { DrmDevice, type DrmDriver, type DrmPlace } from './drm-device.ts';
export type { DrmFile, DrmNode } from './drm-file.ts';
export { lookUpObject } from './gem.ts';
export type { GemObject } from './gem-object.ts';
export {
  DRM_AUTH,
  DRM_MASTER,
  DRM_RENDER_ALLOW,
  DRM_ROOT_ONLY,
  type DrmArgument,
  type DrmHandler,
  type DrmRequest,
  drmRequest,
} from './ioctl.ts';
