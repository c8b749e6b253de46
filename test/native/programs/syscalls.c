/* syscall(2) on a file. Prints a line per question; the answers are the same for every file that keeps bytes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *name, long result)
{
	printf("%s: %ld %s\n", name, result, result < 0 ? strerrorname_np(errno) : "");
}

int main(int argc, char **argv)
{
	struct open_how how = { .flags = O_RDWR }, bad = { .flags = 1ull << 40 }, mode = { .flags = O_RDWR, .mode = 0600 };
	char bytes[8] = "";
	struct stat st;
	long fd;

	if (argc < 2)
		return 2;
	syscall(SYS_close_range, 3, ~0u, 0);
	show("openat2", fd = syscall(SYS_openat2, AT_FDCWD, argv[1], &how, sizeof how));
	show("unknown flags", syscall(SYS_openat2, AT_FDCWD, argv[1], &bad, sizeof bad));
	show("a mode without need", syscall(SYS_openat2, AT_FDCWD, argv[1], &mode, sizeof mode));
	show("too small", syscall(SYS_openat2, AT_FDCWD, argv[1], &how, 8));
	show("nowhere", syscall(SYS_openat2, AT_FDCWD, argv[1], (void *)8, sizeof how));
	show("a path nowhere", syscall(SYS_openat2, AT_FDCWD, (void *)8, &how, sizeof how));
	show("openat", syscall(SYS_openat, AT_FDCWD, argv[1], O_RDWR));
	show("write", syscall(SYS_write, fd, "hello", 5));
	show("lseek", syscall(SYS_lseek, fd, 1, SEEK_SET));
	show("read", syscall(SYS_read, fd, bytes, 3));
	printf("%s\n", bytes);
	show("pread64", syscall(SYS_pread64, fd, bytes, 2, 3));
	show("pwrite64", syscall(SYS_pwrite64, fd, "HE", 2, 0));
	show("an unreadable address", syscall(SYS_write, fd, (void *)8, 1));
	show("fstat", syscall(SYS_fstat, fd, &st));
	show("ioctl", syscall(SYS_ioctl, fd, 0x12345678, 0));
	show("dup", syscall(SYS_dup, fd));
	show("dup3", syscall(SYS_dup3, fd, 20, O_CLOEXEC));
	show("fcntl", syscall(SYS_fcntl, 20, F_GETFD));
	show("read of the copy", syscall(SYS_read, 20, bytes, 8));
	show("close", syscall(SYS_close, 20));
	show("close again", syscall(SYS_close, 20));
	show("close_range", syscall(SYS_close_range, 3, ~0u, 0));
	show("after that", syscall(SYS_read, fd, bytes, 1));
	show("no such call", syscall(100000));
	fflush(stdout);
	if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0) {
		show("opened in a child", syscall(SYS_openat, AT_FDCWD, argv[1], O_RDWR));
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	return 0;
}
