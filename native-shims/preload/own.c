/*
 * The library's own descriptors. They sit at the top of the range, are closed by
 * exec, and for the program they are not open: calls on them get EBADF, and what
 * would end or replace them goes around.
 *
 * Somebody may end them past us all the same and put something else in their
 * place. So each open file of ours bears a mark that no other has, and that is
 * looked at before it is used: SIGIO's replacement is a signal that the C library
 * keeps from programs. Nothing asks for SIGIO here, so none is ever sent.
 */
#include "client.h"
#include <fcntl.h>
#include <sys/resource.h>

/* They sit below this number or the limit, out of the program's way. */
#define TOP 16384
#define ROOM 8

/* SIGSETXID of the C library. */
#define MARK 33

/* Where their numbers are kept. */
#define OWN_MAX 2048
static int *places[OWN_MAX];
/* Places from here on were never used. */
static int places_end;
/* For a quick no: numbers that may be one of them. */
#define NUMBERS 65536
static uint32_t numbers[NUMBERS / 32];

static int first_place(void)
{
	struct rlimit limit;
	long top = TOP;

	if (raw(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) == 0 && limit.rlim_cur < (rlim_t)top)
		top = (long)limit.rlim_cur;
	return top > 2 * ROOM ? (int)top - ROOM : top > 5 ? (int)top - 2 : 3;
}

/* Copies a descriptor to the first free number from one on, or else as near below as there is one. */
static long copy_up(int fd, int from)
{
	long copy = raw(SYS_fcntl, fd, F_DUPFD_CLOEXEC, from);

	for (int below = first_place(), step = ROOM; copy < 0 && below > 3; step *= 2) {
		below = below - step > 3 ? below - step : 3;
		copy = raw(SYS_fcntl, fd, F_DUPFD_CLOEXEC, below);
	}
	return copy;
}

static void enter(int *place, int fd)
{
	if (fd < NUMBERS)
		__atomic_fetch_or(&numbers[fd / 32], 1u << fd % 32, __ATOMIC_RELAXED);
	__atomic_store_n(place, fd, __ATOMIC_RELEASE);
}

#define EACH_PLACE(p)                                                                                                   \
	for (int **p = places, **end_ = places + __atomic_load_n(&places_end, __ATOMIC_ACQUIRE); p < end_; p++)                 \
		if (__atomic_load_n(p, __ATOMIC_ACQUIRE))

void make_own(int fd, int *place)
{
	long moved = copy_up(fd, first_place());
	int i = 0, end = __atomic_load_n(&places_end, __ATOMIC_RELAXED);

	if (moved >= 0)
		raw(SYS_close, fd);
	else
		moved = fd;
	raw(SYS_fcntl, moved, F_SETSIG, MARK);
	forget((int)moved);
	enter(place, (int)moved);
	for (int *none = NULL; i < OWN_MAX && !__atomic_compare_exchange_n(&places[i], &none, place, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	     i++)
		none = NULL;
	while (end <= i && !__atomic_compare_exchange_n(&places_end, &end, i + 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

bool is_intact(int fd)
{
	return raw(SYS_fcntl, fd, F_GETSIG) == MARK;
}

void end_own(int *place)
{
	int fd = *place;

	EACH_PLACE(p)
		if (*p == place)
			__atomic_store_n(p, NULL, __ATOMIC_RELEASE);
	__atomic_store_n(place, -1, __ATOMIC_RELEASE);
	if (fd < NUMBERS && fd >= 0)
		__atomic_fetch_and(&numbers[fd / 32], ~(1u << fd % 32), __ATOMIC_RELAXED);
	if (is_intact(fd))
		raw(SYS_close, fd);
	forget(fd);
}

static int *place_of(int fd)
{
	EACH_PLACE(p)
		if (**p == fd)
			return *p;
	return NULL;
}

bool is_internal(int fd)
{
	if (fd < 0 || (fd < NUMBERS && !(__atomic_load_n(&numbers[fd / 32], __ATOMIC_RELAXED) >> fd % 32 & 1)))
		return false;
	return place_of(fd) && is_intact(fd);
}

int next_internal(int from)
{
	int found = -1;

	EACH_PLACE(p)
		if (**p >= from && (found < 0 || **p < found) && is_internal(**p))
			found = **p;
	return found;
}

void make_way(int fd)
{
	long moved;
	int *place;

	if (!is_internal(fd))
		return;
	moved = copy_up(fd, fd + 1);
	place = place_of(fd);
	if (moved < 0 || !place)
		return;
	forget((int)moved);
	enter(place, (int)moved);
	raw(SYS_close, fd);
	forget(fd);
}

bool are_own_intact(void)
{
	return is_intact(server.socket) && is_intact(server.bell);
}

bool has_lost_own(void)
{
	static uint16_t checked_at;
	uint16_t now = descriptor_epoch();

	/* Who must ring looks at the bell then, and a server that has dropped us wants to be rung. */
	if (now == __atomic_load_n(&checked_at, __ATOMIC_RELAXED))
		return false;
	if (!are_own_intact())
		return true;
	__atomic_store_n(&checked_at, now, __ATOMIC_RELAXED);
	return false;
}
