/*
 * Looks for devices as libudev and libusb do: each bus and its devices by descriptors of folders, each link followed by hand, each
 * attribute read. Prints those whose name it is given; then waits for an event of one as libudev does.
 *
 *	devices NAME          prints what it finds
 *	devices NAME wait     says "listening", then prints the first event about it
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The attributes of a device in order, and where its links lead. */
static void show_device(int fd)
{
	DIR *dir = fdopendir(dup(fd));
	char *names[64];
	size_t count = 0;
	struct dirent *d;

	while (count < 64 && (d = readdir(dir)))
		if (d->d_name[0] != '.')
			names[count++] = strdup(d->d_name);
	closedir(dir);
	qsort(names, count, sizeof *names, by_name);
	for (size_t i = 0; i < count; i++) {
		char text[4096] = "";
		struct stat st;
		int file;

		if (fstatat(fd, names[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			perror(names[i]);
		if (S_ISLNK(st.st_mode)) {
			if (readlinkat(fd, names[i], text, sizeof text - 1) < 0)
				perror(names[i]);
			printf("  %s -> %s\n", names[i], text);
		} else if (S_ISREG(st.st_mode) && (st.st_mode & S_IRUSR)) {
			file = openat(fd, names[i], O_RDONLY | O_CLOEXEC);
			if (file < 0 || read(file, text, sizeof text - 1) < 0)
				perror(names[i]);
			text[strcspn(text, "\n")] = 0;
			printf("  %s: %s\n", names[i], text);
			close(file);
		} else {
			printf("  %s %o\n", names[i], st.st_mode & S_IFMT);
		}
		free(names[i]);
	}
}

/* Each folder `devices` of a bus, or each class. */
static void look_through(const char *top, const char *below, const char *wanted)
{
	DIR *all = opendir(top), *dir;
	struct dirent *d, *e;

	while ((d = readdir(all))) {
		int bus, devices, device;

		if (d->d_name[0] == '.')
			continue;
		bus = openat(dirfd(all), d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		devices = bus < 0 ? -1 : openat(bus, below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		dir = devices < 0 ? NULL : fdopendir(devices);
		while (dir && (e = readdir(dir))) {
			char link[PATH_MAX] = "", path[PATH_MAX], real[PATH_MAX] = "";

			if (strcmp(e->d_name, wanted))
				continue;
			if (e->d_type != DT_LNK || readlinkat(dirfd(dir), e->d_name, link, sizeof link - 1) < 0)
				printf("%s is no link\n", e->d_name);
			snprintf(path, sizeof path, "%s/%s/%s/%s", top, d->d_name, below, e->d_name);
			if (!realpath(path, real))
				perror(path);
			printf("%s/%s: %s is %s, by %s\n", top, d->d_name, e->d_name, real, link);
			device = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			show_device(device);
			close(device);
		}
		if (dir)
			closedir(dir);
		close(bus);
	}
	closedir(all);
}

static int wait_for(const char *wanted)
{
	struct sockaddr_nl here = { .nl_family = AF_NETLINK, .nl_groups = 1 }, from;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT), epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event entries[2] = { { EPOLLIN, { .fd = fd } }, { EPOLLIN, { .fd = 0 } } }, ready;

	if (bind(fd, (struct sockaddr *)&here, sizeof here) || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)))
		return 1;
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &entries[0]);
	/* Standard input is the host's: both wait side by side. */
	epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &entries[1]);
	printf("listening\n");
	fflush(stdout);
	for (;;) {
		char text[8192] = "", control[CMSG_SPACE(sizeof(struct ucred))];
		struct iovec v = { text, sizeof text - 1 };
		struct msghdr m = { &from, sizeof from, &v, 1, control, sizeof control, 0 };
		struct ucred who = { -1, -1, -1 };
		ssize_t n;

		if (epoll_wait(epoll, &ready, 1, -1) != 1)
			return 2;
		if (ready.data.fd == 0) {
			n = read(0, text, sizeof text - 1);
			if (n <= 0)
				return 3;
			printf("typed: %s", text);
			fflush(stdout);
			continue;
		}
		n = recvmsg(fd, &m, 0);
		if (n < 0)
			return 4;
		memcpy(&who, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof who);
		if (!strstr(text, wanted))
			continue;
		printf("%s from %u, group %u, uid %d, with %zu bytes\n", text, from.nl_pid, from.nl_groups, who.uid, strlen(text));
		return 0;
	}
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return wait_for(argv[1]);
	if (argc != 2)
		return 9;
	look_through("/sys/bus", "devices", argv[1]);
	look_through("/sys/class", ".", argv[1]);
	return 0;
}
