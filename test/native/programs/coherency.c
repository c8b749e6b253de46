/*
 * A program on a board whose devices do not all see the CPU's caches. Its arguments
 * say what it does, in order; each device attaches the buffer when it is first named.
 *
 *	keep, bracket, plain	how devices attach from now on
 *	begin, end		DMA_BUF_IOCTL_SYNC for reading and writing
 *	fill BYTE, look		the CPU writes everywhere; prints its first byte
 *	NAME write BYTE, NAME read	/dev/dma-NAME does the same
 *	heap NAME		before anything else: where the buffer comes from
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

#define SIZE (1 << 20)
#define DEVICES 4

struct device {
	const char *name;
	int fd;
};

static struct device devices[DEVICES];
static int buffer = -1;
static volatile unsigned char *pixels;
static unsigned int attach_flags;

static int check(const char *what, int result)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return result;
}

static void allocate(const char *heap_name)
{
	struct dma_heap_allocation_data allocation = { .len = SIZE, .fd_flags = O_RDWR | O_CLOEXEC };
	char path[64];
	int heap;

	snprintf(path, sizeof(path), "/dev/dma_heap/%s", heap_name);
	heap = check(path, open(path, O_RDONLY | O_CLOEXEC));
	check("ALLOC", ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &allocation));
	close(heap);
	buffer = (int)allocation.fd;
	pixels = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, buffer, 0);
	if (pixels == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
}

static int device_of(const char *name)
{
	struct dma_test_attach attach = { .fd = buffer, .flags = attach_flags };
	char path[64];
	int i;

	for (i = 0; i < DEVICES && devices[i].name; i++)
		if (strcmp(devices[i].name, name) == 0)
			return devices[i].fd;
	snprintf(path, sizeof(path), "/dev/dma-%s", name);
	devices[i].name = name;
	devices[i].fd = check(path, open(path, O_RDWR | O_CLOEXEC));
	check("ATTACH", ioctl(devices[i].fd, DMA_TEST_IOC_ATTACH, &attach));
	return devices[i].fd;
}

static void sync_cpu(unsigned long long flags)
{
	struct dma_buf_sync sync = { .flags = flags | DMA_BUF_SYNC_RW };

	check("SYNC", ioctl(buffer, DMA_BUF_IOCTL_SYNC, &sync));
}

static void transfer(const char *name, const char *what, const char *byte)
{
	struct dma_test_transfer transfer = { .length = SIZE };
	int fd = device_of(name);

	if (strcmp(what, "write") == 0) {
		transfer.byte = (unsigned int)atoi(byte);
		check("WRITE", ioctl(fd, DMA_TEST_IOC_WRITE, &transfer));
	} else if (strcmp(what, "read") == 0) {
		check("READ", ioctl(fd, DMA_TEST_IOC_READ, &transfer));
		printf("%s found %d\n", name, transfer.data[0]);
	}
}

int main(int argc, char **argv)
{
	int i;

	if (argc > 2 && strcmp(argv[1], "heap") == 0) {
		allocate(argv[2]);
		argv += 2;
		argc -= 2;
	} else {
		allocate("system");
	}
	for (i = 1; i < argc; i++) {
		const char *step = argv[i];
		const char *next = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(step, "keep") == 0)
			attach_flags = DMA_TEST_KEEP_MAPPING;
		else if (strcmp(step, "bracket") == 0)
			attach_flags = DMA_TEST_KEEP_MAPPING | DMA_TEST_BRACKET;
		else if (strcmp(step, "plain") == 0)
			attach_flags = 0;
		else if (strcmp(step, "begin") == 0)
			sync_cpu(DMA_BUF_SYNC_START);
		else if (strcmp(step, "end") == 0)
			sync_cpu(DMA_BUF_SYNC_END);
		else if (strcmp(step, "look") == 0)
			printf("the CPU sees %d\n", pixels[0]);
		else if (strcmp(step, "fill") == 0)
			memset((void *)pixels, atoi(next), SIZE), i++;
		else if (strcmp(step, "attach") == 0)
			device_of(next), i++;
		else if (strcmp(next, "write") == 0 && i + 2 < argc)
			transfer(step, next, argv[i + 2]), i += 2;
		else
			transfer(step, next, NULL), i++;
	}
	return 0;
}
