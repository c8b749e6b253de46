/*
 * How long a read of 16 bytes from a file takes that is not emulated, to be run
 * with the launcher and without. Argument: the processor to run on.
 */
#include "round.h"

#define READS 64

static int fd;

static void rewind_file(void)
{
	if (lseek(fd, 0, SEEK_SET))
		err(1, "lseek");
}

static void read_some(void)
{
	char bytes[16];

	for (int i = 0; i < READS; i++)
		if (read(fd, bytes, sizeof bytes) != sizeof bytes)
			err(1, "read");
}

int main(int argc, char **argv)
{
	static const struct work works[] = { { .name = "read", .run = read_some, .prepare = rewind_file, .calls = READS } };
	static const char content[READS * 16];
	FILE *file = tmpfile();

	if (argc != 2)
		errx(2, "usage: file CPU");
	pin_to(argv[1]);
	if (!file || write(fd = fileno(file), content, sizeof content) != sizeof content)
		err(1, "a temporary file");
	return measure_rounds(works, COUNT(works));
}
