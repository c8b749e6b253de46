/* Writes blocks to ep0 of a FunctionFS mount and prints what write(2) answers:
 * a line for each time that ep0 was open. Argument: the file of blocks, where
 * before the blocks of one line stands their number, before each its length. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define GADGET "/sys/kernel/config/usb_gadget/blobs"
#define MNT "/tmp/blobs"

static void print_write(int fd, const void *p, size_t len)
{
	ssize_t r = write(fd, p, len);
	const char *name = strerrorname_np(errno);

	if (r >= 0)
		printf(" %zd", r);
	else
		printf(" %s", name ? name : "?");
}

int main(int argc, char **argv)
{
	static unsigned char block[1 << 16];
	FILE *in = argc > 1 ? fopen(argv[1], "rb") : NULL;
	uint32_t writes, len;

	mkdir(GADGET, 0755);
	mkdir(GADGET "/functions/ffs.blobs", 0755);
	mkdir(MNT, 0755);
	if (!in || mount("blobs", MNT, "functionfs", 0, NULL)) {
		perror("blobs");
		return 1;
	}
	dup2(eventfd(0, 0), 10);
	dup2(open("/dev/null", O_RDWR), 11);
	while (fread(&writes, 4, 1, in) == 1) {
		int ep0 = open(MNT "/ep0", O_RDWR);

		printf("%s", ep0 < 0 ? "ep0 does not open" : ":");
		for (; writes; writes--) {
			if (fread(&len, 4, 1, in) != 1 || len > sizeof block || fread(block, 1, len, in) != len)
				return 2;
			print_write(ep0, block, len);
		}
		printf("\n");
		close(ep0);
	}
	umount(MNT);
	rmdir(MNT);
	rmdir(GADGET "/functions/ffs.blobs");
	rmdir(GADGET);
	return 0;
}
