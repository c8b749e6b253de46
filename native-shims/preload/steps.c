/* The end at a step of one's choice. Only in the library that tests build with IOCTOPUS_STEPS. */
#include "client.h"

#ifdef IOCTOPUS_STEPS
#include <signal.h>
#include <stdlib.h>

void step(void)
{
	static int last = -1, count;

	if (last < 0) {
		const char *text = getenv("IOCTOPUS_STEP");

		last = text ? atoi(text) : 0;
	}
	if (__atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) == last)
		raw(SYS_kill, raw(SYS_getpid), SIGKILL);
}
#endif
