/*
 * Much at once. Each line says what was got, and why no more.
 *
 * many files COUNT: opens so many nodes, then so many buffers; keeps them until
 * standard input ends, and closes the buffers one by one, after opening each again
 * through /proc when a second number is given.
 * many threads COUNT: so many threads that each called once and then wait, so many
 * that wait in a call, and then one more that calls and ends their wait.
 * many ends COUNT: threads that call and end in each way there is.
 * many blocked COUNT: so many threads that wait in calls, of which there is not room
 * for all.
 */
#define _GNU_SOURCE
#include "../../../native-shims/protocol.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include "../../../native-shims/preload/raw.h"
#include <unistd.h>

#define NODE "/dev/dma_heap/system"

static int heap, buf;

static int buffer(void)
{
	struct dma_heap_allocation_data d = { .len = 4096, .fd_flags = O_RDWR | O_CLOEXEC };

	return ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &d) ? -1 : (int)d.fd;
}

static int node(void)
{
	return open(NODE, O_RDWR | O_CLOEXEC);
}

static int get(const char *what, int *fds, int count, int (*make)(void))
{
	int got = 0;

	while (got < count && (fds[got] = make()) >= 0)
		got++;
	printf("%s: %d, %s\n", what, got, got == count ? "enough" : strerrorname_np(errno));
	fflush(stdout);
	return got;
}

static void wait_for_input(void)
{
	char c;

	if (raw(SYS_read, 0, &c, 1) < 0)
		exit(3);
}

static int files(int count, int again)
{
	int *nodes = calloc((size_t)count, sizeof *nodes), *buffers = calloc((size_t)count, sizeof *buffers);
	struct rlimit limit;
	int n, b;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	n = get("nodes", nodes, count, node);
	for (int i = 0; i < n && again; i++)
		close(nodes[i]);
	b = get("buffers", buffers, count, buffer);
	wait_for_input();
	for (int i = 0; i < b; i++) {
		char path[64];

		if (again) {
			/* Past the library, as its closing is: two events of each inode, which do not merge. */
			snprintf(path, sizeof path, "/proc/self/fd/%d", buffers[i]);
			raw(SYS_close, raw(SYS_openat, AT_FDCWD, path, O_RDONLY, 0));
		}
		raw(SYS_close, buffers[i]);
	}
	printf("closed\n");
	fflush(stdout);
	wait_for_input();
	/* The next call finds all of it gone. */
	close(node());
	return 0;
}

static pthread_barrier_t called;
static int go[2];

static int call_once(void)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };

	return ioctl(buf, DMA_BUF_IOCTL_SYNC, &sync);
}

static void *idle(void *failed)
{
	char c;

	if (call_once())
		__atomic_add_fetch((int *)failed, 1, __ATOMIC_RELAXED);
	pthread_barrier_wait(&called);
	return read(go[0], &c, 1) == 0 ? NULL : failed;
}

static void *wait_long(void *failed)
{
	struct pollfd never = { .fd = buf, .events = POLLPRI };

	pthread_barrier_wait(&called);
	if (poll(&never, 1, 3600 * 1000) != 0)
		__atomic_add_fetch((int *)failed, 1, __ATOMIC_RELAXED);
	return NULL;
}

static int threads(int count)
{
	pthread_attr_t small;
	pthread_t *all = calloc((size_t)count, sizeof *all), t;
	int failed = 0;

	if (pipe(go))
		return 1;
	buf = buffer();
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	pthread_barrier_init(&called, NULL, (unsigned)count + 1);
	for (int i = 0; i < count; i++)
		if (pthread_create(&all[i], &small, idle, &failed))
			return 1;
	pthread_barrier_wait(&called);
	printf("calls of %d threads that live on: %d failed\n", count, failed);
	pthread_barrier_destroy(&called);
	pthread_barrier_init(&called, NULL, 201);
	for (int i = 0; i < 200; i++)
		if (pthread_create(&t, &small, wait_long, &failed))
			return 1;
	pthread_barrier_wait(&called);
	for (int i = 0; i < 100; i++)
		failed += call_once() != 0;
	printf("calls beside 200 that wait: %d failed\n", failed);
	close(go[1]);
	for (int i = 0; i < count; i++)
		pthread_join(all[i], NULL);
	/* The others end with the process, in the middle of their calls. */
	return 0;
}

static sem_t refused;

static void *wait_or_be_refused(void *unused)
{
	struct pollfd never = { .fd = buf, .events = POLLPRI };

	if (poll(&never, 1, -1) == -1 && errno == ENOMEM)
		sem_post(&refused);
	return unused;
}

/* This thread has a slot of its own; the others need all that are left. */
static int blocked(int count)
{
	pthread_attr_t small;
	pthread_t t;

	buf = buffer();
	sem_init(&refused, 0, 0);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	for (int i = 0; i < count; i++)
		if (pthread_create(&t, &small, wait_or_be_refused, NULL))
			return 1;
	for (int i = 0; i < count - (IO_SLOTS - 1); i++)
		sem_wait(&refused);
	printf("beyond %d calls: %d refused by ENOMEM; another: %d\n", IO_SLOTS, count - (IO_SLOTS - 1), call_once());
	return 0;
}

static void *end_in_some_way(void *way)
{
	call_once();
	if ((size_t)way % 3 == 0)
		pthread_exit(NULL);
	if ((size_t)way % 3 == 1)
		for (;;)
			pause();
	return NULL;
}

static int ends(int count)
{
	int failed = 0;

	buf = buffer();
	for (int i = 0; i < count; i++) {
		pthread_t t;

		if (pthread_create(&t, NULL, end_in_some_way, (void *)(size_t)i))
			return 1;
		if (i % 3 == 1)
			pthread_cancel(t);
		pthread_join(t, NULL);
		failed += call_once() != 0;
	}
	printf("calls after threads that ended: %d failed\n", failed);
	return 0;
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[2]) : 1;

	heap = node();
	if (argc > 1 && !strcmp(argv[1], "files"))
		return files(count, argc > 3);
	if (argc > 1 && !strcmp(argv[1], "blocked"))
		return blocked(count);
	return argc > 1 && !strcmp(argv[1], "threads") ? threads(count) : ends(count);
}
