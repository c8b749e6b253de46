/* io_getevents of a device whose reads take 1000 s, while time runs ahead. Prints how many seconds each wait took. */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static aio_context_t ctx;
static char bytes[2][4];
static struct iocb requests[2];

static void begin(int i, int fd)
{
	struct iocb *list[1] = { &requests[i] };

	requests[i] = (struct iocb){ .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = (unsigned)fd, .aio_buf = (unsigned long)bytes[i],
				     .aio_nbytes = sizeof bytes[i] };
	if (syscall(SYS_io_submit, ctx, 1, list) != 1)
		printf("submit: %d\n", errno);
}

static void get(const char *what, long least, const struct timespec *timeout)
{
	struct timespec from, to;
	struct io_event events[4];
	long n;

	clock_gettime(CLOCK_MONOTONIC, &from);
	n = syscall(SYS_io_getevents, ctx, least, 4, events, timeout);
	clock_gettime(CLOCK_MONOTONIC, &to);
	/* To the nearest: the program's own work between two waits takes time, too. */
	printf("%s: %ld, %.0f s\n", what, n, (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int slow = argc > 1 ? open(argv[1], O_RDONLY) : -1;

	syscall(SYS_io_setup, 4, &ctx);
	begin(0, slow);
	get("without a limit", 1, NULL);
	begin(0, slow);
	begin(1, slow);
	get("too short", 1, &(struct timespec){ 600, 0 });
	get("a look", 0, NULL);
	get("long enough", 2, &(struct timespec){ 600, 0 });
	printf("%.4s\n", bytes[1]);
	begin(0, slow);
	/* A time that is over is none, as the kernel reckons. */
	get("a limit in the past", 1, &(struct timespec){ -1, 0 });
	return 0;
}
