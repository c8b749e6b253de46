/*
 * The seven checks of the kernel's own test of udmabuf (tools/testing/selftests/drivers/dma-buf), one line each.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define P 4096ul
#define PAGES 4
#define LIST_PAGES 1024
#define ENTRIES 4
#define HUGE (2ul << 20)

static int node;

static void check(int number, const char *what, int ok)
{
	printf("%s %d %s\n", ok ? "ok" : "not ok", number, what);
	fflush(stdout);
}

static int sealed(const char *name, unsigned int flags, uint64_t size)
{
	int fd = memfd_create(name, MFD_ALLOW_SEALING | flags);

	if (fd < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) || ftruncate(fd, (off_t)size)) {
		perror(name);
		exit(1);
	}
	return fd;
}

static int create(uint32_t fd, uint64_t offset, uint64_t size)
{
	struct udmabuf_create c = { .memfd = fd, .offset = offset, .size = size };

	return ioctl(node, UDMABUF_CREATE, &c);
}

static void write_first_bytes(unsigned char *at, unsigned long size, unsigned char byte)
{
	for (unsigned long i = 0; i < size; i += P)
		at[i] = byte;
}

/* Entries of PAGES pages each, at quarters of the file. */
static int create_list(uint32_t fd, uint64_t size)
{
	struct udmabuf_create_list *list = calloc(1, sizeof *list + ENTRIES * sizeof *list->list);
	int made;

	list->flags = UDMABUF_FLAGS_CLOEXEC;
	list->count = ENTRIES;
	for (unsigned int i = 0; i < ENTRIES; i++)
		list->list[i] = (struct udmabuf_create_item){ .memfd = fd, .offset = i * (size / ENTRIES), .size = PAGES * P };
	made = ioctl(node, UDMABUF_CREATE_LIST, list);
	free(list);
	return made;
}

static int shows_the_file(const unsigned char *buffer, const unsigned char *file, uint64_t size)
{
	for (unsigned int page = 0; page < ENTRIES * PAGES; page++) {
		const unsigned char *at = file + page / PAGES * (size / ENTRIES) + page % PAGES * P;

		if (buffer[page * P] != *at)
			return 0;
	}
	return 1;
}

static void check_list(int number, const char *what, unsigned int flags, uint64_t size, int made_first)
{
	int fd = sealed("list", flags, size), b;
	unsigned char *file = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *buffer;
	int ok;

	if (!made_first)
		write_first_bytes(file, size, 'a');
	b = create_list((uint32_t)fd, size);
	buffer = mmap(NULL, ENTRIES * PAGES * P, PROT_READ | PROT_WRITE, MAP_SHARED, b, 0);
	if (b < 0 || buffer == MAP_FAILED || file == MAP_FAILED) {
		check(number, what, 0);
		return;
	}
	if (made_first)
		write_first_bytes(file, size, 'a');
	ok = shows_the_file(buffer, file, size) && buffer[0] == 'a';
	write_first_bytes(file, size, 'b');
	check(number, what, ok && shows_the_file(buffer, file, size) && buffer[0] == 'b');
	munmap(buffer, ENTRIES * PAGES * P);
	munmap(file, size);
	close(b);
	close(fd);
}

/* Whether so many huge pages are there to be taken. */
static int has_huge_pages(uint64_t size)
{
	int fd = memfd_create("huge", MFD_HUGETLB);
	void *at;

	if (fd < 0)
		return 0;
	at = ftruncate(fd, (off_t)size) ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED)
		munmap(at, size);
	close(fd);
	return at != MAP_FAILED;
}

int main(void)
{
	int fd, b;

	node = open("/dev/udmabuf", O_RDWR);
	if (node < 0) {
		perror("/dev/udmabuf");
		return 1;
	}
	fd = sealed("test", 0, PAGES * P);
	check(1, "an offset within a page", create((uint32_t)fd, P / 2, P) < 0);
	check(2, "a size within a page", create((uint32_t)fd, 0, P / 2) < 0);
	check(3, "no memory file", create(0, 0, P) < 0);
	b = create((uint32_t)fd, 0, PAGES * P);
	check(4, "a whole file", b >= 0);
	close(b);
	close(fd);
	check_list(5, "a list shows the file", 0, LIST_PAGES * P, 0);
	if (has_huge_pages(LIST_PAGES * HUGE)) {
		check_list(6, "of huge pages", MFD_HUGETLB, LIST_PAGES * HUGE, 0);
		check_list(7, "of huge pages, mapped before they are written", MFD_HUGETLB, LIST_PAGES * HUGE, 1);
	} else {
		printf("ok 6 # SKIP no huge pages\nok 7 # SKIP no huge pages\n");
	}
	check_list(8, "mapped before the file is written", 0, LIST_PAGES * P, 1);
	return 0;
}
