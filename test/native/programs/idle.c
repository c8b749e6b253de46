/* Two clients that do nothing: one has a node open and sleeps, one waits in a call for what never comes. Ends when stdin does. */
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	struct dma_heap_allocation_data d = { .len = 4096, .fd_flags = O_RDWR };
	int heap = open("/dev/dma_heap/system", O_RDWR);
	pid_t pid = fork();
	char c;

	if (heap < 0)
		return 1;
	if (pid == 0) {
		struct pollfd never;

		if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &d))
			_exit(1);
		/* A dma-buf has no such event. */
		never = (struct pollfd){ .fd = (int)d.fd, .events = POLLPRI };
		dprintf(1, "blocked %d\n", getpid());
		poll(&never, 1, -1);
		_exit(1);
	}
	while (read(0, &c, 1) > 0)
		;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}
