/*
 * How long a read of 16 bytes takes from a file on a mount. Arguments: the
 * processor to run on, the file.
 */
#include "round.h"
#include <fcntl.h>

static int fd;

static void read_some(void)
{
	char bytes[16];

	if (read(fd, bytes, sizeof bytes) != sizeof bytes)
		err(1, "read");
}

int main(int argc, char **argv)
{
	static const struct work works[] = { { .name = "read", .run = read_some } };

	if (argc != 3)
		errx(2, "usage: mounted CPU FILE");
	pin_to(argv[1]);
	fd = open(argv[2], O_RDONLY);
	if (fd < 0)
		err(1, "%s", argv[2]);
	return measure_rounds(works, COUNT(works));
}
