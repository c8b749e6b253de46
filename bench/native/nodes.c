/*
 * How long calls on emulated device nodes take, for a program under the launcher.
 * Arguments: the processor to run on, and how many buffers to hold meanwhile, at
 * least one; the server is pinned by whoever starts it.
 *
 * sync:  DMA_BUF_IOCTL_SYNC on a buffer of the system heap, START and END in turn
 * poll:  poll of a buffer, which is ready
 * open:  open and close of the heap's node
 * alloc: allocation of a page from the heap, and close of the buffer
 */
#include "round.h"
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

static int heap, buffer;

static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		err(1, "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(1, "setrlimit");
}

static int open_heap(void)
{
	int fd = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		err(1, "/dev/dma_heap/system");
	return fd;
}

static int allocate(void)
{
	struct dma_heap_allocation_data data = { .len = 4096, .fd_flags = O_RDWR | O_CLOEXEC };

	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data))
		err(1, "DMA_HEAP_IOCTL_ALLOC");
	return (int)data.fd;
}

static void sync_buffer(void)
{
	static uint64_t side = DMA_BUF_SYNC_END;
	struct dma_buf_sync sync;

	side ^= DMA_BUF_SYNC_END;
	sync.flags = DMA_BUF_SYNC_RW | side;
	if (ioctl(buffer, DMA_BUF_IOCTL_SYNC, &sync))
		err(1, "DMA_BUF_IOCTL_SYNC");
}

static void poll_buffer(void)
{
	struct pollfd entry = { .fd = buffer, .events = POLLIN };

	if (poll(&entry, 1, 0) != 1 || entry.revents != POLLIN)
		err(1, "poll");
}

static void open_and_close(void)
{
	close(open_heap());
}

static void allocate_and_close(void)
{
	close(allocate());
}

int main(int argc, char **argv)
{
	static const struct work works[] = {
		{ .name = "sync", .run = sync_buffer },
		{ .name = "poll", .run = poll_buffer },
		{ .name = "open", .run = open_and_close },
		{ .name = "alloc", .run = allocate_and_close },
	};

	if (argc != 3)
		errx(2, "usage: nodes CPU BUFFERS");
	pin_to(argv[1]);
	allow_many_files();
	heap = open_heap();
	for (int n = atoi(argv[2]); n > 0; n--)
		buffer = allocate();
	return measure_rounds(works, COUNT(works));
}
