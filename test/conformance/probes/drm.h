/* The requests of DRM that probes make, laid out as drm/drm.h, drm/drm_mode.h
 * and drm/vgem_drm.h of Linux have them. */
#ifndef DRM_H
#define DRM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

struct drm_version {
	int version_major, version_minor, version_patchlevel;
	size_t name_len;
	char *name;
	size_t date_len;
	char *date;
	size_t desc_len;
	char *desc;
};
struct drm_unique {
	size_t unique_len;
	char *unique;
};
struct drm_auth {
	unsigned int magic;
};
struct drm_client {
	int idx, auth;
	unsigned long pid, uid, magic, iocs;
};
struct drm_stats {
	unsigned long count;
	struct {
		unsigned long value;
		int type;
	} data[15];
};
struct drm_set_version {
	int drm_di_major, drm_di_minor, drm_dd_major, drm_dd_minor;
};
struct drm_gem_close {
	uint32_t handle, pad;
};
struct drm_gem_flink {
	uint32_t handle, name;
};
struct drm_gem_open {
	uint32_t name, handle;
	uint64_t size;
};
struct drm_get_cap {
	uint64_t capability, value;
};
struct drm_set_client_cap {
	uint64_t capability, value;
};
struct drm_prime_handle {
	uint32_t handle, flags;
	int32_t fd;
};
struct drm_mode_create_dumb {
	uint32_t height, width, bpp, flags, handle, pitch;
	uint64_t size;
};
struct drm_mode_map_dumb {
	uint32_t handle, pad;
	uint64_t offset;
};
struct drm_mode_destroy_dumb {
	uint32_t handle;
};
struct drm_vgem_fence_attach {
	uint32_t handle, flags, out_fence, pad;
};
struct drm_vgem_fence_signal {
	uint32_t fence, flags;
};

#define DRM_IOCTL_VERSION            _IOWR('d', 0x00, struct drm_version)
#define DRM_IOCTL_GET_UNIQUE         _IOWR('d', 0x01, struct drm_unique)
#define DRM_IOCTL_GET_MAGIC          _IOR('d', 0x02, struct drm_auth)
#define DRM_IOCTL_GET_CLIENT         _IOWR('d', 0x05, struct drm_client)
#define DRM_IOCTL_GET_STATS          _IOR('d', 0x06, struct drm_stats)
#define DRM_IOCTL_SET_VERSION        _IOWR('d', 0x07, struct drm_set_version)
#define DRM_IOCTL_GEM_CLOSE          _IOW('d', 0x09, struct drm_gem_close)
#define DRM_IOCTL_GEM_FLINK          _IOWR('d', 0x0a, struct drm_gem_flink)
#define DRM_IOCTL_GEM_OPEN           _IOWR('d', 0x0b, struct drm_gem_open)
#define DRM_IOCTL_GET_CAP            _IOWR('d', 0x0c, struct drm_get_cap)
#define DRM_IOCTL_SET_CLIENT_CAP     _IOW('d', 0x0d, struct drm_set_client_cap)
#define DRM_IOCTL_AUTH_MAGIC         _IOW('d', 0x11, struct drm_auth)
#define DRM_IOCTL_SET_MASTER         _IO('d', 0x1e)
#define DRM_IOCTL_DROP_MASTER        _IO('d', 0x1f)
#define DRM_IOCTL_PRIME_HANDLE_TO_FD _IOWR('d', 0x2d, struct drm_prime_handle)
#define DRM_IOCTL_PRIME_FD_TO_HANDLE _IOWR('d', 0x2e, struct drm_prime_handle)
#define DRM_IOCTL_MODE_CREATE_DUMB   _IOWR('d', 0xb2, struct drm_mode_create_dumb)
#define DRM_IOCTL_MODE_MAP_DUMB      _IOWR('d', 0xb3, struct drm_mode_map_dumb)
#define DRM_IOCTL_MODE_DESTROY_DUMB  _IOWR('d', 0xb4, struct drm_mode_destroy_dumb)
#define DRM_IOCTL_VGEM_FENCE_ATTACH  _IOWR('d', 0x41, struct drm_vgem_fence_attach)
#define DRM_IOCTL_VGEM_FENCE_SIGNAL  _IOW('d', 0x42, struct drm_vgem_fence_signal)

#define DRM_CAP_DUMB_BUFFER         0x1
#define DRM_CAP_PRIME               0x5
#define DRM_CAP_TIMESTAMP_MONOTONIC 0x6
#define DRM_CAP_SYNCOBJ             0x13
#define DRM_CAP_SYNCOBJ_TIMELINE    0x14
#define DRM_PRIME_CAP_IMPORT        0x1
#define DRM_PRIME_CAP_EXPORT        0x2
#define VGEM_FENCE_WRITE            0x1

#endif
