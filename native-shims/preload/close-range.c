/* Ends of many descriptors at once: they go around the library's own. */
#include "preload.h"
#include <limits.h>
#include <sched.h>
#include <unistd.h>

/* Not in the headers of older C libraries. */
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2
#define CLOSE_RANGE_CLOEXEC 4
#endif
int close_range(unsigned int first, unsigned int last, int flags);
void closefrom(int first);

static long close_around(unsigned int first, unsigned int last, int flags)
{
	int own = first > INT_MAX ? -1 : next_internal((int)first);

	suspect_all();
	if (own < 0 || (unsigned int)own > last || flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
		return raw(SYS_close_range, first, last, flags);
	if (flags & CLOSE_RANGE_UNSHARE) {
		long result = raw(SYS_unshare, CLONE_FILES);

		if (result < 0)
			return result;
		flags &= ~CLOSE_RANGE_UNSHARE;
	}
	for (; own >= 0 && (unsigned int)own <= last; own = next_internal((int)first)) {
		long result = (unsigned int)own > first ? raw(SYS_close_range, first, own - 1, flags) : 0;

		if (result < 0)
			return result;
		first = (unsigned int)own + 1;
	}
	return first <= last ? raw(SYS_close_range, first, last, flags) : 0;
}

EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	long result = close_around(first, last, flags);

	epolls_changed();
	return (int)finish(result);
}

EXPORT void closefrom(int first)
{
	/* A kernel without close_range: the C library looks at each descriptor, and we connect again. */
	if (close_range(first < 0 ? 0 : (unsigned int)first, ~0u, 0) < 0)
		NEXT(closefrom)(first);
}
