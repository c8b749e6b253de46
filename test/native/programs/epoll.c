/* epoll over emulated and real files at once: what each step saw, a line each. Prints the same on a real kernel. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

static int heap;

static int buffer(void)
{
	struct dma_heap_allocation_data d = { .len = PAGE, .fd_flags = O_RDWR | O_CLOEXEC };

	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &d))
		exit(1);
	return (int)d.fd;
}

static int control(int set, int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	return epoll_ctl(set, op, fd, &event);
}

static int by_data(const void *a, const void *b)
{
	uint64_t one = ((const struct epoll_event *)a)->data.u64, other = ((const struct epoll_event *)b)->data.u64;

	return one < other ? -1 : one > other;
}

/* What a set reports, in order of the data. */
static void show(const char *what, int set, int max, int timeout)
{
	struct epoll_event events[16];
	int n = epoll_wait(set, events, max, timeout);

	printf("%s:", what);
	if (n < 0)
		printf(" %s", strerrorname_np(errno));
	else
		qsort(events, (size_t)n, sizeof *events, by_data);
	for (int i = 0; i < n; i++)
		printf(" %#x:%#llx", events[i].events, (unsigned long long)events[i].data.u64);
	printf("\n");
	fflush(stdout);
}

static int descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static void *wait_for_one(void *set)
{
	show("a waiting thread", *(int *)set, 4, -1);
	return NULL;
}

/* A thread that waits, or is about to: what it sees is the same. */
static pthread_t waiting_thread(int *set)
{
	pthread_t thread;

	pthread_create(&thread, NULL, wait_for_one, set);
	return thread;
}

static void both_kinds(void)
{
	int set = epoll_create1(EPOLL_CLOEXEC), b = buffer(), ends[2];
	struct epoll_event one, other;

	if (pipe(ends))
		exit(1);
	control(set, EPOLL_CTL_ADD, b, EPOLLIN, 0xfedcba9876543210);
	show("a buffer", set, 4, 0);
	control(set, EPOLL_CTL_ADD, ends[0], EPOLLIN, 2);
	show("a silent pipe beside it", set, 4, 0);
	if (write(ends[1], "x", 1) != 1)
		exit(1);
	show("both", set, 4, -1);
	epoll_wait(set, &one, 1, 0);
	epoll_wait(set, &other, 1, 0);
	printf("one after the other: %s\n", one.data.u64 != other.data.u64 ? "both" : "one");
	control(set, EPOLL_CTL_MOD, b, EPOLLIN | EPOLLOUT | EPOLLONESHOT, 3);
	show("changed", set, 4, 0);
	show("one-shot", set, 4, 0);
	epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL);
	show("nothing, until the time is up", set, 4, 1);
	/* Looks like what the library uses itself. */
	control(set, EPOLL_CTL_ADD, ends[0], EPOLLIN, 0x10c70b05ffffffff);
	show("data of the program's own", set, 4, 0);
	control(set, EPOLL_CTL_MOD, b, EPOLLIN, 4);
	show("and a buffer", set, 4, 0);
	close(set);
	close(b);
	close(ends[0]);
	close(ends[1]);
}

static void threads(void)
{
	int set = epoll_create1(0), b = buffer();
	pthread_t thread = waiting_thread(&set);

	control(set, EPOLL_CTL_ADD, b, EPOLLIN | EPOLLONESHOT, 1);
	pthread_join(thread, NULL);
	thread = waiting_thread(&set);
	control(set, EPOLL_CTL_MOD, b, EPOLLOUT | EPOLLONESHOT, 2);
	pthread_join(thread, NULL);
	close(set);
	close(b);
}

static void children(void)
{
	int set = epoll_create1(0), b = buffer();

	control(set, EPOLL_CTL_ADD, b, EPOLLIN | EPOLLONESHOT, 1);
	if (fork() == 0) {
		show("a child", set, 4, 0);
		control(set, EPOLL_CTL_MOD, b, EPOLLIN, 2);
		_exit(0);
	}
	wait(NULL);
	show("after the child's change", set, 4, 0);
	control(set, EPOLL_CTL_MOD, b, EPOLLPRI, 3);
	for (int i = 0; i < 8; i++) {
		pid_t pid = fork();

		if (pid == 0)
			for (;;)
				epoll_wait(set, &(struct epoll_event){ 0 }, 1, -1);
		/* Now a child may be between being woken and asking. */
		control(set, EPOLL_CTL_MOD, b, EPOLLIN, 4);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	show("after children were killed", set, 4, -1);
	if (fork() == 0) {
		control(set, EPOLL_CTL_DEL, b, 0, 0);
		_exit(0);
	}
	wait(NULL);
	show("after a child's deletion", set, 4, 0);
	close(set);
	close(b);
}

static void copies(void)
{
	int before = descriptors(), set = epoll_create1(0), b = buffer(), copy;

	control(set, EPOLL_CTL_ADD, b, EPOLLIN, 1);
	copy = dup(set);
	close(set);
	show("a copy", copy, 4, 0);
	set = dup2(copy, copy + 10);
	close(copy);
	show("a copy of it", set, 4, 0);
	printf("poll of the set: %d\n", poll(&(struct pollfd){ .fd = set, .events = POLLIN }, 1, 0));
	printf("deleted through it: %d\n", control(set, EPOLL_CTL_DEL, b, 0, 0));
	printf("poll of the set: %d\n", poll(&(struct pollfd){ .fd = set, .events = POLLIN }, 1, 0));
	close(set);
	close(b);
	for (int i = 0; i < 50; i++) {
		set = epoll_create1(0);
		b = buffer();
		control(set, EPOLL_CTL_ADD, b, EPOLLIN, 1);
		if (i % 2)
			close(b);
		if (i % 3)
			close(set);
		else
			dup2(heap, set), close(set);
		if (i % 2 == 0)
			close(b);
	}
	printf("descriptors left: %d\n", descriptors() - before);
}

static void pointers(void)
{
	char *at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct epoll_event *last = (struct epoll_event *)(at + PAGE) - 1;
	int set = epoll_create1(0), b[] = { buffer(), buffer() }, n, e;

	munmap(at + PAGE, PAGE);
	printf("no memory: %d", epoll_ctl(set, EPOLL_CTL_ADD, b[0], last + 1));
	printf(" %s\n", strerrorname_np(errno));
	for (int i = 0; i < 2; i++)
		control(set, EPOLL_CTL_ADD, b[i], EPOLLIN, (uint64_t)i);
	n = epoll_wait(set, last + 1, 2, 0);
	e = errno;
	printf("nowhere to write: %d %s\n", n, strerrorname_np(e));
	printf("room for one: %d\n", epoll_wait(set, last, 2, 0));
	show("both are still there", set, 4, 0);
	for (int i = 0; i < 2; i++)
		close(b[i]);
	show("closed", set, 4, 0);
	close(set);
}

static atomic_bool is_over;

static void on_signal(int signal)
{
	(void)signal;
}

static void *interrupt(void *thread)
{
	while (!is_over)
		pthread_kill(*(pthread_t *)thread, SIGUSR1);
	return NULL;
}

static void signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	int set = epoll_create1(0), b = buffer();
	pthread_t self = pthread_self(), other;
	struct epoll_event event;
	int n;

	sigaction(SIGUSR1, &action, NULL);
	control(set, EPOLL_CTL_ADD, b, EPOLLPRI, 1);
	pthread_create(&other, NULL, interrupt, &self);
	n = epoll_wait(set, &event, 1, -1);
	n = n < 0 ? errno : 0;
	is_over = true;
	pthread_join(other, NULL);
	printf("interrupted: %s\n", strerrorname_np(n));
	n = epoll_pwait2(set, &event, 1, &(struct timespec){ 0, 1000 }, NULL);
	printf("in nanoseconds: %d\n", n);
	control(set, EPOLL_CTL_MOD, b, EPOLLIN, 1);
	n = epoll_pwait2(set, &event, 1, NULL, NULL);
	printf("without an end: %d\n", n);
	n = epoll_pwait(set, &event, 1, -1, NULL);
	printf("with a mask: %d\n", n);
	close(set);
	close(b);
}

int main(void)
{
	heap = open("/dev/dma_heap/system", O_RDWR);
	close(buffer());
	both_kinds();
	threads();
	fflush(stdout);
	children();
	copies();
	pointers();
	signals();
	return heap < 0;
}
