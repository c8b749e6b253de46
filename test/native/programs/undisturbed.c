/*
 * What a process is made of: descriptors, threads, signal handlers and mask, limits,
 * memory that it shares with anybody. With an argument, a node is opened before.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static void list(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d))
			n++;
	closedir(d);
	printf("%s: %d\n", path, n);
}

static void wait_for_input(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 7 };
	int set = epoll_create1(0), ends[2];

	if (pipe(ends) || write(ends[1], "x", 1) != 1)
		exit(1);
	epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event);
	printf("epoll: %d\n", epoll_wait(set, &event, 1, -1));
	close(set);
	close(ends[0]);
	close(ends[1]);
}

/* Prints the lines of a file that hold some text: all of them, or only how many. */
static void lines(const char *path, const char *text, int only_count)
{
	char line[512];
	FILE *f = fopen(path, "r");
	int n = 0;

	while (f && fgets(line, sizeof line, f))
		if (strstr(line, text)) {
			n++;
			if (!only_count)
				fputs(line, stdout);
		}
	fclose(f);
	if (only_count)
		printf("%s: %d of %s\n", path, n, text);
}

/* What the descriptors show. */
static void links(void)
{
	for (int fd = 0; fd < 32768; fd++) {
		char path[64], target[256];
		ssize_t n;

		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof target - 1);
		if (n < 0)
			continue;
		target[n] = 0;
		/* Pipes and sockets without their numbers. */
		printf("%d: %.*s\n", fd, (int)strcspn(target, ":["), target);
	}
}

int main(int argc, char **argv)
{
	int node = argc > 1 ? open(argv[1], O_RDWR) : -1, first, second;

	wait_for_input();
	list("/proc/self/fd");
	list("/proc/self/task");
	links();
	/* Not SigQ, which counts what is queued for all processes of the user. */
	lines("/proc/self/status", "SigPnd", 0);
	lines("/proc/self/status", "SigBlk", 0);
	lines("/proc/self/status", "SigIgn", 0);
	lines("/proc/self/status", "SigCgt", 0);
	lines("/proc/self/status", "Shd", 0);
	lines("/proc/self/status", "Seccomp", 0);
	lines("/proc/self/limits", "Max", 0);
	lines("/proc/self/maps", "rw-s", 1);
	lines("/proc/self/maps", "memfd", 1);
	/* The lowest free number is the program's, whatever we hold. */
	first = dup(0);
	second = open("/dev/null", O_RDONLY);
	printf("next descriptors: %d %d\n", first, second);
	close(node);
	return 0;
}
