/*
 * The calls of `smem -a 5000` with the client library, in its order (section
 * 15.3 of docs/reference/vc-sm-cma.md), and what they answer. Descriptors are
 * told as their distance from the node's. With an argument it goes on until it is killed, and the
 * last line tells that it waits.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/broadcom/vc_sm_cma_ioctl.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE 8192

static int node;

static const char *answer(int result)
{
	return result < 0 ? strerrorname_np(errno) : "works";
}

static int allocate(const char *name, char **memory)
{
	struct vc_sm_cma_ioctl_alloc arg = { .size = SIZE, .num = 1 };
	int result;

	memcpy(arg.name, name, strlen(name));
	result = ioctl(node, VC_SM_CMA_IOCTL_MEM_ALLOC, &arg);
	printf("alloc '%s': %s, descriptor +%d, vc_handle %x, dma_addr %llx\n", name, answer(result), arg.handle - node,
	       arg.vc_handle, (unsigned long long)arg.dma_addr);
	*memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, arg.handle, 0);
	printf("mmap: %s\n", answer(*memory == MAP_FAILED ? -1 : 0));
	return arg.handle;
}

static void sync_buffer(int fd, unsigned long long flags)
{
	struct dma_buf_sync arg = { .flags = flags };
	int result = ioctl(fd, DMA_BUF_IOCTL_SYNC, &arg);

	printf("sync +%d %llu: %s\n", fd - node, flags, answer(result));
}

int main(int argc, char **argv)
{
	char *first_memory, *second_memory;
	int first, second;

	(void)argv;
	printf("open /dev/vcsm: %s\n", answer(open("/dev/vcsm", O_RDWR)));
	node = open("/dev/vcsm-cma", O_RDWR);
	printf("open /dev/vcsm-cma: %s\n", answer(node));
	first = allocate("smem-test-alloc", &first_memory);
	second = allocate("", &second_memory);
	sync_buffer(second, 3);
	sync_buffer(second, 7);
	sync_buffer(first, 3);
	memset(first_memory, 0, 5000);
	strcpy(first_memory, "some text");
	sync_buffer(first, 7);
	sync_buffer(first, 4);
	printf("text: %s\n", first_memory);
	munmap(second_memory, SIZE);
	printf("close +%d: %s\n", second - node, answer(close(second)));
	printf("close node: %s\n", answer(close(node)));
	fflush(stdout);
	while (argc > 1)
		pause();
	/* As smem: whatever happened, and with the first block open. */
	return 1;
}
