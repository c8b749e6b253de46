/*
 * Runs scripts of system calls and prints what each call answers. Built static it
 * runs on a real kernel, built as usual under the preload library; a twin in
 * TypeScript (interpreter.ts) runs the same scripts in process.
 *
 * A file holds many scripts. `== NAME` begins one; each runs in a process of its
 * own with descriptors 0, 1 and 2 open. A line is one call:
 *
 *	open PATH FLAGS [MODE]          close FD         dup FD
 *	dup2 FD FD                      dup3 FD FD FLAGS fcntl FD CMD ARG
 *	read FD LENGTH                  write FD BYTES
 *	pread FD LENGTH OFFSET          pwrite FD BYTES OFFSET
 *	lseek FD OFFSET WHENCE          ioctl FD REQUEST POINTER
 *	mmap FD LENGTH PROT FLAGS OFFSET                 munmap MAP OFFSET LENGTH
 *	mprotect MAP OFFSET LENGTH PROT
 *	peek MAP OFFSET LENGTH          poke MAP OFFSET BYTES
 *	poll TIMEOUT FD:EVENTS ...      fstat FD         stat PATH
 *	socketpair FLAGS                (SOCK_SEQPACKET; answers the first, prints both)
 *	epoll_create SIZE               epoll_create1 FLAGS
 *	epoll_ctl EPFD OP FD [EVENTS DATA]               without EVENTS: a NULL pointer
 *	epoll_wait EPFD MAX TIMEOUT [sort]               prints EVENTS:DATA of each
 *	ftruncate FD LENGTH             fallocate FD MODE OFFSET LENGTH
 *	fsync FD      fchmod FD MODE    fchown FD UID GID
 *	readv FD POINTER COUNT          writev FD POINTER COUNT
 *	preadv2 FD POINTER COUNT OFFSET FLAGS            pwritev2, too
 *	sendfile OUT IN COUNT           splice IN OUT LENGTH FLAGS
 *	copy_file_range IN OUT LENGTH   fadvise FD OFFSET LENGTH ADVICE
 *	readahead FD                    sync_file_range FD OFFSET LENGTH FLAGS
 *	syncfs FD                       flock FD OPERATION
 *	fstatfs FD                      fgetxattr FD NAME
 *	fsetxattr FD NAME BYTES FLAGS   fremovexattr FD NAME
 *	fdlink FD                       (readlink of /proc/self/fd)
 *	fdinfo FD                       (without what differs from boot to boot, and without locks)
 *	reopen FD FLAGS                 (open of /proc/self/fd)
 *	msync MAP OFFSET LENGTH FLAGS   madvise MAP OFFSET LENGTH ADVICE
 *	mremap MAP OFFSET OLD NEW FLAGS [MAP OFFSET]     (a place, for MREMAP_FIXED)
 *	nofile LIMIT                    (RLIMIT_NOFILE)
 *	area N BYTES [edge|ro]          memory for pointers; `edge`: an unmapped page
 *	                                follows its last byte; `ro`: read-only
 *	dump N OFFSET LENGTH            what is in it now
 *
 * and those on names, see paths.h, and on buffers and fences, see fences.h.
 *
 * A number is decimal, 0x.. or 0.., or $K for what line K answered (lines count
 * from 1). BYTES are hexadecimal, with `$K` for four bytes, `@N` for the eight of
 * an area's address, `*K` for K zero bytes and `=TEXT` for text between dots. A
 * POINTER is a number
 * or @N; MAP is the line of the mmap. Answers that are addresses print as `addr`.
 * `sort` is for sets with both real and emulated files under the launcher: their
 * order among each other is not Linux's there, so events print in order of DATA.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fences.h"
#include "paths.h"

#define PAGE 4096ul
#define LINES 512
#define WORDS 64
#define AREAS 32
#define ROOM 65536
#define EVENTS 64

static long answers[LINES];
static unsigned char *maps[LINES];
static unsigned char *areas[AREAS];
static sigjmp_buf landing;

static void on_fault(int sig)
{
	siglongjmp(landing, sig);
}

static long number(const char *word)
{
	if (*word == '$')
		return answers[atoi(word + 1)];
	if (*word == '@')
		return (long)areas[atoi(word + 1)];
	if (*word == '-')
		return -(long)strtoull(word + 1, NULL, 0);
	return (long)strtoull(word, NULL, 0);
}

/* Fills `out` with what BYTES say; returns how many there are. */
static size_t bytes(const char *word, unsigned char *out)
{
	size_t n = 0;

	while (*word && n < ROOM - 8) {
		uint64_t value;
		char *end;

		switch (*word) {
		case '.':
			word++;
			break;
		case '$':
		case '@':
			value = strtoull(word + 1, &end, 10);
			value = *word == '$' ? (uint64_t)answers[value] : (uint64_t)areas[value];
			memcpy(out + n, &value, *word == '$' ? 4 : 8);
			n += *word == '$' ? 4 : 8;
			word = end;
			break;
		case '=':
			for (word++; *word && *word != '.'; word++)
				out[n++] = (unsigned char)*word;
			break;
		case '*':
			value = strtoull(word + 1, &end, 10);
			memset(out + n, 0, value);
			n += value;
			word = end;
			break;
		default: {
			char two[3] = { word[0], word[1], 0 };

			out[n++] = (unsigned char)strtoul(two, NULL, 16);
			word += 2;
		}
		}
	}
	return n;
}

/* Bytes as hexadecimal; the eight of an area's address as that area. */
static void print_bytes(const unsigned char *at, size_t n)
{
	putchar(' ');
	for (size_t i = 0; i < n;) {
		int area = 1;
		uint64_t value = 0;

		if (n - i >= 8)
			memcpy(&value, at + i, 8);
		while (area < AREAS && (!areas[area] || value != (uint64_t)areas[area]))
			area++;
		if (value && area < AREAS) {
			printf("@%d", area);
			i += 8;
		} else {
			printf("%02x", at[i++]);
		}
	}
	if (n == 0)
		putchar('-');
}

static void make_area(int n, const char *content, const char *kind)
{
	static unsigned char room[ROOM];
	size_t length = bytes(content, room), size = (length + PAGE - 1) / PAGE * PAGE;
	int edge = kind && !strcmp(kind, "edge");
	unsigned char *at = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(at + size, PAGE);
	areas[n] = edge ? at + size - length : at;
	memcpy(areas[n], room, length);
	if (kind && !strcmp(kind, "ro"))
		mprotect(at, size, PROT_READ);
}

static void print_stat(const struct stat *st)
{
	printf(" mode=0%o nlink=%lu uid=%u gid=%u rdev=%d size=%lld blksize=%ld blocks=%lld", st->st_mode, (unsigned long)st->st_nlink,
	       st->st_uid, st->st_gid, st->st_rdev != 0, (long long)st->st_size, (long)st->st_blksize, (long long)st->st_blocks);
}

/* Moves bytes between a mapping and a buffer; the signal that came, or 0. */
static int touch(void *to, const void *from, size_t n)
{
	int sig = sigsetjmp(landing, 1);

	if (sig == 0)
		for (size_t i = 0; i < n; i++)
			((volatile unsigned char *)to)[i] = ((const volatile unsigned char *)from)[i];
	return sig;
}

static int by_data(const void *a, const void *b)
{
	uint64_t one = ((const struct epoll_event *)a)->data.u64, other = ((const struct epoll_event *)b)->data.u64;

	return one < other ? -1 : one > other;
}

static void print_events(struct epoll_event *events, long count, int sorted)
{
	if (sorted)
		qsort(events, (size_t)count, sizeof *events, by_data);
	for (long i = 0; i < count; i++)
		printf(" 0x%x:0x%llx", events[i].events, (unsigned long long)events[i].data.u64);
}

/* Prints a text on one line, a bar for each end of a line. */
static void print_text(const char *at, size_t n)
{
	putchar(' ');
	for (size_t i = 0; i < n; i++)
		putchar(at[i] == '\n' ? '|' : at[i] == '\t' ? ' ' : at[i]);
}

static long fdinfo(int fd, char *out, size_t room)
{
	char path[64], line[512];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof line, f))
		if (strncmp(line, "ino:", 4) && strncmp(line, "mnt_id:", 7) && strncmp(line, "lock:", 5) && n + strlen(line) < room)
			n += (size_t)sprintf(out + n, "%s", line);
	fclose(f);
	return (long)n;
}

/* Calls that every open file and every mapping answers. False: it is another call. */
static int generic_line(int line, int argc, char **w, const long *a, long *result, unsigned char *room)
{
	const char *call = w[0];
	char path[64];

#define IS(name) (!strcmp(call, name))
	snprintf(path, sizeof path, "/proc/self/fd/%d", (int)a[1]);
	if (IS("readv"))
		*result = readv((int)a[1], (const struct iovec *)a[2], (int)a[3]);
	else if (IS("writev"))
		*result = writev((int)a[1], (const struct iovec *)a[2], (int)a[3]);
	else if (IS("preadv2"))
		*result = preadv2((int)a[1], (const struct iovec *)a[2], (int)a[3], a[4], (int)a[5]);
	else if (IS("pwritev2"))
		*result = pwritev2((int)a[1], (const struct iovec *)a[2], (int)a[3], a[4], (int)a[5]);
	else if (IS("sendfile"))
		*result = sendfile((int)a[1], (int)a[2], NULL, (size_t)a[3]);
	else if (IS("splice"))
		*result = splice((int)a[1], NULL, (int)a[2], NULL, (size_t)a[3], (unsigned)a[4]);
	else if (IS("copy_file_range"))
		*result = copy_file_range((int)a[1], NULL, (int)a[2], NULL, (size_t)a[3], 0);
	else if (IS("fadvise")) {
		int error = posix_fadvise((int)a[1], a[2], a[3], (int)a[4]);

		*result = error ? -1 : 0;
		errno = error;
	} else if (IS("readahead"))
		*result = readahead((int)a[1], 0, 4096);
	else if (IS("sync_file_range"))
		*result = sync_file_range((int)a[1], a[2], a[3], (unsigned)a[4]);
	else if (IS("syncfs"))
		*result = syncfs((int)a[1]);
	else if (IS("flock"))
		*result = flock((int)a[1], (int)a[2]);
	else if (IS("fstatfs")) {
		struct statfs s;

		*result = fstatfs((int)a[1], &s);
		snprintf((char *)room, ROOM, "type=0x%lx bsize=%ld namelen=%ld", (long)s.f_type, (long)s.f_bsize, (long)s.f_namelen);
	} else if (IS("fgetxattr"))
		*result = fgetxattr((int)a[1], w[2], room, ROOM);
	else if (IS("fsetxattr")) {
		size_t n = bytes(w[3], room);

		*result = fsetxattr((int)a[1], w[2], room, n, (int)a[4]);
	} else if (IS("fremovexattr"))
		*result = fremovexattr((int)a[1], w[2]);
	else if (IS("fdlink"))
		*result = readlink(path, (char *)room, ROOM);
	else if (IS("fdinfo"))
		*result = fdinfo((int)a[1], (char *)room, ROOM);
	else if (IS("reopen"))
		*result = open(path, (int)a[2], 0600);
	else if (IS("msync"))
		*result = msync(maps[atoi(w[1])] + a[2], (size_t)a[3], (int)a[4]);
	else if (IS("madvise"))
		*result = madvise(maps[atoi(w[1])] + a[2], (size_t)a[3], (int)a[4]);
	else if (IS("mremap")) {
		unsigned char *to = argc > 6 ? maps[atoi(w[6])] + a[7] : NULL;
		void *at = mremap(maps[atoi(w[1])] + a[2], (size_t)a[3], (size_t)a[4], (int)a[5], to);

		maps[line] = at == MAP_FAILED ? NULL : at;
		*result = at == MAP_FAILED ? -1 : 0;
	} else
		return 0;
	return 1;
#undef IS
}

/* What such a call shows besides its result. */
static void print_generic(const char *call, long result, const unsigned char *room)
{
	if (result < 0)
		return;
	if (!strcmp(call, "fgetxattr"))
		print_bytes(room, (size_t)result);
	if (!strcmp(call, "fdlink") || !strcmp(call, "fdinfo"))
		print_text((const char *)room, (size_t)result);
	if (!strcmp(call, "fstatfs"))
		print_text((const char *)room, strlen((const char *)room));
}

static void run_line(int line, int argc, char **w)
{
	static unsigned char room[ROOM];
	const char *call = w[0];
	static struct epoll_event events[EVENTS];
	long a[8] = { 0 }, result = 0;
	int pair[2];
	struct stat st;
	size_t n;

	for (int i = 1; i < argc && i < 8; i++)
		a[i] = number(w[i]);
#define IS(name) (!strcmp(call, name))
	errno = 0;
	if (IS("open"))
		result = open(w[1], (int)a[2], (mode_t)a[3]);
	else if (IS("close"))
		result = close((int)a[1]);
	else if (IS("dup"))
		result = dup((int)a[1]);
	else if (IS("dup2"))
		result = dup2((int)a[1], (int)a[2]);
	else if (IS("dup3"))
		result = dup3((int)a[1], (int)a[2], (int)a[3]);
	else if (IS("fcntl"))
		result = fcntl((int)a[1], (int)a[2], a[3]);
	else if (IS("read"))
		result = read((int)a[1], room, (size_t)a[2]);
	else if (IS("pread"))
		result = pread((int)a[1], room, (size_t)a[2], a[3]);
	else if (IS("write"))
		n = bytes(w[2], room), result = write((int)a[1], room, n);
	else if (IS("pwrite"))
		n = bytes(w[2], room), result = pwrite((int)a[1], room, n, a[3]);
	else if (IS("lseek"))
		result = lseek((int)a[1], a[2], (int)a[3]);
	else if (IS("ioctl"))
		result = ioctl((int)a[1], (unsigned long)a[2], a[3]);
	else if (IS("mmap")) {
		void *at = mmap(NULL, (size_t)a[2], (int)a[3], (int)a[4], (int)a[1], a[5]);

		maps[line] = at == MAP_FAILED ? NULL : at;
		result = at == MAP_FAILED ? -1 : 0;
	} else if (IS("munmap"))
		result = munmap(maps[atoi(w[1])] + a[2], (size_t)a[3]);
	else if (IS("mprotect"))
		result = mprotect(maps[atoi(w[1])] + a[2], (size_t)a[3], (int)a[4]);
	else if (IS("peek"))
		result = touch(room, maps[atoi(w[1])] + a[2], (size_t)a[3]);
	else if (IS("poke"))
		n = bytes(w[3], room), result = touch(maps[atoi(w[1])] + a[2], room, n);
	else if (IS("poll")) {
		struct pollfd p[WORDS];

		for (int i = 2; i < argc; i++)
			p[i - 2] = (struct pollfd){ (int)a[i], (short)strtol(strchr(w[i], ':') + 1, NULL, 0), 0 };
		result = poll(p, (nfds_t)argc - 2, (int)a[1]);
		printf("%d %s %ld %s", line, call, result, result == -1 ? strerrorname_np(errno) : "0");
		for (int i = 2; i < argc && result >= 0; i++)
			printf(" 0x%x", (unsigned short)p[i - 2].revents);
		answers[line] = result;
		putchar('\n');
		return;
	} else if (IS("socketpair"))
		result = socketpair(AF_UNIX, SOCK_SEQPACKET | (int)a[1], 0, pair) ? -1 : pair[0];
	else if (IS("epoll_create"))
		result = epoll_create((int)a[1]);
	else if (IS("epoll_create1"))
		result = epoll_create1((int)a[1]);
	else if (IS("epoll_ctl")) {
		struct epoll_event event = { .events = (uint32_t)a[4], .data.u64 = (uint64_t)a[5] };

		result = epoll_ctl((int)a[1], (int)a[2], (int)a[3], argc > 4 ? &event : NULL);
	} else if (IS("epoll_wait"))
		result = epoll_wait((int)a[1], events, (int)a[2], (int)a[3]);
	else if (IS("fstat"))
		result = fstat((int)a[1], &st);
	else if (IS("stat"))
		result = stat(w[1], &st);
	else if (IS("ftruncate"))
		result = ftruncate((int)a[1], a[2]);
	else if (IS("fallocate"))
		result = fallocate((int)a[1], (int)a[2], a[3], a[4]);
	else if (IS("fsync"))
		result = fsync((int)a[1]);
	else if (IS("fchmod"))
		result = fchmod((int)a[1], (mode_t)a[2]);
	else if (IS("fchown"))
		result = fchown((int)a[1], (uid_t)a[2], (gid_t)a[3]);
	else if (IS("nofile")) {
		struct rlimit limit = { (rlim_t)a[1], (rlim_t)a[1] };

		getrlimit(RLIMIT_NOFILE, &limit);
		limit.rlim_cur = (rlim_t)a[1];
		result = setrlimit(RLIMIT_NOFILE, &limit);
	} else if (IS("area"))
		make_area((int)a[1], w[2], argc > 3 ? w[3] : NULL);
	else if (!IS("dump") && !generic_line(line, argc, w, a, &result, room) && !path_call(w, a, &result, &st) &&
		 !fence_call(call, a, &result))
		exit(99);

	answers[line] = result;
	printf("%d %s %ld %s", line, call, result, result == -1 ? strerrorname_np(errno) : "0");
	if ((IS("read") || IS("pread")) && result >= 0)
		print_bytes(room, (size_t)result);
	if (IS("peek") && result == 0)
		print_bytes(room, (size_t)a[3]);
	if (IS("dump"))
		print_bytes(areas[a[1]] + a[2], (size_t)a[3]);
	if (IS("socketpair") && result >= 0)
		printf(" %d", pair[1]);
	if (IS("epoll_wait") && result > 0)
		print_events(events, result, argc > 4);
	if ((IS("fstat") || IS("stat") || IS("lstat")) && result == 0)
		print_stat(&st);
	if (result >= 0)
		printf("%s%s", path_text, fence_text);
	fence_text[0] = 0;
	path_text[0] = 0;
	print_generic(call, result, room);
	putchar('\n');
}

static void run_script(char *text)
{
	struct sigaction sa = { .sa_handler = on_fault };
	char *save;
	int line = 0;

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	for (char *l = strtok_r(text, "\n", &save); l && ++line < LINES; l = strtok_r(NULL, "\n", &save)) {
		char *words[WORDS] = { "" }, *inner;
		int n = 0;

		for (char *word = strtok_r(l, " ", &inner); word && n < WORDS; word = strtok_r(NULL, " ", &inner))
			words[n++] = word;
		run_line(line, n, words);
		fflush(stdout);
	}
	exit(0);
}

int main(int argc, char **argv)
{
	FILE *f = argc > 1 ? fopen(argv[1], "r") : NULL;
	static char text[4 << 20];
	size_t length = f ? fread(text, 1, sizeof text - 1, f) : 0;
	char *at = text;

	if (!f)
		return 2;
	fclose(f);
	text[length] = 0;
	while ((at = strstr(at, "== "))) {
		char *end = strchr(at, '\n'), *next = strstr(end, "\n== ");
		int status;

		*end = 0;
		if (next)
			*next = 0;
		printf("%s\n", at);
		fflush(stdout);
		if (fork() == 0)
			run_script(end + 1);
		wait(&status);
		if (status)
			printf("ended with status 0x%x\n", status);
		at = next ? next + 1 : end + 1;
	}
	return 0;
}
