/*
 * The server is killed while one thread waits in a call for what never comes and
 * others call without a pause. Prints how each call since has ended: never by
 * hanging.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NODE "/dev/dma_heap/system"
#define HOT 3
/* What is promised is 100 ms of the time that the machine has for us. */
#define TIME_MAX_MS 2000

static int heap, buf;
static int counts[HOT];
static struct timespec killed;

static long since_killed_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - killed.tv_sec) * 1000 + (now.tv_nsec - killed.tv_nsec) / 1000000;
}

static const char *outcome(long result)
{
	return result >= 0 ? "success" : errno == ENODEV ? "ENODEV" : strerror(errno);
}

static int sync_call(void)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };

	return ioctl(buf, DMA_BUF_IOCTL_SYNC, &sync);
}

static void *blocked(void *result)
{
	/* A dma-buf has no such event. */
	struct pollfd never = { .fd = buf, .events = POLLPRI };

	*(const char **)result = outcome(poll(&never, 1, -1));
	return (void *)since_killed_ms();
}

static void *hot(void *count)
{
	while (sync_call() == 0)
		__atomic_add_fetch((int *)count, 1, __ATOMIC_RELAXED);
	return (void *)outcome(-1);
}

int main(void)
{
	struct dma_heap_allocation_data d = { .len = 4096, .fd_flags = O_RDWR };
	pthread_t waiter, callers[HOT];
	const char *how = NULL;
	void *answer;
	char *at;
	int status;
	pid_t pid;

	heap = open(NODE, O_RDWR);
	if (heap < 0 || ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &d))
		return 1;
	buf = (int)d.fd;
	at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0);
	pthread_create(&waiter, NULL, blocked, &how);
	for (int i = 0; i < HOT; i++)
		pthread_create(&callers[i], NULL, hot, &counts[i]);
	for (int i = 0; i < HOT; i++)
		while (__atomic_load_n(&counts[i], __ATOMIC_RELAXED) < 100)
			sched_yield();
	clock_gettime(CLOCK_MONOTONIC, &killed);
	kill(getppid(), SIGKILL);
	for (int i = 0; i < HOT; i++) {
		pthread_join(callers[i], &answer);
		printf("a caller: %s\n", (const char *)answer);
	}
	pthread_join(waiter, &answer);
	printf("one that waited: %s, %s\n", how, (long)answer < TIME_MAX_MS ? "soon" : "late");
	printf("a request: %s\n", outcome(sync_call()));
	printf("open: %s\n", outcome(open(NODE, O_RDWR)));
	printf("poll: %s\n", outcome(poll(&(struct pollfd){ .fd = buf, .events = POLLIN }, 1, -1)));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		printf("a request of a child: %s\n", outcome(sync_call()));
		printf("open in a child: %s\n", outcome(open(NODE, O_RDWR)));
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	at[4095] = 1;
	printf("memory: %d\n", at[4095]);
	printf("dup: %s\n", outcome(dup(buf)));
	printf("close: %s\n", outcome(close(buf)));
	printf("what is not emulated: %s\n", outcome(open("/dev/null", O_RDWR)));
	return 0;
}
