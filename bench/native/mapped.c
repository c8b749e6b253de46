/*
 * How long copies into mapped memory and out of it take: that of a buffer of the
 * system heap, for a program under the launcher, and anonymous memory. Argument:
 * the processor to run on.
 */
#include "round.h"
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define SIZE (4ul << 20)

static char *buffer, *anonymous, *local;

static char *map(int flags, int fd)
{
	char *at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (at == MAP_FAILED)
		err(1, "mmap");
	/* A buffer has small pages on Linux as here. */
	madvise(at, SIZE, MADV_NOHUGEPAGE);
	memset(at, 1, SIZE);
	return at;
}

static void copy_through(char *memory)
{
	memcpy(memory, local, SIZE);
	memcpy(local, memory, SIZE);
}

static void copy_through_buffer(void)
{
	copy_through(buffer);
}

static void copy_through_anonymous(void)
{
	copy_through(anonymous);
}

int main(int argc, char **argv)
{
	static const struct work works[] = {
		{ .name = "buffer", .run = copy_through_buffer },
		{ .name = "anonymous", .run = copy_through_anonymous },
	};
	struct dma_heap_allocation_data data = { .len = SIZE, .fd_flags = O_RDWR | O_CLOEXEC };
	int heap;

	if (argc != 2)
		errx(2, "usage: mapped CPU");
	pin_to(argv[1]);
	heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	if (heap < 0 || ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data))
		err(1, "/dev/dma_heap/system");
	buffer = map(MAP_SHARED, (int)data.fd);
	anonymous = map(MAP_SHARED | MAP_ANONYMOUS, -1);
	local = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	return measure_rounds(works, COUNT(works));
}
