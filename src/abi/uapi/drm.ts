/** drm/drm.h. */
import { array, i32, pointer, struct, u32, u64 } from '../layout.ts';
import { IO, IOR, IOW, IOWR, requests } from '../request.ts';
import { O_CLOEXEC, O_RDWR } from './fcntl.ts';

export const DRM_CAP_DUMB_BUFFER = 0x1;
export const DRM_CAP_PRIME = 0x5;
export const DRM_CAP_TIMESTAMP_MONOTONIC = 0x6;
export const DRM_CAP_SYNCOBJ = 0x13;
export const DRM_CAP_SYNCOBJ_TIMELINE = 0x14;
export const DRM_PRIME_CAP_IMPORT = 0x1;
export const DRM_PRIME_CAP_EXPORT = 0x2;

export const DRM_CLOEXEC = O_CLOEXEC;
export const DRM_RDWR = O_RDWR;

/** Numbers from here to {@link DRM_COMMAND_END} are the driver's own. */
export const DRM_COMMAND_BASE = 0x40;
export const DRM_COMMAND_END = 0xa0;

export const drm_version = struct('drm_version', {
  version_major: i32,
  version_minor: i32,
  version_patchlevel: i32,
  name_len: u64,
  name: pointer,
  date_len: u64,
  date: pointer,
  desc_len: u64,
  desc: pointer,
});
export const drm_unique = struct('drm_unique', { unique_len: u64, unique: pointer });
export const drm_auth = struct('drm_auth', { magic: u32 });
export const drm_client = struct('drm_client', { idx: i32, auth: i32, pid: u64, uid: u64, magic: u64, iocs: u64 });
export const drm_stats = struct('drm_stats', { count: u64, data: array(struct({ value: u64, type: i32 }), 15) });
export const drm_set_version = struct('drm_set_version', { drm_di_major: i32, drm_di_minor: i32, drm_dd_major: i32, drm_dd_minor: i32 });
export const drm_gem_close = struct('drm_gem_close', { handle: u32, pad: u32 });
export const drm_gem_flink = struct('drm_gem_flink', { handle: u32, name: u32 });
export const drm_gem_open = struct('drm_gem_open', { name: u32, handle: u32, size: u64 });
export const drm_get_cap = struct('drm_get_cap', { capability: u64, value: u64 });
export const drm_set_client_cap = struct('drm_set_client_cap', { capability: u64, value: u64 });
export const drm_prime_handle = struct('drm_prime_handle', { handle: u32, flags: u32, fd: i32 });

/** A struct that nothing here looks into. */
const words = (count: number) => array(u32, count);

export const {
  DRM_IOCTL_VERSION,
  DRM_IOCTL_GET_UNIQUE,
  DRM_IOCTL_GET_MAGIC,
  DRM_IOCTL_GET_CLIENT,
  DRM_IOCTL_GET_STATS,
  DRM_IOCTL_SET_VERSION,
  DRM_IOCTL_GEM_CLOSE,
  DRM_IOCTL_GEM_FLINK,
  DRM_IOCTL_GEM_OPEN,
  DRM_IOCTL_GET_CAP,
  DRM_IOCTL_SET_CLIENT_CAP,
  DRM_IOCTL_SET_UNIQUE,
  DRM_IOCTL_AUTH_MAGIC,
  DRM_IOCTL_BLOCK,
  DRM_IOCTL_UNBLOCK,
  DRM_IOCTL_SET_MASTER,
  DRM_IOCTL_DROP_MASTER,
  DRM_IOCTL_ADD_DRAW,
  DRM_IOCTL_RM_DRAW,
  DRM_IOCTL_FINISH,
  DRM_IOCTL_PRIME_HANDLE_TO_FD,
  DRM_IOCTL_PRIME_FD_TO_HANDLE,
  DRM_IOCTL_WAIT_VBLANK,
  DRM_IOCTL_CRTC_GET_SEQUENCE,
  DRM_IOCTL_CRTC_QUEUE_SEQUENCE,
  DRM_IOCTL_UPDATE_DRAW,
  DRM_IOCTL_SYNCOBJ_CREATE,
  DRM_IOCTL_SYNCOBJ_DESTROY,
  DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD,
  DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE,
  DRM_IOCTL_SYNCOBJ_WAIT,
  DRM_IOCTL_SYNCOBJ_RESET,
  DRM_IOCTL_SYNCOBJ_SIGNAL,
  DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT,
  DRM_IOCTL_SYNCOBJ_QUERY,
  DRM_IOCTL_SYNCOBJ_TRANSFER,
  DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL,
  DRM_IOCTL_SYNCOBJ_EVENTFD,
} = requests({
  DRM_IOCTL_VERSION: IOWR('d', 0x00, drm_version),
  DRM_IOCTL_GET_UNIQUE: IOWR('d', 0x01, drm_unique),
  DRM_IOCTL_GET_MAGIC: IOR('d', 0x02, drm_auth),
  DRM_IOCTL_GET_CLIENT: IOWR('d', 0x05, drm_client),
  DRM_IOCTL_GET_STATS: IOR('d', 0x06, drm_stats),
  DRM_IOCTL_SET_VERSION: IOWR('d', 0x07, drm_set_version),
  DRM_IOCTL_GEM_CLOSE: IOW('d', 0x09, drm_gem_close),
  DRM_IOCTL_GEM_FLINK: IOWR('d', 0x0a, drm_gem_flink),
  DRM_IOCTL_GEM_OPEN: IOWR('d', 0x0b, drm_gem_open),
  DRM_IOCTL_GET_CAP: IOWR('d', 0x0c, drm_get_cap),
  DRM_IOCTL_SET_CLIENT_CAP: IOW('d', 0x0d, drm_set_client_cap),
  DRM_IOCTL_SET_UNIQUE: IOW('d', 0x10, drm_unique),
  DRM_IOCTL_AUTH_MAGIC: IOW('d', 0x11, drm_auth),
  DRM_IOCTL_BLOCK: IOWR('d', 0x12, words(1)),
  DRM_IOCTL_UNBLOCK: IOWR('d', 0x13, words(1)),
  DRM_IOCTL_SET_MASTER: IO('d', 0x1e),
  DRM_IOCTL_DROP_MASTER: IO('d', 0x1f),
  DRM_IOCTL_ADD_DRAW: IOWR('d', 0x27, words(1)),
  DRM_IOCTL_RM_DRAW: IOWR('d', 0x28, words(1)),
  DRM_IOCTL_FINISH: IOW('d', 0x2c, words(2)),
  DRM_IOCTL_PRIME_HANDLE_TO_FD: IOWR('d', 0x2d, drm_prime_handle),
  DRM_IOCTL_PRIME_FD_TO_HANDLE: IOWR('d', 0x2e, drm_prime_handle),
  DRM_IOCTL_WAIT_VBLANK: IOWR('d', 0x3a, words(6)),
  DRM_IOCTL_CRTC_GET_SEQUENCE: IOWR('d', 0x3b, words(6)),
  DRM_IOCTL_CRTC_QUEUE_SEQUENCE: IOWR('d', 0x3c, words(6)),
  DRM_IOCTL_UPDATE_DRAW: IOW('d', 0x3f, words(6)),
  DRM_IOCTL_SYNCOBJ_CREATE: IOWR('d', 0xbf, words(2)),
  DRM_IOCTL_SYNCOBJ_DESTROY: IOWR('d', 0xc0, words(2)),
  DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD: IOWR('d', 0xc1, words(4)),
  DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE: IOWR('d', 0xc2, words(4)),
  DRM_IOCTL_SYNCOBJ_WAIT: IOWR('d', 0xc3, words(8)),
  DRM_IOCTL_SYNCOBJ_RESET: IOWR('d', 0xc4, words(4)),
  DRM_IOCTL_SYNCOBJ_SIGNAL: IOWR('d', 0xc5, words(4)),
  DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT: IOWR('d', 0xca, words(10)),
  DRM_IOCTL_SYNCOBJ_QUERY: IOWR('d', 0xcb, words(6)),
  DRM_IOCTL_SYNCOBJ_TRANSFER: IOWR('d', 0xcc, words(8)),
  DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL: IOWR('d', 0xcd, words(6)),
  DRM_IOCTL_SYNCOBJ_EVENTFD: IOWR('d', 0xcf, words(6)),
});
