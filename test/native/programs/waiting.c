/*
 * Waits for a device and real descriptors at once. With the name of a device that
 * keeps what is written until it is read, or without one: then a pipe stands in,
 * and the real kernel says what is right.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "await-sleep.h"

static int in, out, other[2], event;
static struct pollfd entries[600];
static int count;

static void show(const char *what, long result)
{
	printf("%s: %ld %s", what, result, result < 0 ? strerror(errno) : "");
	for (int i = 0; i < count && result >= 0; i++)
		if (entries[i].revents)
			printf(" %d:%x", i, entries[i].revents);
	printf("\n");
	fflush(stdout);
}

static void set(int n, int fd, short events)
{
	entries[n] = (struct pollfd){ fd, events, 0x5555 };
	if (n >= count)
		count = n + 1;
}

static void put(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		abort();
}

static void drain(int fd)
{
	char text[64];

	if (read(fd, text, sizeof text) < 0)
		abort();
}

/* ---- another thread that writes once the first one sleeps --------------------------- */

static void *write_later(void *fd)
{
	await_sleep();
	put((int)(intptr_t)fd, "later");
	return NULL;
}

static long poll_while(int fd)
{
	pthread_t thread;
	long result;

	pthread_create(&thread, NULL, write_later, (void *)(intptr_t)fd);
	result = poll(entries, (nfds_t)count, -1);
	pthread_join(thread, NULL);
	return result;
}

static void *write_to_both(void *unused)
{
	(void)unused;
	for (int i = 0; i < 500; i++)
		put(i % 2 ? out : other[1], "x");
	return NULL;
}

/* ---- what is tried ---------------------------------------------------------------------- */

static void try_poll(void)
{
	struct timespec t = { 0, 1000000 }, bad = { 0, 1000000000 };

	set(0, in, POLLIN);
	set(1, other[0], POLLIN);
	show("nothing", poll(entries, 2, 0));
	show("nothing for a while", poll(entries, 2, 20));
	show("the same by ppoll", ppoll(entries, 2, &t, NULL));
	show("a bad time", ppoll(entries, 2, &bad, NULL));
	put(out, "a");
	show("the device", poll(entries, 2, -1));
	put(other[1], "b");
	show("both", poll(entries, 2, -1));
	drain(in);
	show("the pipe", poll(entries, 2, 1000));
	drain(other[0]);
	show("the device, later", poll_while(out));
	drain(in);
	show("the pipe, later", poll_while(other[1]));
	drain(other[0]);
	set(2, -1, POLLIN);
	set(3, 99, POLLIN);
	set(4, in, 0);
	set(5, out, POLLOUT);
	show("negative, closed, twice", poll(entries, 6, -1));
	set(3, -5, POLLIN);
	set(5, out, 0);
	show("nothing again", poll(entries, 6, 0));
	show("no memory", poll((struct pollfd *)8, 2, 0));
	count = 0;
}

static void try_memory(void)
{
	struct pollfd *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct pollfd *last = (struct pollfd *)((char *)page + 4096) - 1;

	munmap((char *)page + 4096, 4096);
	last[0] = (struct pollfd){ in, POLLIN, 0 };
	show("beyond the end", poll(last, 2, 0));
	show("up to the end", poll(last, 1, 0));
	mprotect(page, 4096, PROT_READ);
	show("read-only", poll(last, 1, 0));
	munmap(page, 4096);
}

static void try_many(void)
{
	for (int i = 0; i < 600; i++)
		set(i, i % 3 == 0 ? other[0] : i % 3 == 1 ? in : -1, POLLIN);
	show("many", poll(entries, 600, 0));
	put(out, "c");
	long n = poll(entries, 600, -1);
	printf("many ready: %ld\n", n);
	drain(in);
	printf("many, later: %ld\n", poll_while(out));
	drain(in);
	count = 0;
}

static void try_select(void)
{
	fd_set r, w, x;
	struct timeval t = { 0, 20000 };
	struct timespec ts = { 0, 1000000 };
	int top = 600;
	long n;

#define FILL                                                                                                            \
	do {                                                                                                            \
		FD_ZERO(&r); FD_ZERO(&w); FD_ZERO(&x);                                                                  \
		FD_SET(in, &r), FD_SET(other[0], &r), FD_SET(out, &w), FD_SET(in, &x);                                  \
	} while (0)
#define SHOW(what, call)                                                                                                \
	do {                                                                                                            \
		n = call;                                                                                               \
		printf("%s: %ld %s %d%d %d %d\n", what, n, n < 0 ? strerror(errno) : "", !!FD_ISSET(in, &r),             \
		       !!FD_ISSET(other[0], &r), !!FD_ISSET(out, &w), !!FD_ISSET(in, &x));                               \
	} while (0)

	FILL;
	SHOW("select", select(top, &r, &w, &x, NULL));
	FILL;
	FD_CLR(out, &w);
	SHOW("select for a while", select(top, &r, &w, &x, &t));
	printf("left: %ld %ld\n", (long)t.tv_sec, (long)t.tv_usec);
	FILL;
	SHOW("pselect", pselect(top, &r, NULL, &x, &ts, NULL));
	put(out, "d");
	t = (struct timeval){ 100, 0 };
	FILL;
	SHOW("select with bytes", select(top, &r, &w, NULL, &t));
	printf("left: %d\n", t.tv_sec >= 99 && t.tv_sec < 100 + (t.tv_usec == 0));
	drain(in);
	FILL;
	FD_SET(55, &r);
	SHOW("closed", select(top, &r, &w, &x, NULL));
	FILL;
	t = (struct timeval){ -1, 0 };
	SHOW("no time", select(top, &r, &w, &x, &t));
	FILL;
	FD_CLR(out, &w);
	pthread_t thread;
	pthread_create(&thread, NULL, write_later, (void *)(intptr_t)out);
	SHOW("select, later", select(top, &r, &w, &x, NULL));
	pthread_join(thread, NULL);
	drain(in);
}

static void try_race(void)
{
	pthread_t thread;
	long got = 0;
	char byte;

	pthread_create(&thread, NULL, write_to_both, NULL);
	set(0, in, POLLIN);
	set(1, other[0], POLLIN);
	while (got < 500) {
		if (poll(entries, 2, -1) <= 0)
			abort();
		for (int i = 0; i < 2; i++)
			if (entries[i].revents & POLLIN)
				got += read(entries[i].fd, &byte, 1);
	}
	pthread_join(thread, NULL);
	show("after a race", poll(entries, 2, 0));
	printf("got %ld\n", got);
}

/* A child waits with what it inherited, in a process that has not called yet. */
static void try_fork(void)
{
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		first = (pid_t)syscall(SYS_gettid);
		set(0, in, POLLIN);
		set(1, event, POLLIN);
		show("in a child", poll_while(out));
		drain(in);
		exit(0);
	}
	waitpid(child, &status, 0);
	printf("child %d\n", status);
}

int main(int argc, char **argv)
{
	first = (pid_t)syscall(SYS_gettid);
	if (pipe(other) < 0)
		abort();
	event = eventfd(0, 0);
	if (argc > 1) {
		in = open(argv[1], O_RDONLY);
		out = open(argv[1], O_WRONLY);
	} else {
		int ends[2];

		if (pipe(ends) < 0)
			abort();
		in = ends[0], out = ends[1];
	}
	try_poll();
	try_memory();
	try_many();
	try_select();
	try_race();
	try_fork();
	return 0;
}
