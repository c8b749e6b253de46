/*
 * Buffers of heaps that a device uses: what a program and the device see of each
 * other's bytes, and what mmap allows. Prints one line per question.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define P 4096ul
#define LENGTH (100 * P)
#define RW (PROT_READ | PROT_WRITE)
struct attach { int32_t fd; uint32_t dynamic; };
struct byte { uint32_t offset, value; };
#define ATTACH _IOW('I', 1, struct attach)
#define DETACH _IO('I', 2)
#define MAP _IOW('I', 3, uint32_t)
#define UNMAP _IO('I', 4)
#define READ_BYTE _IOWR('I', 5, struct byte)
#define WRITE_BYTE _IOW('I', 6, struct byte)
#define BIDIRECTIONAL 2

static const char *answer(int result)
{
	return result < 0 ? strerrorname_np(errno) : "works";
}

static void say_info(const char *when)
{
	char text[4096], *line;
	int fd = open("/sys/kernel/debug/dma_buf/bufinfo", O_RDONLY);
	ssize_t length = read(fd, text, sizeof text - 1);

	close(fd);
	text[length < 0 ? 0 : length] = 0;
	printf("  %s:", when);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (line[0] == '\t' && strcmp(line, "\tAttached Devices:"))
			printf(" %s", line + 1);
		else if (!strncmp(line, "Total", 5))
			printf(" %s;", line);
	putchar('\n');
}

static int attach(const char *node, int buffer, uint32_t dynamic)
{
	struct attach request = { .fd = buffer, .dynamic = dynamic };
	int fd = open(node, O_RDWR);

	printf("  attach %s: %s\n", node, answer(ioctl(fd, ATTACH, &request)));
	return fd;
}

static void use(const char *heap)
{
	struct dma_heap_allocation_data data = { .len = LENGTH, .fd_flags = O_RDWR };
	struct byte byte = { .offset = LENGTH - 1, .value = 0x77 };
	uint32_t direction = BIDIRECTIONAL;
	int fd = open(heap, O_RDWR), importer, narrow;
	unsigned char *at;
	void *private;

	printf("%s: allocation %s\n", heap, answer(ioctl(fd, DMA_HEAP_IOCTL_ALLOC, &data)));
	close(fd);
	at = mmap(NULL, LENGTH, RW, MAP_SHARED, data.fd, 0);
	private = mmap(NULL, P, RW, MAP_PRIVATE, data.fd, 0);
	printf("  mapped shared: %s, a page privately: %s\n", at == MAP_FAILED ? strerrorname_np(errno) : "works",
	       private == MAP_FAILED ? strerrorname_np(errno) : "works");
	importer = attach("/dev/importer", data.fd, 0);
	printf("  map: %s\n", answer(ioctl(importer, MAP, &direction)));
	ioctl(importer, WRITE_BYTE, &byte);
	printf("  the device wrote: %x\n", at[LENGTH - 1]);
	at[LENGTH - 1] = 0x78;
	ioctl(importer, READ_BYTE, &byte);
	printf("  the program wrote: %x\n", byte.value);
	narrow = attach("/dev/narrow", data.fd, 0);
	printf("  map for a device of 24 bits: %s\n", answer(ioctl(narrow, MAP, &direction)));
	say_info("while attached");
	munmap(at, LENGTH);
	if (private != MAP_FAILED)
		munmap(private, P);
	close(data.fd);
	say_info("held by the devices");
	printf("  detach: %s\n", answer(ioctl(narrow, DETACH)));
	close(narrow);
	close(importer);
	say_info("closed");
}

int main(void)
{
	use("/dev/dma_heap/reserved");
	use("/dev/dma_heap/carveout");
	use("/dev/dma_heap/system");
	return 0;
}
