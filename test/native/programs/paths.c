/* The many names of a node. Prints one line per way to reach it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void show(const char *name, int fd)
{
	printf("%s: %s\n", name, fd >= 0 ? "opened" : strerrorname_np(errno));
	if (fd >= 0)
		close(fd);
}

static void attributes(const char *name, int result, const struct stat *st)
{
	printf("%s: %d, mode 0%o\n", name, result, st->st_mode);
}

int main(int argc, char **argv)
{
	struct stat st;
	int dev, folder;

	if (argc < 2 || chdir(argv[1]))
		return 2;
	show("absolute", open("/dev/dma_heap/system", O_RDWR));
	show("with dots and slashes", open("/dev/../dev//./dma_heap///system", O_RDWR));
	show("missing beside it", open("/dev/dma_heap/none", O_RDWR));
	show("below it", open("/dev/dma_heap/system/x", O_RDWR));
	show("a longer name", open("/dev/dma_heap/system2", O_RDWR));
	show("a node of the host", open("/dev/null", O_RDWR));
	show("the name in another place", open("system", O_RDWR));
	dev = open("/dev", O_RDONLY | O_DIRECTORY);
	show("from a descriptor of /dev", openat(dev, "dma_heap/system", O_RDWR));
	show("an absolute path with a descriptor", openat(dev, "/dev/dma_heap/system", O_RDWR));
	show("a closed descriptor and an absolute path", openat(99, "/dev/dma_heap/system", O_RDWR));
	show("a closed descriptor", openat(99, "dma_heap/system", O_RDWR));
	folder = open(".", O_RDONLY | O_DIRECTORY);
	show("up and down again", openat(folder, "../../../../../../../../dev/dma_heap/system", O_RDWR));
	symlink("/dev/dma_heap/system", "link");
	show("a link to it", open("link", O_RDWR));
	symlink("/dev", "devices");
	show("through a link to the folder", open("devices/dma_heap/system", O_RDWR));
	symlink("link", "link2");
	show("a link to a link", open("link2", O_RDWR));
	symlink("loop", "loop");
	show("a link to itself", open("loop", O_RDWR));
	if (chdir("/dev") == 0)
		show("relative to the working folder", open("dma_heap/system", O_RDWR));
	show("an unreadable path", open((char *)8, O_RDWR));
	attributes("stat", stat("/dev/dma_heap/system", &st), &st);
	attributes("lstat", lstat("/dev/dma_heap/system", &st), &st);
	attributes("fstatat", fstatat(dev, "dma_heap/system", &st, 0), &st);
	attributes("stat of the folder", stat("/dev/dma_heap", &st), &st);
	printf("access: %d, and to execute: %d\n", access("/dev/dma_heap/system", R_OK | W_OK), access("/dev/dma_heap/system", X_OK));
	printf("access of what is missing: %d\n", access("/dev/dma_heap/none", F_OK));
	return 0;
}
