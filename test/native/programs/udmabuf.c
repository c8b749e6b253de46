/*
 * Buffers of a program's own memory files: what they show, how long they keep the
 * pages, who shares them. Prints one line per question.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <signal.h>
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

static int node;

static int file_of(uint64_t size)
{
	int fd = memfd_create("file", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK)) {
		perror("memfd");
		exit(1);
	}
	return fd;
}

static int buffer_of(int fd, uint64_t offset, uint64_t size)
{
	struct udmabuf_create c = { .memfd = (uint32_t)fd, .offset = offset, .size = size };

	return ioctl(node, UDMABUF_CREATE, &c);
}

static unsigned char *shown(int b, uint64_t size)
{
	unsigned char *at = mmap(NULL, size, RW, MAP_SHARED, b, 0);

	if (at == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return at;
}

static unsigned int byte_of(int fd, uint64_t offset)
{
	unsigned char byte = 0;

	if (pread(fd, &byte, 1, (off_t)offset) != 1)
		return 999;
	return byte;
}

static void seal(const char *when, int fd)
{
	int r = fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE);

	printf("%s: %s\n", when, r == 0 ? "sealed" : strerrorname_np(errno));
	fflush(stdout);
}

static void several_files(void)
{
	struct udmabuf_create_list *l = calloc(1, sizeof *l + 3 * sizeof *l->list);
	int one = file_of(4 * P), other = file_of(P), b;
	unsigned char *at;

	l->count = 3;
	l->list[0] = (struct udmabuf_create_item){ .memfd = (uint32_t)one, .offset = 2 * P, .size = 2 * P };
	l->list[1] = (struct udmabuf_create_item){ .memfd = (uint32_t)other, .size = P };
	l->list[2] = (struct udmabuf_create_item){ .memfd = (uint32_t)one, .offset = 2 * P, .size = P };
	b = ioctl(node, UDMABUF_CREATE_LIST, l);
	at = shown(b, 4 * P);
	at[0] = 1;
	at[P + 7] = 2;
	at[2 * P] = 3;
	printf("several files: %u %u %u, the first page again: %u\n", byte_of(one, 2 * P), byte_of(one, 3 * P + 7), byte_of(other, 0), at[3 * P]);
	munmap(at, 4 * P);
	at = mmap(NULL, 2 * P, RW, MAP_SHARED, b, P);
	printf("from the second page on: %u %u\n", at[7], at[P]);
	munmap(at, 2 * P);
	close(b);
	close(one);
	close(other);
	free(l);
}

/* The server maps a file in windows of 1 GiB. */
static void large_file(void)
{
	uint64_t edge = 1ull << 30;
	int fd = file_of(3 * edge), b = buffer_of(fd, edge - P, 3 * P);
	unsigned char *at = shown(b, 3 * P);

	at[P - 1] = 4;
	at[P] = 5;
	printf("across the border: %u %u\n", byte_of(fd, edge - 1), byte_of(fd, edge));
	munmap(at, 3 * P);
	close(b);
	close(fd);
}

static void grown_file(void)
{
	int fd = file_of(P), first = buffer_of(fd, 0, P), second;
	unsigned char *at;

	printf("to shrink: %s\n", ftruncate(fd, 0) ? strerrorname_np(errno) : "done");
	if (ftruncate(fd, 3 * P))
		perror("ftruncate");
	second = buffer_of(fd, 0, 3 * P);
	at = shown(second, 3 * P);
	at[0] = 6;
	at[2 * P] = 7;
	printf("both buffers: %u, the new part: %u\n", shown(first, P)[0], byte_of(fd, 2 * P));
	munmap(at, 3 * P);
	close(first);
	seal("one of two closed", fd);
	close(second);
	seal("still mapped by the first", fd);
	close(fd);
}

static void lives(void)
{
	int fd = file_of(P), b = buffer_of(fd, 0, P), copy = dup(b), status;
	unsigned char *at;
	pid_t child;

	close(b);
	seal("a copy is open", fd);
	at = shown(copy, P);
	close(copy);
	seal("it is mapped", fd);
	munmap(at, P);
	seal("it is gone", fd);
	close(fd);

	fd = file_of(P);
	b = buffer_of(fd, 0, P);
	child = fork();
	if (child == 0) {
		/* It proves to the server that it has the buffer. */
		at = shown(b, P);
		at[0] = 8;
		raise(SIGKILL);
	}
	close(b);
	waitpid(child, &status, 0);
	printf("the child was killed: %d, its store: %u\n", WTERMSIG(status), byte_of(fd, 0));
	seal("and with it the last holder", fd);
	close(fd);
}

/* A buffer that a child makes of the parent's file. */
static void children(void)
{
	int fd = file_of(2 * P), status;
	unsigned char *own = mmap(NULL, 2 * P, RW, MAP_SHARED, fd, 0);
	pid_t child = fork();

	if (child == 0) {
		int b = buffer_of(fd, P, P);

		shown(b, P)[9] = 10;
		_exit(b < 0);
	}
	waitpid(child, &status, 0);
	printf("the child made it: %d, the parent sees: %u\n", WEXITSTATUS(status), own[P + 9]);
	munmap(own, 2 * P);
	seal("the child has ended", fd);
	close(fd);
}

static void many_items(void)
{
	struct udmabuf_create_list *l = calloc(1, sizeof *l + 1024 * sizeof *l->list);
	int fd = file_of(2048 * P), b;
	unsigned char *at;
	unsigned int wrong = 0;

	l->count = 1024;
	for (unsigned int i = 0; i < 1024; i++)
		l->list[i] = (struct udmabuf_create_item){ .memfd = (uint32_t)fd, .offset = (2047 - 2 * i) * P, .size = P };
	b = ioctl(node, UDMABUF_CREATE_LIST, l);
	at = shown(b, 1024 * P);
	for (unsigned int i = 0; i < 1024; i++)
		at[i * P] = (unsigned char)i;
	for (unsigned int i = 0; i < 1024; i++)
		wrong += byte_of(fd, (2047 - 2 * i) * P) != (i & 255);
	printf("1024 items backwards, wrong: %u\n", wrong);
	munmap(at, 1024 * P);
	close(b);
	close(fd);
	free(l);
}

/* A program may hold on to its file in ways that are none of a server's business. */
static void odd_files(void)
{
	int fd = file_of(P), leased = file_of(P), b;

	fchmod(fd, 0);
	b = buffer_of(fd, 0, P);
	printf("of a file that nobody may open: %s\n", b >= 0 || errno == EBADFD ? "answered" : strerrorname_np(errno));
	close(b);
	if (fcntl(leased, F_SETLEASE, F_WRLCK) == 0)
		errno = 0;
	b = buffer_of(leased, 0, P);
	printf("of a file with a lease: %s\n", b >= 0 || errno == EBADFD ? "answered" : strerrorname_np(errno));
	close(b);
	close(leased);
	close(fd);
}

int main(void)
{
	signal(SIGIO, SIG_IGN);
	node = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (node < 0) {
		perror("/dev/udmabuf");
		return 1;
	}
	several_files();
	large_file();
	grown_file();
	lives();
	children();
	many_items();
	odd_files();
	return 0;
}
