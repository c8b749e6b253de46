/*
 * Calls of scripts on buffers and fences. Each fills the struct of one request; what the request gives is the result.
 *
 *	dumb CARD PAGES             a handle            offset CARD HANDLE         prints it
 *	export CARD HANDLE FLAGS    a descriptor        import CARD FD             a handle
 *	shut CARD HANDLE            (GEM_CLOSE)
 *	name CARD HANDLE            a name              named CARD NAME            a handle
 *	attach CARD HANDLE FLAGS    a fence of vgem's   signal CARD FENCE
 *	heap HEAP PAGES FLAGS       a descriptor
 *	memfd PAGES SEALS           a descriptor of a memory file
 *	udmabuf NODE MEMFD PAGE PAGES                   a descriptor
 *	sync FD FLAGS               export_sync FD FLAGS       import_sync FD FLAGS FD
 *	merge FD FD                 deadline FD
 *	fences FD                   how many a sync file has; prints its name with a # for each number, its status, and
 *	                            name and status of each
 *	buffers                     what debugfs tells of all buffers, but for their inodes
 */
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/sync_file.h>
#include <linux/udmabuf.h>

#include "../probes/drm.h"

#define FENCES 16

/* Newer than some user headers. */
struct fence_deadline {
	uint64_t deadline_ns, pad;
};
#define FENCE_SET_DEADLINE _IOW('>', 5, struct fence_deadline)

static char fence_text[8192];

/* Every run of digits becomes one #. */
static void without_numbers(char *s)
{
	char *begin = s, *to = s;

	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			*to++ = *s;
		else if (to == begin || to[-1] != '#')
			*to++ = '#';
	}
	*to = 0;
}

static long fences(int fd)
{
	struct sync_fence_info each[FENCES];
	struct sync_file_info all;

	memset(&all, 0, sizeof all);
	memset(each, 0, sizeof each);
	all.num_fences = FENCES;
	all.sync_fence_info = (uintptr_t)each;
	if (ioctl(fd, SYNC_IOC_FILE_INFO, &all))
		return -1;
	without_numbers(all.name);
	sprintf(fence_text, " %s %d:", all.name, all.status);
	for (uint32_t i = 0; i < all.num_fences; i++)
		sprintf(fence_text + strlen(fence_text), " %s/%s=%d", each[i].driver_name, each[i].obj_name, each[i].status);
	return all.num_fences;
}

static long buffers(void)
{
	FILE *f = fopen("/sys/kernel/debug/dma_buf/bufinfo", "r");
	char line[256], size[16], flags[16], mode[16], count[16], exporter[16], name[64];
	long n = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "%15[0-9]\t%15s\t%15s\t%15s\t%15s\t%*s\t%63s", size, flags, mode, count, exporter, name) == 6) {
			sprintf(fence_text + strlen(fence_text), " | %s %s %s %s %s %s", size, flags, mode, count, exporter, name);
			n++;
		} else if (line[0] == '\t' && line[1] != 'A') {
			line[strcspn(line, "\n")] = 0;
			sprintf(fence_text + strlen(fence_text), " ; %s", line + 1);
		}
	}
	fclose(f);
	return n;
}

static long memory_file(long pages, long seals)
{
	int fd = memfd_create("script", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && (ftruncate(fd, pages * 4096) || fcntl(fd, F_ADD_SEALS, seals)))
		return -1;
	return fd;
}

/* What `fence_text` says afterwards belongs to the answer. @return 0 when the call is not one of these */
static int fence_call(const char *call, const long *a, long *result)
{
	int fd = (int)a[1];

	fence_text[0] = 0;
/* One request: its struct, filled; what it gives when it succeeds. */
#define REQUEST(name, number, type, gives, ...)                          \
	if (!strcmp(call, name)) {                                       \
		struct type s = { __VA_ARGS__ };                         \
									 \
		*result = ioctl(fd, number, &s) == -1 ? -1 : (long)gives; \
		return 1;                                                \
	}
	REQUEST("dumb", DRM_IOCTL_MODE_CREATE_DUMB, drm_mode_create_dumb, s.handle, .width = 1024, .height = (uint32_t)a[2], .bpp = 32)
	REQUEST("export", DRM_IOCTL_PRIME_HANDLE_TO_FD, drm_prime_handle, s.fd, (uint32_t)a[2], (uint32_t)a[3], -1)
	REQUEST("import", DRM_IOCTL_PRIME_FD_TO_HANDLE, drm_prime_handle, s.handle, .fd = (int)a[2])
	REQUEST("shut", DRM_IOCTL_GEM_CLOSE, drm_gem_close, 0, .handle = (uint32_t)a[2])
	REQUEST("name", DRM_IOCTL_GEM_FLINK, drm_gem_flink, s.name, .handle = (uint32_t)a[2])
	REQUEST("named", DRM_IOCTL_GEM_OPEN, drm_gem_open, s.handle, .name = (uint32_t)a[2])
	REQUEST("attach", DRM_IOCTL_VGEM_FENCE_ATTACH, drm_vgem_fence_attach, s.out_fence, (uint32_t)a[2], (uint32_t)a[3], 0, 0)
	REQUEST("signal", DRM_IOCTL_VGEM_FENCE_SIGNAL, drm_vgem_fence_signal, 0, .fence = (uint32_t)a[2])
	REQUEST("heap", DMA_HEAP_IOCTL_ALLOC, dma_heap_allocation_data, s.fd, .len = (uint64_t)a[2] * 4096, .fd_flags = (uint32_t)a[3])
	REQUEST("sync", DMA_BUF_IOCTL_SYNC, dma_buf_sync, 0, (uint64_t)a[2])
	REQUEST("export_sync", DMA_BUF_IOCTL_EXPORT_SYNC_FILE, dma_buf_export_sync_file, s.fd, (uint32_t)a[2], -1)
	REQUEST("import_sync", DMA_BUF_IOCTL_IMPORT_SYNC_FILE, dma_buf_import_sync_file, 0, (uint32_t)a[2], (int)a[3])
	REQUEST("merge", SYNC_IOC_MERGE, sync_merge_data, s.fence, .name = "merged", .fd2 = (int)a[2])
	REQUEST("deadline", FENCE_SET_DEADLINE, fence_deadline, 0, 1, 0)
#undef REQUEST
	if (!strcmp(call, "offset")) {
		struct drm_mode_map_dumb s = { .handle = (uint32_t)a[2] };

		*result = ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &s);
		sprintf(fence_text, " 0x%llx", (unsigned long long)s.offset);
	} else if (!strcmp(call, "udmabuf")) {
		struct udmabuf_create s = { (uint32_t)a[2], 0, (uint64_t)a[3] * 4096, (uint64_t)a[4] * 4096 };

		*result = ioctl(fd, UDMABUF_CREATE, &s);
	} else if (!strcmp(call, "memfd"))
		*result = memory_file(a[1], a[2]);
	else if (!strcmp(call, "fences"))
		*result = fences(fd);
	else if (!strcmp(call, "buffers"))
		*result = buffers();
	else
		return 0;
	return 1;
}
