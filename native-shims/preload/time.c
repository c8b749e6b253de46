/*
 * Time. Usually a program's clocks and sleeps are its own. Under --time=warp the
 * machine's clock runs ahead of the host's, by what the server publishes; then
 * clocks show the machine's time, and who sleeps does it in the server.
 */
#include "preload.h"
#include <sched.h>
#include <string.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ll

static bool is_moved(clockid_t clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
		return true;
	default:
		return false;
	}
}

static struct timespec plus(struct timespec t, int64_t ns)
{
	int64_t sum = t.tv_nsec + ns % SECOND;

	return (struct timespec){ t.tv_sec + ns / SECOND + sum / SECOND, sum % SECOND };
}

EXPORT int clock_gettime(clockid_t clock, struct timespec *out)
{
	int result = NEXT(clock_gettime)(clock, out);

	if (door()->warps && result == 0 && is_moved(clock))
		*out = plus(*out, warped_ns());
	return result;
}

EXPORT int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	int result = NEXT(gettimeofday)(out, zone);

	if (door()->warps && result == 0) {
		struct timespec t = plus((struct timespec){ out->tv_sec, out->tv_usec * 1000 }, warped_ns());

		*out = (struct timeval){ t.tv_sec, t.tv_nsec / 1000 };
	}
	return result;
}

EXPORT time_t time(time_t *out)
{
	struct timespec t;

	if (!door()->warps)
		return NEXT(time)(out);
	clock_gettime(CLOCK_REALTIME, &t);
	if (out)
		*out = t.tv_sec;
	return t.tv_sec;
}

EXPORT int timespec_get(struct timespec *out, int base)
{
	if (!door()->warps || base != TIME_UTC)
		return NEXT(timespec_get)(out, base);
	clock_gettime(CLOCK_REALTIME, out);
	return base;
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static bool is_valid(const struct timespec *t)
{
	return t->tv_sec >= 0 && t->tv_nsec >= 0 && t->tv_nsec < SECOND;
}

/* Sleeps in the machine's time. 0, or an errno; after EINTR `left` says what was left. */
static int sleep_warped(clockid_t clock, int flags, const struct timespec *request, struct timespec *left)
{
	int64_t until, now = now_ns(clock);
	long result;

	if (!is_valid(request))
		return EINVAL;
	until = request->tv_sec > INT32_MAX ? INT64_MAX : request->tv_sec * SECOND + request->tv_nsec;
	if (!(flags & TIMER_ABSTIME))
		until = until > INT64_MAX - now ? INT64_MAX : until + now;
	result = simple_call(IO_SLEEP, -1, 0, until > now ? until - now : 0, 0, 0, 0, 0);
	if (result == -EINTR && left && !(flags & TIMER_ABSTIME)) {
		int64_t rest = until - now_ns(clock);

		*left = rest > 0 ? (struct timespec){ rest / SECOND, rest % SECOND } : (struct timespec){ 0 };
	}
	return (int)-result;
}

EXPORT int clock_nanosleep(clockid_t clock, int flags, const struct timespec *request, struct timespec *left)
{
	if (!door()->warps || !is_moved(clock))
		return NEXT(clock_nanosleep)(clock, flags, request, left);
	return sleep_warped(clock, flags, request, left);
}

EXPORT int nanosleep(const struct timespec *request, struct timespec *left)
{
	if (!door()->warps)
		return NEXT(nanosleep)(request, left);
	return (int)finish(-sleep_warped(CLOCK_MONOTONIC, 0, request, left));
}

EXPORT int thrd_sleep(const struct timespec *request, struct timespec *left)
{
	int result;

	if (!door()->warps)
		return NEXT(thrd_sleep)(request, left);
	result = sleep_warped(CLOCK_MONOTONIC, 0, request, left);
	return result == 0 ? 0 : result == EINTR ? -1 : -2;
}

EXPORT int usleep(useconds_t us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	return door()->warps ? nanosleep(&t, NULL) : NEXT(usleep)(us);
}

EXPORT unsigned int sleep(unsigned int seconds)
{
	struct timespec t = { seconds, 0 }, left = { 0 };

	if (!door()->warps)
		return NEXT(sleep)(seconds);
	/* What is left of a second counts as one when it is more than half. */
	return nanosleep(&t, &left) == 0 ? 0 : (unsigned int)(left.tv_sec + (left.tv_nsec >= SECOND / 2));
}
