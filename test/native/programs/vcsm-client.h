/*
 * The client library of the VideoCore's shared memory in its CMA mode, as far
 * as it makes system calls (section 15.2 of docs/reference/vc-sm-cma.md). Each
 * call tells its answer. Descriptors are told as their distance from the first.
 */
#ifndef VCSM_CLIENT_H
#define VCSM_CLIENT_H

#include <errno.h>
#include <fcntl.h>
#include <linux/broadcom/vc_sm_cma_ioctl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEXT_AT 100

struct block {
	int fd;
	unsigned int vc_handle;
	unsigned int size;
	char *memory;
};

static int node, first;

static inline const char *answer(int result)
{
	return result < 0 ? strerrorname_np(errno) : "works";
}

static inline int opened(const char *path)
{
	int fd = open(path, O_RDWR);

	printf("open %s: %s\n", path, answer(fd));
	return fd;
}

static inline int told(const char *what, int fd, int result)
{
	printf("%s +%d: %s\n", what, fd - first, answer(result));
	return result;
}

static inline void mapped(struct block *block)
{
	block->memory = mmap(NULL, block->size, PROT_READ | PROT_WRITE, MAP_SHARED, block->fd, 0);
	told("mmap", block->fd, block->memory == MAP_FAILED ? -1 : 0);
}

static inline struct block vcsm_malloc_cache(unsigned int size, unsigned int cached, const char *name)
{
	struct vc_sm_cma_ioctl_alloc arg = { .size = size, .num = 1, .cached = cached };
	struct block block = { .size = size };
	int result;

	memcpy(arg.name, name, strlen(name));
	result = ioctl(node, VC_SM_CMA_IOCTL_MEM_ALLOC, &arg);
	block.fd = arg.handle;
	block.vc_handle = arg.vc_handle;
	printf("alloc %u '%s': %s, +%d, vc_handle %x, dma_addr %llx\n", size, name, answer(result), block.fd - first,
	       block.vc_handle, (unsigned long long)arg.dma_addr);
	mapped(&block);
	return block;
}

static inline struct block vcsm_import_dmabuf(int dmabuf, const char *name)
{
	struct vc_sm_cma_ioctl_import_dmabuf arg = { .dmabuf_fd = dmabuf };
	struct block block = { 0 };
	int result;

	memcpy(arg.name, name, strlen(name));
	result = ioctl(node, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, &arg);
	block.fd = arg.handle;
	block.vc_handle = arg.vc_handle;
	block.size = arg.size;
	printf("import +%d: %s, +%d, vc_handle %x, size %u, dma_addr %llx\n", dmabuf - first, answer(result), block.fd - first,
	       block.vc_handle, block.size, (unsigned long long)arg.dma_addr);
	mapped(&block);
	return block;
}

static inline void vcsm_sync(const struct block *block, unsigned long long flags)
{
	struct dma_buf_sync arg = { .flags = flags };
	int result = ioctl(block->fd, DMA_BUF_IOCTL_SYNC, &arg);

	printf("sync %llu +%d: %s\n", flags, block->fd - first, answer(result));
}

static inline void vcsm_free(const struct block *block)
{
	told("munmap", block->fd, munmap(block->memory, block->size));
	told("close", block->fd, close(block->fd));
}

/* What the VPU has written. */
static inline void show(const struct block *block)
{
	printf("text +%d: %s\n", block->fd - first, block->memory + TEXT_AT);
}

static inline int heap_buffer(unsigned int size)
{
	struct dma_heap_allocation_data arg = { .len = size, .fd_flags = O_RDWR | O_CLOEXEC };
	int heap = opened("/dev/dma_heap/linux,cma");
	int result = ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &arg);

	printf("heap %u: %s, +%d\n", size, answer(result), (int)arg.fd - first);
	told("close", heap, close(heap));
	return arg.fd;
}

/* Waits until debugfs shows so many buffers. */
static inline void await_resources(int wanted)
{
	int count = -1;

	while (count != wanted) {
		char text[8192], *at;
		int fd = open("/sys/kernel/debug/vcsm-cma/state", O_RDONLY);
		ssize_t length = read(fd, text, sizeof text - 1);

		close(fd);
		text[length < 0 ? 0 : length] = 0;
		at = strstr(text, "count:");
		if (!at || sscanf(at, "count: %d", &count) != 1)
			break;
		if (count != wanted)
			poll(NULL, 0, 1);
	}
	printf("resources: %d\n", count);
}

#endif
