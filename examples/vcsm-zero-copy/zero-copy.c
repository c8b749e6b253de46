/*
 * Gives a buffer of the CMA heap to the VideoCore, reads what that writes into
 * it, and closes everything while the VideoCore still has it; it lets go of it
 * when it gets the next one.
 */
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

#define SIZE 8192

/* What debugfs says of how many buffers the VideoCore has. */
static int resources(char *mapping)
{
	char text[4096], *at;
	int fd = open("/sys/kernel/debug/vcsm-cma/state", O_RDONLY), count = -1;
	ssize_t length = read(fd, text, sizeof text - 1);

	close(fd);
	text[length < 0 ? 0 : length] = 0;
	at = strstr(text, "VC_MAPPING");
	*mapping = at ? at[14] : '-';
	at = strstr(text, "count:");
	if (at)
		sscanf(at, "count: %d", &count);
	return count;
}

/* The VideoCore does not see the CPU's caches: what it wrote shows between START and END. */
static int sync_frame(int fd, unsigned long long flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	return ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
}

/* Gives the VideoCore a new buffer, reads what it wrote and lets go of it. */
static int show_frame(int heap, int node)
{
	struct dma_heap_allocation_data buffer = { .len = SIZE, .fd_flags = O_RDWR | O_CLOEXEC };
	struct vc_sm_cma_ioctl_import_dmabuf import = { .name = "frame" };
	char *frame;

	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &buffer) < 0)
		return perror("DMA_HEAP_IOCTL_ALLOC"), -1;
	import.dmabuf_fd = buffer.fd;
	if (ioctl(node, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, &import) < 0)
		return perror("VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF"), -1;
	frame = mmap(NULL, import.size, PROT_READ | PROT_WRITE, MAP_SHARED, import.handle, 0);
	if (frame == MAP_FAILED)
		return perror("mmap"), -1;
	sync_frame(import.handle, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	printf("%x, %u bytes: %s\n", import.vc_handle, import.size, frame);
	sync_frame(import.handle, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
	munmap(frame, import.size);
	close(import.handle);
	close(buffer.fd);
	return 0;
}

int main(void)
{
	int heap = open("/dev/dma_heap/linux,cma", O_RDWR), node = open("/dev/vcsm-cma", O_RDWR), count;
	char mapping;

	if (show_frame(heap, node) < 0)
		return 1;
	count = resources(&mapping);
	printf("closed: %d buffer, state %c\n", count, mapping);
	if (show_frame(heap, node) < 0)
		return 1;
	/* RELEASED of the first one comes when it comes. */
	while ((count = resources(&mapping)) > 1)
		poll(NULL, 0, 1);
	printf("replaced: %d buffer, state %c\n", count, mapping);
	close(node);
	close(heap);
	return 0;
}
