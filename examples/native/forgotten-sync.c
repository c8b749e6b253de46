/*
 * A program that is wrong and seems right on a PC: it draws a picture, and a device
 * that does not look into the CPU's caches reads it.
 *
 *	cc -I native-shims/include -o forgotten-sync examples/native/forgotten-sync.c
 *	npx ioctopus run --board noncoherent -- ./forgotten-sync
 *	npx ioctopus run --board noncoherent -- ./forgotten-sync --remember
 */
#include <fcntl.h>
#include <ioctopus/dma-test.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE (1 << 16)

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

int main(int argc, char **argv)
{
	int remembers = argc > 1 && strcmp(argv[1], "--remember") == 0;
	struct dma_heap_allocation_data allocation = { .len = SIZE, .fd_flags = O_RDWR | O_CLOEXEC };
	struct dma_test_attach attach = { .flags = DMA_TEST_KEEP_MAPPING };
	struct dma_test_transfer transfer = { .length = SIZE };
	int heap = check("/dev/dma_heap/system", open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC));
	int display = check("/dev/dma-direct", open("/dev/dma-direct", O_RDWR | O_CLOEXEC));
	char *pixels;

	check("DMA_HEAP_IOCTL_ALLOC", ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &allocation));
	attach.fd = (int)allocation.fd;
	check("DMA_BUF_SET_NAME", ioctl(attach.fd, DMA_BUF_SET_NAME, "picture"));
	check("DMA_TEST_IOC_ATTACH", ioctl(display, DMA_TEST_IOC_ATTACH, &attach));
	pixels = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, attach.fd, 0);
	if (pixels == MAP_FAILED) {
		perror("mmap");
		return 1;
	}

	cpu_access(attach.fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
	memset(pixels + 4096, 0x80, 4096);
	if (remembers)
		cpu_access(attach.fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);

	check("DMA_TEST_IOC_READ", ioctl(display, DMA_TEST_IOC_READ, &transfer));
	printf("the sum of all bytes is %u, the device found %u\n", 4096 * 0x80, transfer.sum);
	return transfer.sum != 4096 * 0x80;
}
