/*
 * Mappings of files that are not their memory: what they show, and how long they
 * keep the file. Prints one line per question.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define P 4096ul
#define RW (PROT_READ | PROT_WRITE)
#define RELEASED _IOR('s', 1, uint32_t)
struct peek { uint32_t page, byte; };
#define PEEK _IOWR('s', 2, struct peek)

static int control;

static void released(const char *when)
{
	static uint32_t before;
	uint32_t now = 99;

	ioctl(control, RELEASED, &now);
	printf("%s: %s\n", when, now == before ? "kept" : "released");
	before = now;
	fflush(stdout);
}

static void show(const char *what, const unsigned char *at, int pages)
{
	printf("%s:", what);
	for (int i = 0; i < pages; i++)
		printf(" %02x", at[i * P]);
	putchar('\n');
	fflush(stdout);
}

static unsigned driver_sees(int fd, uint32_t page)
{
	struct peek p = { .page = page };

	return ioctl(fd, PEEK, &p) ? 0x999 : p.byte;
}

static int lines_of_ours(void)
{
	char line[512];
	int n = 0;
	FILE *f = fopen("/proc/self/maps", "r");

	while (f && fgets(line, sizeof line, f))
		n += strstr(line, "/memfd:ioctopus ") != NULL;
	if (f)
		fclose(f);
	return n;
}

int main(void)
{
	int fd = open("/dev/stitched", O_RDWR), p[2], none;
	unsigned char *a, *b;
	char c;
	pid_t pid;

	control = open("/dev/stitched", O_RDWR);
	released("open");
	none = lines_of_ours();
	a = mmap(NULL, 4 * P, RW, MAP_SHARED, fd, 0);
	show("pages in order", a, 4);
	a[3 * P] = 0x77;
	printf("the driver sees a store: %x\n", driver_sees(fd, 3));
	b = mmap(NULL, 2 * P, PROT_READ, MAP_SHARED, fd, P);
	show("from the second page on", b, 2);
	munmap(b, 2 * P);
	b = mmap(a, P, RW, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
	printf("no room: %s\n", b == MAP_FAILED ? strerrorname_np(errno) : "mapped");
	b = mmap(NULL, 3 * P, RW, MAP_PRIVATE, fd, 0);
	b[0] = 1;
	printf("a private store: %02x %x\n", a[0], driver_sees(fd, 0));
	munmap(b, 3 * P);
	close(fd);
	released("closed but mapped");
	munmap(a, P);
	released("partly unmapped");
	b = mmap(NULL, 3 * P, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	b = mremap(a + P, 3 * P, 3 * P, MREMAP_MAYMOVE | MREMAP_FIXED, b);
	show("moved", b, 3);
	released("moved elsewhere");
	b = mremap(b, 3 * P, 2 * P, 0);
	show("shrunk", b, 2);
	if (pipe(p))
		return 2;
	pid = fork();
	if (pid == 0) {
		close(p[1]);
		if (read(p[0], &c, 1) != 0)
			_exit(1);
		_exit(b[P] == 0xa1 ? 0 : 2);
	}
	close(p[0]);
	munmap(b, 2 * P);
	released("only a child maps it");
	close(p[1]);
	waitpid(pid, &none, 0);
	printf("the child saw it: %s\n", none == 0 ? "yes" : "no");
	released("the child has ended");

	none = lines_of_ours();
	fd = open("/dev/stitched", O_RDWR);
	a = mmap(NULL, 4 * P, RW, MAP_SHARED, fd, 0);
	close(fd);
	released("mapped again");
	if (mmap(a, 4 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != a)
		return 3;
	released("replaced");
	printf("what stays mapped of it: %d\n", lines_of_ours() - none);

	fd = open("/dev/window", O_RDWR);
	a = mmap(NULL, P, RW, MAP_SHARED, fd, 0);
	show("a window", a, 1);
	a[0] = 0x55;
	printf("the driver sees it: %x\n", driver_sees(fd, 0));
	close(fd);
	released("the window is mapped");
	munmap(a, P);
	released("and unmapped");
	fd = open("/dev/window", O_RDONLY);
	a = mmap(NULL, P, PROT_READ, MAP_SHARED, fd, 0);
	printf("made writable: %s\n", mprotect(a, P, RW) ? strerrorname_np(errno) : "yes");
	return 0;
}
