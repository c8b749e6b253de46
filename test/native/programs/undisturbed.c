/* What a process is made of, after some epoll of its own: descriptors, threads, signal handlers and mask. With an argument, a node is opened before. */
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

int main(int argc, char **argv)
{
	char line[256];
	FILE *f;
	int node = argc > 1 ? open(argv[1], O_RDWR) : -1, first, second;

	wait_for_input();
	list("/proc/self/fd");
	list("/proc/self/task");
	f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof line, f))
		/* SigQ counts what is queued for all processes of the user. */
		if ((!strncmp(line, "Sig", 3) && strncmp(line, "SigQ", 4)) || !strncmp(line, "Shd", 3))
			fputs(line, stdout);
	fclose(f);
	/* The lowest free number is the program's, whatever we hold. */
	first = dup(0);
	second = open("/dev/null", O_RDONLY);
	printf("next descriptors: %d %d\n", first, second);
	close(node);
	return 0;
}
