/*
 * What the kernel tells about devices (NETLINK_KOBJECT_UEVENT), and what becomes of
 * files of sysfs whose device goes: a write to `uevent`, unbind and bind of a
 * platform driver with a device of a class below it. Numbers of events are left out.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int sock;

static void show_events(const char *label)
{
	char text[4096];
	ssize_t n;

	while ((n = recv(sock, text, sizeof text, MSG_DONTWAIT)) > 0) {
		printf("%s|", label);
		for (char *at = text; at < text + n; at += strlen(at) + 1)
			if (strncmp(at, "SEQNUM=", 7))
				printf(" %s", at);
			else
				printf(" SEQNUM");
		putchar('\n');
	}
}

static void put(const char *label, const char *path, const char *what)
{
	int fd = open(path, O_WRONLY);
	ssize_t n = write(fd, what, strlen(what));

	printf("%s.write: %zd %s\n", label, n, n < 0 ? strerrorname_np(errno) : "0");
	close(fd);
	show_events(label);
}

static void look(const char *label, int fd)
{
	char text[64];
	struct pollfd p = { fd, POLLIN | POLLPRI, 0 };
	struct stat st;
	ssize_t n = pread(fd, text, sizeof text, 0);

	printf("%s.pread: %zd %s\n", label, n, n < 0 ? strerrorname_np(errno) : "0");
	poll(&p, 1, 0);
	printf("%s.poll: 0x%x\n", label, (unsigned short)p.revents);
	fstat(fd, &st);
	printf("%s.fstat: nlink=%lu\n", label, (unsigned long)st.st_nlink);
}

static void look_at_link(const char *path)
{
	char target[256];
	ssize_t n = readlink(path, target, sizeof target);

	printf("link: %.*s\n", n < 0 ? 0 : (int)n, target);
}

static void look_at_folder(const char *label, int fd)
{
	char room[4096];
	struct stat st;
	ssize_t n = getdents64(fd, room, sizeof room);

	printf("%s.getdents: %zd %s\n", label, n, n < 0 ? strerrorname_np(errno) : "0");
	fstat(fd, &st);
	printf("%s.fstat: nlink=%lu\n", label, (unsigned long)st.st_nlink);
	n = openat(fd, "dev", O_RDONLY);
	printf("%s.openat: %s\n", label, n < 0 ? strerrorname_np(errno) : "opened");
}

int main(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	const char *misc = "/sys/class/misc/udmabuf/uevent";
	int file, writable, folder;

	sock = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	if (bind(sock, (struct sockaddr *)&addr, sizeof addr))
		return 1;
	put("add", misc, "add");
	put("change", misc, "change\n");
	put("remove", misc, "remove");
	put("uuid", misc, "add fe4cf2db-1cc7-4c8f-b6f3-a0b6d6a0b6d6");
	put("arguments", misc, "change fe4cf2db-1cc7-4c8f-b6f3-a0b6d6a0b6d6 A=1 Bc=2d");
	put("nothing", misc, "nonsense");
	put("bus", "/sys/bus/platform/uevent", "add");
	put("driver", "/sys/bus/platform/drivers/dummy_udc/uevent", "add");

	file = open("/sys/class/udc/dummy_udc.0/state", O_RDONLY);
	writable = open("/sys/class/udc/dummy_udc.0/uevent", O_RDWR);
	folder = open("/sys/class/udc/dummy_udc.0", O_RDONLY | O_DIRECTORY);
	look("before", file);
	look_at_link("/sys/class/udc/dummy_udc.0");
	look_at_link("/sys/class/udc/dummy_udc.0/device");
	look_at_link("/sys/class/udc/dummy_udc.0/subsystem");
	look_at_link("/sys/devices/platform/dummy_udc.0/driver");
	look_at_link("/sys/bus/platform/devices/dummy_udc.0");
	look_at_link("/sys/bus/platform/drivers/dummy_udc/dummy_udc.0");
	put("other", "/sys/bus/platform/drivers/dummy_udc/unbind", "nothing");
	put("unbind", "/sys/bus/platform/drivers/dummy_udc/unbind", "dummy_udc.0");
	look("gone", file);
	printf("gone.write: %zd %s\n", write(writable, "add", 3), strerrorname_np(errno));
	look_at_folder("folder", folder);
	put("again", "/sys/bus/platform/drivers/dummy_udc/unbind", "dummy_udc.0");
	put("bind", "/sys/bus/platform/drivers/dummy_udc/bind", "dummy_udc.0\n");
	put("rebind", "/sys/bus/platform/drivers/dummy_udc/bind", "dummy_udc.0");
	put("wrong", "/sys/bus/platform/drivers/dummy_udc/bind", "dummy_hcd.0");
	put("probe", "/sys/bus/platform/drivers_probe", "dummy_udc.0");
	look("still", file);
	put("override", "/sys/devices/platform/dummy_udc.0/driver_override", "dummy_hcd");
	put("others", "/sys/bus/platform/drivers/dummy_udc/unbind", "dummy_udc.0");
	put("refused", "/sys/bus/platform/drivers/dummy_udc/bind", "dummy_udc.0");
	put("restore", "/sys/devices/platform/dummy_udc.0/driver_override", "\n");
	put("manual", "/sys/bus/platform/drivers_autoprobe", "0");
	put("found", "/sys/bus/platform/drivers_probe", "dummy_udc.0");
	put("automatic", "/sys/bus/platform/drivers_autoprobe", "1");
	return 0;
}
