/* Reads that end after the calls which began them: of a device that gives each one a letter, a millisecond later. */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEPTH 8
#define ROUNDS 5

static aio_context_t ctx;
static char buffers[DEPTH][16];
static struct iocb requests[DEPTH];

static void begin(int fd, int i, int bell)
{
	struct iocb *list[1] = { &requests[i] };

	memset(buffers[i], '.', sizeof buffers[i]);
	requests[i] = (struct iocb){ .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = (uint32_t)fd, .aio_buf = (uintptr_t)buffers[i],
				     .aio_nbytes = 5, .aio_data = (uint64_t)i };
	if (bell >= 0) {
		requests[i].aio_flags = IOCB_FLAG_RESFD;
		requests[i].aio_resfd = (uint32_t)bell;
	}
	if (syscall(SYS_io_submit, ctx, 1, list) != 1)
		printf("submit: %d\n", errno);
}

static void *wait_for_one(void *unused)
{
	struct io_event event;
	long n = syscall(SYS_io_getevents, ctx, 1, 1, &event, NULL);

	(void)unused;
	printf("waiter: %ld %lld %.6s\n", n, (long long)event.res, buffers[event.data]);
	return NULL;
}

int main(int argc, char **argv)
{
	int bell = eventfd(0, EFD_NONBLOCK), fd = argc > 1 ? open(argv[1], O_RDONLY) : -1, done = 0;
	struct io_event events[DEPTH];
	struct timespec none = { 0, 0 };
	pthread_t thread;

	printf("setup: %ld\n", syscall(SYS_io_setup, DEPTH, &ctx));
	for (int i = 0; i < DEPTH; i++)
		begin(fd, i, bell);
	while (done < DEPTH * ROUNDS) {
		struct pollfd ready = { bell, POLLIN, 0 };
		uint64_t count;
		long n;

		if (poll(&ready, 1, 5000) != 1 || read(bell, &count, sizeof count) != sizeof count) {
			printf("nothing came\n");
			return 1;
		}
		n = syscall(SYS_io_getevents, ctx, 0, DEPTH, events, &none);
		for (long i = 0; i < n; i++) {
			int at = (int)events[i].data;

			if (events[i].res != 5 || memcmp(buffers[at], buffers[at] + 1, 4) != 0 || buffers[at][5] != '.')
				printf("wrong: %lld %.6s\n", (long long)events[i].res, buffers[at]);
			if (++done <= DEPTH * (ROUNDS - 1))
				begin(fd, at, bell);
		}
	}
	printf("rounds: %d\n", done);

	pthread_create(&thread, NULL, wait_for_one, NULL);
	usleep(20000);
	begin(fd, 0, -1);
	pthread_join(thread, NULL);

	begin(fd, 1, -1);
	close(fd);
	pthread_create(&thread, NULL, wait_for_one, NULL);
	pthread_join(thread, NULL);
	printf("destroy: %ld\n", syscall(SYS_io_destroy, ctx));
	ctx = 0;
	printf("setup: %ld\n", syscall(SYS_io_setup, DEPTH, &ctx));
	/* Ends with requests under way. */
	fd = open(argv[1], O_RDONLY);
	for (int i = 0; i < DEPTH; i++)
		begin(fd, i, bell);
	return 0;
}
