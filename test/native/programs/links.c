/*
 * Names of open files: /proc/self/fd, /dev/fd and their like. Prints one line per
 * question.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/dma-heap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *error(long result)
{
	return result == -1 ? strerrorname_np(errno) : "ok";
}

static void show_link(const char *what, int dirfd, const char *path, size_t size)
{
	char to[256] = { 0 };
	ssize_t n = readlinkat(dirfd, path, to, size);

	printf("%s: %s\n", what, n < 0 ? error(n) : to);
}

static void try_open(const char *what, const char *path, int flags)
{
	int fd = open(path, flags);

	printf("%s: %s\n", what, error(fd));
	if (fd >= 0)
		close(fd);
}

int main(void)
{
	struct dma_heap_allocation_data d = { .len = 4096, .fd_flags = O_RDWR | O_CLOEXEC };
	int heap = open("/dev/dma_heap/system", O_RDWR), folder, fd, before;
	char path[64], out[PATH_MAX], text[512] = { 0 };
	struct stat st;
	struct statfs fs;

	ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &d);
	folder = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	snprintf(path, sizeof path, "/proc/self/fd/%d", heap);
	show_link("node", AT_FDCWD, path, 256);
	show_link("cut", AT_FDCWD, path, 8);
	show_link("no room", AT_FDCWD, path, 0);
	snprintf(path, sizeof path, "%d", (int)d.fd);
	show_link("from the folder", folder, path, 256);
	snprintf(path, sizeof path, "/proc/thread-self/fd/%d", (int)d.fd);
	show_link("of the thread", AT_FDCWD, path, 256);
	snprintf(path, sizeof path, "/proc/%d/fd/%d", getpid(), (int)d.fd);
	show_link("by number", AT_FDCWD, path, 256);
	snprintf(path, sizeof path, "/dev/fd/%d", (int)d.fd);
	show_link("in /dev/fd", AT_FDCWD, path, 256);
	show_link("one of the host", AT_FDCWD, "/proc/self/exe", 1);
	try_open("a buffer again", path, O_RDWR);
	try_open("a buffer's path", path, O_PATH);
	printf("truncate: %s\n", error(truncate(path, 0)));
	printf("access: %s\n", error(access(path, R_OK)));
	printf("chmod: %s\n", error(chmod(path, 0640)));
	printf("stat: %s", error(stat(path, &st)));
	printf(" mode=0%o size=%ld\n", st.st_mode, (long)st.st_size);
	printf("lstat: %s", error(lstat(path, &st)));
	printf(" link=%d\n", S_ISLNK(st.st_mode));
	printf("statfs: %s", error(statfs(path, &fs)));
	printf(" type=0x%lx\n", (long)fs.f_type);
	printf("realpath of a buffer: %s\n", realpath(path, out) ? out : error(-1));
	snprintf(path, sizeof path, "/proc/self/fd/%d", heap);
	printf("realpath of a node: %s\n", realpath(path, out) ? out : error(-1));
	printf("realpath of its name: %s\n", realpath("/dev/../dev/dma_heap/system", out) ? out : error(-1));
	fd = open(path, O_RDONLY | O_NONBLOCK);
	printf("a node again: flags 0%o\n", fcntl(fd, F_GETFL));
	close(fd);

	dup2(heap, 0);
	show_link("standard input", AT_FDCWD, "/dev/stdin", 256);
	try_open("opened by that name", "/dev/stdin", O_RDWR);

	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", (int)d.fd);
	before = dup(1);
	close(before);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	printf("fdinfo: lowest=%d cloexec=%d\n", fd == before, fcntl(fd, F_GETFD));
	printf("%s", read(fd, text, sizeof text - 1) > 0 && strstr(text, "size:") ? strstr(text, "size:") : "nothing\n");
	printf("written: %s\n", error(write(fd, "x", 1)));
	close(fd);
	mmap(NULL, 4096, PROT_READ, MAP_SHARED, (int)d.fd, 0);
	fflush(stdout);
	if (fork() == 0) {
		fd = open(path, O_RDONLY);
		memset(text, 0, sizeof text);
		printf("%.8s\n", read(fd, text, sizeof text - 1) > 0 && strstr(text, "count:") ? strstr(text, "count:") : "nothing");
		_exit(fflush(stdout));
	}
	wait(NULL);
	return 0;
}
