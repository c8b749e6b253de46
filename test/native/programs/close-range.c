/*
 * Who ends which descriptors. Prints a line per question; the answers are the same
 * for every file that keeps bytes, so they show nothing of what the library holds.
 */
#define _GNU_SOURCE
#include "../../../native-shims/preload/raw.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *path;
static int limit;

static const char *error(int result)
{
	return result < 0 ? strerrorname_np(errno) : "0";
}

/* Whether the file can be used: opened as the lowest number, written and read. */
static void use(const char *question)
{
	char byte = 0;
	int fd = open(path, O_RDWR);

	printf("%s: opened as %d, written %zd, read %zd\n", question, fd, pwrite(fd, "x", 1, 0), pread(fd, &byte, 1, 0));
	close(fd);
}

static int count_open(void)
{
	int n = 0;

	for (int fd = 3; fd < limit; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void in_ranges(void)
{
	int fd = open(path, O_RDWR), closed = 0;
	struct stat st;
	char byte;

	for (int n = fd + 1; n < limit; n++)
		closed += fstat(n, &st) == 0 || read(n, &byte, 1) >= 0 || write(n, "", 0) == 0 || dup(n) >= 0 || lseek(n, 0, SEEK_CUR) >= 0;
	printf("of the others, answer: %d\n", closed);
	for (int n = 3; n < limit; n++)
		closed += close(n) == 0;
	printf("close, one by one: %d\n", closed);
	use("then");

	fd = open(path, O_RDWR);
	dup2(fd, 200);
	printf("close_range: %s, left %d\n", error(close_range(3, ~0u, 0)), count_open());
	use("then");

	fd = open(path, O_RDWR);
	printf("close_range for exec: %s", error(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC)));
	printf(", flag %d\n", fcntl(fd, F_GETFD));
	close(fd);
	use("then");

	fd = open(path, O_RDWR);
	printf("close_range unshared: %s, left %d\n", error(close_range(3, ~0u, CLOSE_RANGE_UNSHARE)), count_open());
	use("then");

	printf("close_range of nothing: %s\n", error(close_range((unsigned int)limit, ~0u, 0)));
	printf("close_range, bad flags: %s\n", error(close_range(3, ~0u, 8)));
	printf("close_range, bad order: %s\n", error(close_range(5, 3, 0)));
	printf("close_range beyond int: %s\n", error(close_range(0x80000000u, ~0u, 0)));

	open(path, O_RDWR);
	closefrom(3);
	printf("closefrom, left %d\n", count_open());
	use("then");
}

static void onto(void)
{
	int p[2], done = 0, copies = 0;

	if (pipe(p))
		exit(2);
	for (int n = limit - 40; n < limit; n++)
		done += dup2(p[1], n) == n;
	printf("dup2 onto the last 40: %d, open %d\n", done, count_open());
	use("then");
	for (int n = limit - 40; n < limit; n++)
		close(n);
	for (int n = limit - 40; n < limit; n++)
		done += dup3(p[1], n, O_CLOEXEC) == n;
	printf("dup3 onto them: %d, open %d\n", done, count_open());
	use("then");
	for (int n = limit - 40; n < limit; n++)
		close(n);
	for (int n = limit - 40; n < limit; n++)
		copies += fcntl(p[1], F_DUPFD, n) == n;
	printf("F_DUPFD there: %d, open %d\n", copies, count_open());
	use("then");
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	printf("written to the pipe: %zd\n", read(p[0], &(char){ 0 }, 1));
	closefrom(3);
}

/* By the kernel itself, so that no library knows. */
static void past_the_library(void)
{
	int p[2], fd = open(path, O_RDWR), status;

	raw(SYS_close_range, 3, ~0u, 0);
	use("all closed past the library");
	fd = open(path, O_RDWR);
	raw(SYS_close_range, fd + 1, ~0u, 0);
	printf("an open file then: written %zd\n", pwrite(fd, "y", 1, 0));
	if (pipe(p))
		exit(2);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	for (int n = limit - 40; n < limit; n++)
		raw(SYS_dup3, p[1], n, 0);
	printf("everything replaced: %s", error((int)pwrite(fd, "y", 1, 0)));
	printf(", to the pipe %zd, open %d\n", read(p[0], &(char){ 0 }, 1), count_open());
	fflush(stdout);
	if (fork() == 0) {
		raw(SYS_close_range, fd + 1, ~0u, 0);
		for (int n = limit - 40; n < limit; n++)
			raw(SYS_dup3, fd, n, 0);
		printf("in a child: written %zd, open %d\n", pwrite(fd, "y", 1, 0), count_open());
		use("then");
		exit(0);
	}
	wait(&status);
	printf("then: written %zd\n", pwrite(fd, "z", 1, 0));
	raw(SYS_close_range, 3, ~0u, 0);
}

static void without_room(void)
{
	struct rlimit r;
	int fd = open(path, O_RDWR), n;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = 4;
	setrlimit(RLIMIT_NOFILE, &r);
	printf("a limit below: written %zd", pwrite(fd, "y", 1, 0));
	printf(", another: %s\n", error(open(path, O_RDWR)));
	close(fd);
	use("then");
	r.rlim_cur = 64;
	setrlimit(RLIMIT_NOFILE, &r);
	while ((n = open(path, O_RDWR)) >= 0)
		;
	printf("until the table is full: %s\n", error(n));
	closefrom(3);
	use("then");
}

int main(int argc, char **argv)
{
	struct rlimit r;

	if (argc < 2)
		return 2;
	path = argv[1];
	/* What the parent left open is not what this is about. */
	closefrom(3);
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = 300;
	setrlimit(RLIMIT_NOFILE, &r);
	limit = 300;
	in_ranges();
	onto();
	past_the_library();
	without_room();
	return 0;
}
