/* What hostile programs share: chance by a seed, odd values, memory that another thread takes away. */
#ifndef HOSTILE_H
#define HOSTILE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "harmless.h"

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

/* A memory file that is not emulated. It cannot grow: a call that is wrong for a node must not fill the host's memory. */
static int own_file(void)
{
	int fd = memfd_create("own", MFD_ALLOW_SEALING);

	fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	return fd;
}

/* Makes calls until there were enough, by the arguments of the program: a seed and a number. */
static int be_hostile(int argc, char **argv, void (*const *kinds)(void), uint32_t kind_count)
{
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
		kinds[draw(kind_count)]();
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	return 0;
}

#endif
