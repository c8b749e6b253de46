/* Where the server is: what the launcher put into the environment. */
#include "preload.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct door the_door;

const struct door *door(void)
{
	return &the_door;
}

/* A descriptor that the program was started with may be an emulated file, and its stream be used before any call of ours. */
static bool is_given(int fd)
{
	struct stat st;

	return raw(SYS_fstat, fd, &st) == 0 && st.st_dev == the_door.memory_dev && st.st_nlink == 0 && S_ISREG(st.st_mode);
}

/*
 * Runs before the program. It makes no lasting change to the process unless its
 * standard streams are emulated files: it reads the environment, and removes the
 * mark by which the launcher sees that the library was loaded.
 */
__attribute__((constructor)) static void find_door(void)
{
	const char *where = getenv(IO_ENVIRONMENT);
	char *colon, mark[sizeof the_door.folder + 24];
	unsigned long dev;

	if (!where)
		return;
	dev = strtoul(where, &colon, 16);
	the_door.warps = *colon == '+';
	colon += the_door.warps;
	if (*colon != ':' || strlen(colon + 1) >= sizeof the_door.folder)
		return;
	strcpy(the_door.folder, colon + 1);
	the_door.memory_dev = dev;
	the_door.open = true;
	/* Only the launcher's own child finds it. */
	snprintf(mark, sizeof mark, "%s/unloaded.%d", the_door.folder, (int)raw(SYS_getppid));
	raw(SYS_unlinkat, AT_FDCWD, mark, 0);
	if (is_given(0) || is_given(1) || is_given(2)) {
		find_streams();
		take_streams();
	}
}
