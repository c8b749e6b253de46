/* Captures samples into dma-bufs and writes them to standard output: iio-dmabuf BLOCKS BYTES. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/iio/buffer.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define FOLDER "/sys/bus/iio/devices/iio:device0/"
#define BLOCKS_MAX 8

struct block {
	int fd;
	unsigned char *bytes;
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void store(const char *attribute, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), FOLDER "%s", attribute);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, 1) != 1)
		fail(path);
	close(fd);
}

static struct block allocate(int heap, size_t size)
{
	struct dma_heap_allocation_data data = { .len = size, .fd_flags = O_RDWR | O_CLOEXEC };
	struct block block;

	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) < 0)
		fail("alloc");
	block.fd = data.fd;
	block.bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, block.fd, 0);
	if (block.bytes == MAP_FAILED)
		fail("mmap");
	return block;
}

static void sync_for_cpu(int fd, __u64 flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	if (ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) < 0)
		fail("sync");
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 1;
	size_t size = argc > 2 ? strtoul(argv[2], NULL, 0) : 65536;
	struct block blocks[BLOCKS_MAX];
	int heap, node, buffer = 0, i;

	if (count > BLOCKS_MAX)
		return 2;
	heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
	node = open("/dev/iio:device0", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (heap < 0 || node < 0)
		fail("open");
	if (ioctl(node, IIO_BUFFER_GET_FD_IOCTL, &buffer) < 0)
		fail("get fd");
	close(node);
	for (i = 0; i < 4; i++) {
		char name[64];

		snprintf(name, sizeof(name), "buffer0/in_voltage%d_en", i);
		store(name, "1");
	}
	for (i = 0; i < count; i++) {
		struct iio_dmabuf request = { .bytes_used = size };

		blocks[i] = allocate(heap, size);
		request.fd = blocks[i].fd;
		if (ioctl(buffer, IIO_BUFFER_DMABUF_ATTACH_IOCTL, &blocks[i].fd) < 0)
			fail("attach");
		if (ioctl(buffer, IIO_BUFFER_DMABUF_ENQUEUE_IOCTL, &request) < 0)
			fail("enqueue");
	}
	store("buffer0/enable", "1");
	for (i = 0; i < count; i++) {
		struct pollfd poll_fd = { .fd = blocks[i].fd, .events = POLLOUT };

		if (poll(&poll_fd, 1, -1) != 1)
			fail("poll");
		sync_for_cpu(blocks[i].fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
		if (fwrite(blocks[i].bytes, 1, size, stdout) != size)
			fail("write");
		sync_for_cpu(blocks[i].fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
	}
	store("buffer0/enable", "0");
	for (i = 0; i < count; i++) {
		if (ioctl(buffer, IIO_BUFFER_DMABUF_DETACH_IOCTL, &blocks[i].fd) < 0)
			fail("detach");
		munmap(blocks[i].bytes, size);
		close(blocks[i].fd);
	}
	close(buffer);
	close(heap);
	return 0;
}
