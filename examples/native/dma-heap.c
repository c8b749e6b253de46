/*
 * An ordinary program for a machine with a system DMA heap: allocates a buffer,
 * writes into it as a camera application would, names it, asks for its fence and
 * lets go of everything. It knows nothing of ioctopus.
 *
 *	cc -o dma-heap dma-heap.c && npx ioctopus run --strace -- ./dma-heap
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE (1 << 20)

static int check(const char *what, int result)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return result;
}

static void cpu_access(int buffer, unsigned long long flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	check("DMA_BUF_IOCTL_SYNC", ioctl(buffer, DMA_BUF_IOCTL_SYNC, &sync));
}

int main(void)
{
	struct dma_heap_allocation_data allocation = { .len = SIZE, .fd_flags = O_RDWR | O_CLOEXEC };
	struct dma_buf_export_sync_file fence = { .flags = DMA_BUF_SYNC_RW };
	struct sync_file_info info = { .num_fences = 0 };
	struct pollfd ready = { .events = POLLIN };
	int heap = check("/dev/dma_heap/system", open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC));
	int buffer;
	char *pixels;

	check("DMA_HEAP_IOCTL_ALLOC", ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &allocation));
	buffer = (int)allocation.fd;
	check("DMA_BUF_SET_NAME", ioctl(buffer, DMA_BUF_SET_NAME, "frame"));
	pixels = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, buffer, 0);
	if (pixels == MAP_FAILED) {
		perror("mmap");
		return 1;
	}

	cpu_access(buffer, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	memset(pixels, 0x80, SIZE);
	cpu_access(buffer, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);

	check("DMA_BUF_IOCTL_EXPORT_SYNC_FILE", ioctl(buffer, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &fence));
	ready.fd = fence.fd;
	check("poll", poll(&ready, 1, 1000));
	check("SYNC_IOC_FILE_INFO", ioctl(fence.fd, SYNC_IOC_FILE_INFO, &info));
	printf("%lld bytes, last one 0x%02x; fence \"%s\" is %s\n", (long long)lseek(buffer, 0, SEEK_END), pixels[SIZE - 1] & 0xff, info.name,
	       info.status == 1 ? "signalled" : "pending");

	munmap(pixels, SIZE);
	close(fence.fd);
	close(buffer);
	close(heap);
	return 0;
}
