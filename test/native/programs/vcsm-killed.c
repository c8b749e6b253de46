/*
 * Programs that share memory with the VideoCore without end, and are killed
 * wherever they are. Tells what debugfs lists when all of them are gone and the
 * VideoCore has let go.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/broadcom/vc_sm_cma_ioctl.h>
#include <linux/dma-heap.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAMS 6
#define KILLS 80
#define SIZE 8192

static void share(void)
{
	int node = open("/dev/vcsm-cma", O_RDWR), heap = open("/dev/dma_heap/linux,cma", O_RDWR);

	for (;;) {
		struct dma_heap_allocation_data buffer = { .len = SIZE, .fd_flags = O_RDWR | O_CLOEXEC };
		struct vc_sm_cma_ioctl_import_dmabuf import = { 0 };
		struct vc_sm_cma_ioctl_alloc alloc = { .size = SIZE };
		void *memory;

		if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &buffer) < 0)
			_exit(1);
		import.dmabuf_fd = buffer.fd;
		if (ioctl(node, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, &import) < 0)
			_exit(2);
		close(buffer.fd);
		memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, import.handle, 0);
		close(import.handle);
		munmap(memory, SIZE);
		if (ioctl(node, VC_SM_CMA_IOCTL_MEM_ALLOC, &alloc) < 0)
			_exit(3);
		close(alloc.handle);
	}
}

static pid_t start(void)
{
	pid_t pid = fork();

	if (pid == 0)
		share();
	return pid;
}

/* How a program ended that was to be killed. */
static int end(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 0 : WEXITSTATUS(status);
}

static int resources(void)
{
	char text[65536];
	const char *at;
	int fd = open("/sys/kernel/debug/vcsm-cma/state", O_RDONLY), count = -1;
	ssize_t length = read(fd, text, sizeof text - 1);

	close(fd);
	text[length < 0 ? 0 : length] = 0;
	at = strstr(text, "count:");
	if (at)
		sscanf(at, "count: %d", &count);
	return count;
}

int main(void)
{
	pid_t programs[PROGRAMS];
	int early = 0, count;

	srand(1);
	for (int i = 0; i < PROGRAMS; i++)
		programs[i] = start();
	for (int i = 0; i < KILLS; i++) {
		int which = rand() % PROGRAMS;

		poll(NULL, 0, rand() % 10);
		early |= end(programs[which]);
		programs[which] = start();
	}
	for (int i = 0; i < PROGRAMS; i++)
		early |= end(programs[i]);
	/* What the VideoCore was still to be told, it is told meanwhile. */
	for (int tries = 0; (count = resources()) != 0 && tries < 1000; tries++)
		poll(NULL, 0, 1);
	printf("ended by themselves: %d, left: %d\n", early, count);
	return 0;
}
