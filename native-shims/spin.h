/* Waiting awake, and the time that it takes: for both sides of the region. */
#ifndef IOCTOPUS_SPIN_H
#define IOCTOPUS_SPIN_H

#include <stdint.h>
#include <time.h>

/* The host's monotonic clock, or under --time=warp the machine's. */
static inline int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("yield");
#endif
}

#endif
