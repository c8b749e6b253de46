// Asks /dev/remoteproc0 what it answers: once per line.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/remoteproc_cdev.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NODE "/dev/remoteproc0"
#define FOLDER "/sys/class/remoteproc/remoteproc0/"

static void tell(const char *what, long result)
{
	if (result < 0)
		printf("%s: %s\n", what, strerrorname_np(errno));
	else
		printf("%s: %ld\n", what, result);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		printf("%s to %s: %s\n", text, path, strerrorname_np(errno));
	close(fd);
}

static void show_state(const char *when)
{
	char text[32] = "";
	int fd = open(FOLDER "state", O_RDONLY);
	ssize_t length = read(fd, text, sizeof(text) - 1);

	if (length > 0)
		text[length - 1] = 0;
	close(fd);
	printf("%s: %s\n", when, text);
}

int main(void)
{
	__s32 flag = -1;
	int fd = open(NODE, O_RDWR);
	struct pollfd polled = { .fd = fd, .events = POLLIN | POLLOUT };

	tell("no firmware", write(fd, "start", 5));
	put(FOLDER "firmware", "echo.elf\n");
	tell("read", read(fd, &flag, 1));
	tell("poll", poll(&polled, 1, 0));
	tell("nothing", write(fd, "", 0));
	tell("eleven bytes", write(fd, "elevenbytes", 11));
	tell("start with a newline", write(fd, "start\n", 6));
	tell("from a bad address", write(fd, (void *)8, 5));
	tell("s", write(fd, "s", 1));
	show_state("then it is");
	tell("seek", lseek(fd, 0, SEEK_SET));
	tell("get", ioctl(fd, RPROC_GET_SHUTDOWN_ON_RELEASE, &flag));
	printf("flag: %d\n", flag);
	flag = 7;
	tell("set", ioctl(fd, RPROC_SET_SHUTDOWN_ON_RELEASE, &flag));
	tell("get", ioctl(fd, RPROC_GET_SHUTDOWN_ON_RELEASE, &flag));
	printf("flag: %d\n", flag);
	tell("set from a bad address", ioctl(fd, RPROC_SET_SHUTDOWN_ON_RELEASE, (void *)8));
	tell("get to a bad address", ioctl(fd, RPROC_GET_SHUTDOWN_ON_RELEASE, (void *)8));
	tell("unknown request", ioctl(fd, _IO(0xb7, 9), 0));
	tell("detach", write(fd, "d", 1));
	close(fd);
	show_state("after the close");
	return 0;
}
