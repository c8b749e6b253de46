/*
 * How long a message to a remote processor's echo service and its answer take, for
 * a program under the launcher on the board remoteproc, whose firmware it starts.
 * Argument: the processor to run on; the server is pinned by whoever starts it.
 *
 * echo: write and read of 8 bytes
 */
#include "round.h"
#include <fcntl.h>

#define PROCESSOR "/sys/class/remoteproc/remoteproc0/"

static int endpoint;

static void tell(const char *path, const char *what)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, what, strlen(what)) < 0)
		err(1, "%s", path);
	close(fd);
}

static void start_echo(void)
{
	tell(PROCESSOR "firmware", "echo.elf");
	tell(PROCESSOR "state", "start");
	for (int i = 0; i < 1000 && access("/dev/rpmsg0", F_OK); i++)
		usleep(1000);
	endpoint = open("/dev/rpmsg0", O_RDWR | O_CLOEXEC);
	if (endpoint < 0)
		err(1, "/dev/rpmsg0");
}

static void echo(void)
{
	uint64_t message = 0;

	if (write(endpoint, &message, sizeof message) != sizeof message || read(endpoint, &message, sizeof message) != sizeof message)
		err(1, "rpmsg");
}

int main(int argc, char **argv)
{
	static const struct work works[] = { { .name = "echo", .run = echo } };

	if (argc != 2)
		errx(2, "usage: rpmsg CPU");
	pin_to(argv[1]);
	start_echo();
	return measure_rounds(works, COUNT(works));
}
