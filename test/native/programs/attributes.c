/*
 * Waits for an attribute of sysfs to change, by poll and by epoll, beside standard input; and reads what is mounted as getmntent does.
 *
 *	attributes PATH     says what it reads, then waits; says what woke it, and what it reads then
 */
#include <fcntl.h>
#include <mntent.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static void show(const char *label, int fd)
{
	char text[64] = "";

	if (pread(fd, text, sizeof text - 1, 0) < 0)
		perror(label);
	printf("%s: %s", label, text);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int fd = open(argv[argc - 1], O_RDONLY), epoll = epoll_create1(0);
	struct pollfd p[2] = { { fd, POLLPRI | POLLERR, 0 }, { 0, POLLIN, 0 } };
	struct epoll_event event = { EPOLLPRI | EPOLLERR, { .fd = fd } };
	FILE *mounts = setmntent("/proc/mounts", "r");
	struct mntent *m;

	while ((m = getmntent(mounts)))
		if (!strcmp(m->mnt_dir, "/sys/kernel/config"))
			printf("%s has %s\n", m->mnt_dir, m->mnt_type);
	endmntent(mounts);
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	show("first", fd);
	poll(p, 2, -1);
	printf("woken: 0x%x 0x%x, %d\n", p[0].revents, p[1].revents, epoll_wait(epoll, &event, 1, 0));
	show("then", fd);
	printf("again: %d\n", poll(p, 1, 0));
	return 0;
}
