/*
 * Talks to an echo service of a remote processor: makes an endpoint by
 * /dev/rpmsg_ctrl0, sends what it is given as arguments, and prints what comes back.
 *
 *	echo echo.elf > /sys/class/remoteproc/remoteproc0/firmware
 *	echo start > /sys/class/remoteproc/remoteproc0/state
 *	./echo hello world
 */
#include <err.h>
#include <fcntl.h>
#include <linux/rpmsg.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Where the firmware's service listens. */
#define SERVICE 1024

/* RPMSG_CREATE_EPT_IOCTL does not say which node it has made: the name tells. */
static int open_endpoint(const char *name)
{
	for (int n = 0; n < 16; n++) {
		char path[64], found[33] = "";
		FILE *file;

		snprintf(path, sizeof path, "/sys/class/rpmsg/rpmsg%d/name", n);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fscanf(file, "%32s", found) != 1)
			found[0] = 0;
		fclose(file);
		snprintf(path, sizeof path, "/dev/rpmsg%d", n);
		if (!strcmp(found, name))
			return open(path, O_RDWR | O_CLOEXEC);
	}
	errx(1, "no endpoint is called %s", name);
}

int main(int argc, char **argv)
{
	struct rpmsg_endpoint_info info = { .name = "example", .src = RPMSG_ADDR_ANY, .dst = SERVICE };
	int control = open("/dev/rpmsg_ctrl0", O_RDWR | O_CLOEXEC), endpoint;

	if (control < 0)
		err(1, "/dev/rpmsg_ctrl0");
	if (ioctl(control, RPMSG_CREATE_EPT_IOCTL, &info))
		err(1, "RPMSG_CREATE_EPT_IOCTL");
	endpoint = open_endpoint(info.name);
	if (endpoint < 0)
		err(1, "the endpoint");
	for (int i = 1; i < argc; i++) {
		struct pollfd ready = { .fd = endpoint, .events = POLLIN };
		char answer[512];
		ssize_t n;

		if (write(endpoint, argv[i], strlen(argv[i])) < 0)
			err(1, "write");
		if (poll(&ready, 1, 1000) != 1)
			errx(1, "nothing came back");
		n = read(endpoint, answer, sizeof answer);
		if (n < 0)
			err(1, "read");
		printf("%.*s\n", (int)n, answer);
	}
	if (ioctl(endpoint, RPMSG_DESTROY_EPT_IOCTL))
		err(1, "RPMSG_DESTROY_EPT_IOCTL");
	return 0;
}
