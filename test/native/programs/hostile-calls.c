/*
 * A program that makes every call with every kind of wrong argument, while another
 * of its threads takes the memory away and changes what stands there: random, by
 * seed. hostile-calls SEED CALLS. What the calls answer does not matter here; that
 * they do, and that no signal comes of it, does.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SYNC_IOC_SET_DEADLINE
#define SYNC_IOC_SET_DEADLINE _IOC(_IOC_WRITE, '>', 5, 16)
#endif

#define FDS 48
#define PAGE 4096ul
#define ARENA_PAGES 8

static unsigned state;
static int fds[FDS];
static char *arena;
static bool done;

static uint32_t draw_from(unsigned *s, uint32_t below)
{
	*s = *s * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)(*s >> 4) * below) >> 28);
}

static uint32_t draw(uint32_t below)
{
	return draw_from(&state, below);
}

/* Writes where there may be nothing. */
static void poke(void *to, const void *from, size_t length)
{
	struct iovec local = { (void *)from, length }, remote = { to, length };

	syscall(SYS_process_vm_writev, getpid(), &local, 1ul, &remote, 1ul, 0ul);
}

/* Takes pages away, gives them back, and scribbles on them. */
static void *sabotage(void *seed)
{
	unsigned s = (unsigned)(uintptr_t)seed;

	while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
		char *page = arena + draw_from(&s, ARENA_PAGES) * PAGE;
		uint64_t words[4] = { s, s >> 3, draw_from(&s, 64), 0 };

		switch (draw_from(&s, 4)) {
		case 0:
			/* Not munmap: the place could go to the dynamic linker, whose memory it would then be. */
			mmap(page, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
			break;
		case 1:
			mprotect(page, PAGE, draw_from(&s, 2) ? PROT_READ : PROT_NONE);
			break;
		case 2:
			poke(page + draw_from(&s, 64), words, sizeof words);
			break;
		default:
			mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		}
		sched_yield();
	}
	return NULL;
}

static int some_fd(void)
{
	static const int odd[] = { -1, -100, 1 << 30, 999999, 17777 };

	return draw(12) ? fds[draw(FDS)] : odd[draw(5)];
}

static void keep(int fd)
{
	unsigned at = draw(FDS);

	if (fd < 0)
		return;
	close(fds[at]);
	fds[at] = fd;
}

static int64_t odd_value(void)
{
	static const int64_t values[] = {
		0, 1, -1, 2, 3, 7, 8, 4095, 4096, 4097, 8192, 0x7fffffff, 0x80000000, 0xffffffff, INT64_MIN, INT64_MAX, 1ll << 53, -4096, 1ll << 62,
	};
	uint32_t n = sizeof values / sizeof *values, pick = draw(n + 3);

	return pick < n ? values[pick] : pick == n ? some_fd() : (int64_t)draw(1u << 27) << draw(37);
}

static void *pointer(const void *with, size_t length)
{
	static const uintptr_t wild[] = { 0, 8, 4095, 0xffff800000000000, 0xffffffffffffffff, 0x7ffffffff000, 0x7fffffffffff, (uintptr_t)1 << 63 };
	char *at;

	if (draw(6) == 0)
		return (void *)wild[draw(8)];
	/* Often across the end of a page, or of all of them. */
	at = arena + (1 + draw(ARENA_PAGES)) * PAGE - draw(draw(2) ? 64 : 4096);
	if (with)
		poke(at, with, length);
	return at;
}

static uint32_t some_request(void)
{
	static const uint32_t known[] = {
		DMA_HEAP_IOCTL_ALLOC, DMA_BUF_IOCTL_SYNC, DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B, DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
		DMA_BUF_IOCTL_IMPORT_SYNC_FILE, SYNC_IOC_MERGE, SYNC_IOC_FILE_INFO, SYNC_IOC_SET_DEADLINE, FIOCLEX, FIONCLEX, FIONBIO, FIOASYNC,
		FIONREAD, FIOQSIZE, 1, 2,
	};

	switch (draw(4)) {
	case 0:
		return _IOC(draw(4), "bH>T"[draw(4)], draw(16), draw(1 << 14));
	case 1:
		return draw(1u << 27) << draw(6);
	default:
		return known[draw(sizeof known / sizeof *known)];
	}
}

static void call_ioctl(void)
{
	int64_t words[12];
	struct dma_heap_allocation_data d = { .len = draw(1 << 16), .fd_flags = O_RDWR };

	for (int i = 0; i < 12; i++)
		words[i] = odd_value();
	if (draw(3) == 0) {
		/* One that can succeed, so that there is something to work on. */
		if (ioctl(some_fd(), DMA_HEAP_IOCTL_ALLOC, &d) == 0)
			keep((int)d.fd);
		return;
	}
	ioctl(some_fd(), (unsigned long)some_request() | (draw(4) ? 0 : (unsigned long)draw(1 << 16) << 32), pointer(words, sizeof words));
}

static void call_map(void)
{
	size_t length = (size_t)(draw(2) ? odd_value() : draw(1 << 16));
	int flags = (draw(2) ? MAP_SHARED : (int)odd_value()) & ~(MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE);
	void *at = mmap(pointer(NULL, 0), length, (int)draw(8), flags, some_fd(), draw(2) ? 0 : (off_t)odd_value());

	if (at != MAP_FAILED)
		munmap(at, length);
}

static void call_bytes(void)
{
	int fd = some_fd();
	size_t length = (size_t)odd_value();

	switch (draw(8)) {
	case 0:
		if (read(fd, pointer(NULL, 0), length) < 0)
			return;
		break;
	case 1:
		if (write(fd, pointer(NULL, 0), length) < 0)
			return;
		break;
	case 2:
		if (pread(fd, pointer(NULL, 0), length, odd_value()) < 0)
			return;
		break;
	case 3:
		if (pwrite(fd, pointer(NULL, 0), length, odd_value()) < 0)
			return;
		break;
	case 4:
		lseek(fd, odd_value(), (int)draw(7) - 1);
		break;
	case 5:
		if (ftruncate(fd, odd_value()))
			return;
		break;
	case 6:
		fallocate(fd, (int)odd_value(), odd_value(), odd_value());
		break;
	default:
		fsync(fd);
	}
}

static void call_control(void)
{
	int command = (int)(draw(2) ? draw(40) : 1024 + draw(20)), fd = some_fd();
	int made = fcntl(fd, command, (long)odd_value());

	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		keep(made);
}

static void call_path(void)
{
	static const char *const paths[] = {
		"/dev/dma_heap/system", "/dev/dma_heap", "/dev/dma_heap/", "/dev/dma_heap/../dma_heap/system", "/dev/dma_heap/no-such", "/dev/dma_heap/system/below",
	};
	const char *path = paths[draw(6)];
	struct stat st;

	switch (draw(6)) {
	case 0:
		stat(path, draw(2) ? &st : pointer(NULL, 0));
		break;
	case 1:
		fstat(some_fd(), draw(2) ? &st : pointer(NULL, 0));
		break;
	case 2:
		if (access(path, (int)odd_value()))
			break;
		break;
	case 3:
		open((const char *)(uintptr_t)(draw(2) ? 8 : 0xffff800000000000), O_RDWR);
		break;
	default:
		keep(open(path, (draw(2) ? O_RDWR : (int)odd_value()) & ~(O_CREAT | O_TMPFILE)));
	}
}

static void call_poll(void)
{
	struct pollfd entries[8];

	for (int i = 0; i < 8; i++)
		entries[i] = (struct pollfd){ .fd = some_fd(), .events = (short)odd_value() };
	poll(entries, draw(9), 0);
}

static void call_copies(void)
{
	int fd = some_fd();

	if (draw(2))
		keep(dup(fd));
	else if (draw(2))
		close(fds[draw(FDS)]);
	else
		dup2(fd, fds[draw(FDS)]);
}

/* A memory file that is not emulated. It cannot grow: a call that is wrong for a node must not fill the host's memory. */
static int own_file(void)
{
	int fd = memfd_create("own", MFD_ALLOW_SEALING);

	fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	return fd;
}

/* No file grows beyond a megabyte, and if memory runs out it is this program that goes. */
static void be_harmless_to_the_host(void)
{
	struct rlimit size = { 1 << 20, 1 << 20 };
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	if (setrlimit(RLIMIT_FSIZE, &size) || signal(SIGXFSZ, SIG_IGN) == SIG_ERR || write(fd, "1000", 4) != 4)
		exit(2);
	close(fd);
}

int main(int argc, char **argv)
{
	static void (*const kinds[])(void) = { call_ioctl, call_ioctl, call_ioctl, call_map, call_bytes, call_control, call_path, call_poll, call_copies };
	long calls = argc > 2 ? atol(argv[2]) : 1000;
	pthread_t thread;

	state = argc > 1 ? (unsigned)atol(argv[1]) : 1;
	be_harmless_to_the_host();
	arena = mmap(NULL, (ARENA_PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(arena + ARENA_PAGES * PAGE, PAGE, PROT_NONE);
	for (int i = 0; i < FDS; i++)
		fds[i] = i % 4 == 0 ? own_file() : i % 4 == 1 ? open("/dev/null", O_RDWR) : open("/dev/dma_heap/system", O_RDWR);
	pthread_create(&thread, NULL, sabotage, (void *)(uintptr_t)(state + 1));
	for (long i = 0; i < calls; i++)
		kinds[draw(sizeof kinds / sizeof *kinds)]();
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	return 0;
}
