/*
 * sync-selftest NAME ITERATIONS: one case of the kernel's sync selftest (tools/testing/selftests/sync), on
 * /sys/kernel/debug/sync/sw_sync, or of what the graphics test suite adds.
 *
 * Prints "ok NAME"; what does not hold is said on standard error, with status 1.
 */
#define _GNU_SOURCE
#include "sw-sync.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(holds)                                                                                                                                 \
	do {                                                                                                                                         \
		if (!(holds)) {                                                                                                                      \
			fprintf(stderr, "line %d: %s does not hold (%s)\n", __LINE__, #holds, strerror(errno));                                      \
			exit(1);                                                                                                                     \
		}                                                                                                                                    \
	} while (0)

enum { ACTIVE = 0, SIGNALED = 1, FENCES_MAX = 64 };

static int new_timeline(void)
{
	int fd = open("/sys/kernel/debug/sync/sw_sync", O_RDWR);

	CHECK(fd >= 0);
	return fd;
}

static int new_fence(int timeline, unsigned int value)
{
	struct sw_sync_create_fence_data data = { .value = value, .name = "a fence" };

	return ioctl(timeline, SW_SYNC_IOC_CREATE_FENCE, &data) < 0 ? -1 : data.fence;
}

static int fence_at(int timeline, unsigned int value)
{
	int fd = new_fence(timeline, value);

	CHECK(fd >= 0);
	return fd;
}

static void increment(int timeline, unsigned int by)
{
	CHECK(ioctl(timeline, SW_SYNC_IOC_INC, &by) == 0);
}

static int merge(int a, int b)
{
	struct sync_merge_data data = { .name = "merged", .fd2 = b };

	CHECK(ioctl(a, SYNC_IOC_MERGE, &data) == 0);
	return data.fence;
}

static int wait_for(int fence, int timeout_ms)
{
	struct pollfd entry = { .fd = fence, .events = POLLIN | POLLERR };
	int ready = poll(&entry, 1, timeout_ms);

	CHECK(ready >= 0);
	return ready;
}

/* How many fences are inside; with a status, how many of that status. */
static unsigned int count(int fence, const int *status)
{
	struct sync_fence_info fences[FENCES_MAX];
	struct sync_file_info info = { 0 };
	unsigned int found = 0;

	CHECK(ioctl(fence, SYNC_IOC_FILE_INFO, &info) == 0);
	if (!status)
		return info.num_fences;
	CHECK(info.num_fences <= FENCES_MAX);
	info.sync_fence_info = (unsigned long)fences;
	CHECK(ioctl(fence, SYNC_IOC_FILE_INFO, &info) == 0);
	for (unsigned int i = 0; i < info.num_fences; i++) {
		CHECK(fences[i].status >= 0);
		found += fences[i].status == *status;
	}
	return found;
}

static unsigned int active(int fence)
{
	return count(fence, &(int){ ACTIVE });
}

static unsigned int signaled(int fence)
{
	return count(fence, &(int){ SIGNALED });
}

static void alloc_timeline(int iterations)
{
	(void)iterations;
	CHECK(close(new_timeline()) == 0);
}

static void alloc_fence(int iterations)
{
	int timeline = new_timeline();

	(void)iterations;
	CHECK(close(fence_at(timeline, 1)) == 0);
	close(timeline);
}

static void alloc_fence_negative(int iterations)
{
	(void)iterations;
	CHECK(new_fence(-1, 1) == -1 && errno == EBADF);
}

static void fence_one_timeline_wait(int iterations)
{
	int timeline = new_timeline();
	int fence = fence_at(timeline, 5);

	(void)iterations;
	CHECK(wait_for(fence, 0) == 0);
	increment(timeline, 1);
	CHECK(wait_for(fence, 0) == 0);
	increment(timeline, 4);
	CHECK(wait_for(fence, 0) > 0);
	increment(timeline, 10);
	CHECK(wait_for(fence, 0) > 0);
	close(fence);
	close(timeline);
}

static void fence_one_timeline_merge(int iterations)
{
	int timeline = new_timeline();
	int a = fence_at(timeline, 1);
	int b = fence_at(timeline, 2);
	int c = fence_at(timeline, 3);
	int d = merge(b, a);

	(void)iterations;
	CHECK(active(d) == 1);
	d = merge(c, d);
	CHECK(active(d) == 1);
	increment(timeline, 1);
	CHECK(active(d) == 1);
	increment(timeline, 1);
	CHECK(active(d) == 1);
	increment(timeline, 1);
	CHECK(active(d) == 0 && signaled(d) == 1);
}

static void fence_merge_same_fence(int iterations)
{
	int timeline = new_timeline();
	int fence = fence_at(timeline, 5);
	int merged = merge(fence, fence);

	(void)iterations;
	CHECK(signaled(merged) == 0);
	increment(timeline, 5);
	CHECK(signaled(merged) == 1);
}

static void fence_multi_timeline_wait(int iterations)
{
	int timelines[3], fences[3], merged;

	(void)iterations;
	for (int i = 0; i < 3; i++) {
		timelines[i] = new_timeline();
		fences[i] = fence_at(timelines[i], 5);
	}
	merged = merge(fences[2], merge(fences[1], fences[0]));
	CHECK(active(merged) == 3 && wait_for(merged, 0) == 0);
	for (unsigned int done = 1; done <= 3; done++) {
		increment(timelines[done - 1], 5);
		CHECK(active(merged) == 3 - done && signaled(merged) == done);
		CHECK(wait_for(merged, done < 3 ? 0 : 100) == (done == 3));
	}
}

static struct {
	int iterations;
	int timeline;
	int producers[5];
	int counter, consumed;
	pthread_mutex_t lock;
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void run_threads(int threads, void *(*body)(void *))
{
	pthread_t all[8];

	for (long id = 0; id < threads; id++)
		CHECK(pthread_create(&all[id], NULL, body, (void *)id) == 0);
	for (int id = 0; id < threads; id++)
		CHECK(pthread_join(all[id], NULL) == 0);
}

static void *take_turns(void *argument)
{
	int id = (int)(long)argument;

	for (int i = 0; i < shared.iterations; i++) {
		int fence = fence_at(shared.timeline, i * 2 + id);

		CHECK(wait_for(fence, -1) > 0);
		CHECK(shared.counter == i * 2 + id);
		shared.counter++;
		increment(shared.timeline, 1);
		close(fence);
	}
	return NULL;
}

static void stress_two_threads_shared_timeline(int iterations)
{
	shared.iterations = iterations;
	shared.timeline = new_timeline();
	run_threads(2, take_turns);
	CHECK(shared.counter == 2 * iterations);
}

static void *produce(void *argument)
{
	int id = (int)(long)argument;

	for (int step = 0; step < shared.iterations; step++) {
		int fence = fence_at(shared.timeline, step);

		/* Some wait, some look again and again. */
		if (id % 2 == 0) {
			CHECK(wait_for(fence, -1) > 0);
		} else {
			while (signaled(fence) != 1)
				;
		}
		pthread_mutex_lock(&shared.lock);
		shared.counter++;
		pthread_mutex_unlock(&shared.lock);
		increment(shared.producers[id], 1);
		close(fence);
	}
	return NULL;
}

static void *consume(void *argument)
{
	(void)argument;
	for (int step = 1; step <= shared.iterations; step++) {
		int all = fence_at(shared.producers[0], step);

		for (int i = 1; i < 5; i++) {
			int next = fence_at(shared.producers[i], step);
			int merged = merge(all, next);

			close(all);
			close(next);
			all = merged;
		}
		CHECK(wait_for(all, -1) > 0);
		pthread_mutex_lock(&shared.lock);
		CHECK(shared.counter == 5 * step);
		pthread_mutex_unlock(&shared.lock);
		increment(shared.timeline, 1);
		close(all);
	}
	return NULL;
}

static void *produce_or_consume(void *argument)
{
	return (long)argument == 5 ? consume(argument) : produce(argument);
}

static void consumer_stress_multi_producer_single_consumer(int iterations)
{
	shared.iterations = iterations;
	shared.timeline = new_timeline();
	for (int i = 0; i < 5; i++)
		shared.producers[i] = new_timeline();
	run_threads(6, produce_or_consume);
	CHECK(shared.counter == 5 * iterations);
}

static void merge_stress_random_merge(int iterations)
{
	enum { TIMELINES = 32 };
	int timelines[TIMELINES];
	unsigned int latest[TIMELINES] = { 0 }, used = 0;
	int merged;

	for (int i = 0; i < TIMELINES; i++)
		timelines[i] = new_timeline();
	srand(1);
	merged = fence_at(timelines[0], 0);
	for (int i = 0; i < iterations; i++) {
		int at = rand() % TIMELINES;
		/* Never the counter itself, and less than half the range ahead. */
		unsigned int value = 1 + rand() % (INT_MAX - 1);
		int fence = fence_at(timelines[at], value);
		int next = merge(merged, fence);

		used += latest[at] == 0;
		if (latest[at] < value)
			latest[at] = value;
		close(merged);
		close(fence);
		merged = next;
	}
	CHECK(count(merged, NULL) == used);
	for (int i = 0; i < TIMELINES; i++) {
		if (!latest[i])
			continue;
		CHECK(wait_for(merged, 0) == 0);
		increment(timelines[i], latest[i]);
	}
	CHECK(wait_for(merged, 0) > 0);
}

/* The next two are of the graphics test suite: a timeline is shared by fork, or sent through a socket. */
static void shared_by_fork(int iterations)
{
	int timeline = new_timeline();
	int fence = fence_at(timeline, 1);
	pid_t child = fork();
	int status;

	(void)iterations;
	CHECK(child >= 0);
	if (child == 0) {
		increment(timeline, 1);
		_exit(0);
	}
	CHECK(wait_for(fence, -1) > 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void shared_by_socket(int iterations)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	char byte = 0;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	int ends[2], timeline, fence, status;
	pid_t child;

	(void)iterations;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		CHECK(recvmsg(ends[1], &message, 0) == 1);
		memcpy(&timeline, CMSG_DATA(&control.header), sizeof(int));
		increment(timeline, 1);
		_exit(0);
	}
	timeline = new_timeline();
	fence = fence_at(timeline, 1);
	memcpy(CMSG_DATA(&control.header), &timeline, sizeof(int));
	CHECK(sendmsg(ends[0], &message, 0) == 1);
	CHECK(wait_for(fence, -1) > 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

#define CASE(name) { #name, name }
static const struct {
	const char *name;
	void (*run)(int iterations);
} cases[] = {
	CASE(alloc_timeline),
	CASE(alloc_fence),
	CASE(alloc_fence_negative),
	CASE(fence_one_timeline_wait),
	CASE(fence_one_timeline_merge),
	CASE(fence_merge_same_fence),
	CASE(fence_multi_timeline_wait),
	CASE(stress_two_threads_shared_timeline),
	CASE(consumer_stress_multi_producer_single_consumer),
	CASE(merge_stress_random_merge),
	CASE(shared_by_fork),
	CASE(shared_by_socket),
};

int main(int argc, char **argv)
{
	for (unsigned int i = 0; argc == 3 && i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(cases[i].name, argv[1]))
			continue;
		cases[i].run(atoi(argv[2]));
		printf("ok %s\n", argv[1]);
		return 0;
	}
	fprintf(stderr, "usage: sync-selftest NAME ITERATIONS\n");
	return 2;
}
