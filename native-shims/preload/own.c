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
static int *const own[] = { &server.socket, &server.bell };
#define OWN (int)(sizeof own / sizeof *own)

static int first_place(void)
{
	struct rlimit limit;
	long top = TOP;

	if (raw(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) == 0 && limit.rlim_cur < (rlim_t)top)
		top = (long)limit.rlim_cur;
	return top > 2 * ROOM ? (int)top - ROOM : top > OWN + 3 ? (int)top - OWN : 3;
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

int make_own(int fd)
{
	long moved = copy_up(fd, first_place());

	if (moved >= 0)
		raw(SYS_close, fd);
	else
		moved = fd;
	raw(SYS_fcntl, moved, F_SETSIG, MARK);
	forget((int)moved);
	return (int)moved;
}

bool is_intact(int fd)
{
	return raw(SYS_fcntl, fd, F_GETSIG) == MARK;
}

void end_own(int fd)
{
	if (is_intact(fd))
		raw(SYS_close, fd);
	forget(fd);
}

bool is_internal(int fd)
{
	if (fd < 0 || !server.header)
		return false;
	for (int i = 0; i < OWN; i++)
		if (fd == *own[i])
			return is_intact(fd);
	return false;
}

int next_internal(int from)
{
	int found = -1;

	for (int i = 0; i < OWN; i++)
		if (*own[i] >= from && (found < 0 || *own[i] < found) && is_internal(*own[i]))
			found = *own[i];
	return found;
}

void make_way(int fd)
{
	long moved;

	if (!is_internal(fd))
		return;
	moved = copy_up(fd, fd + 1);
	if (moved < 0)
		return;
	forget((int)moved);
	for (int i = 0; i < OWN; i++)
		if (*own[i] == fd)
			__atomic_store_n(own[i], (int)moved, __ATOMIC_RELEASE);
	raw(SYS_close, fd);
	forget(fd);
}

bool are_own_intact(void)
{
	for (int i = 0; i < OWN; i++)
		if (!is_intact(*own[i]))
			return false;
	return true;
}

bool has_lost_own(void)
{
	static uint16_t checked_at;
	uint16_t now = descriptor_epoch();

	/* A server that sleeps needs the bell, and one that has dropped us says that it sleeps. */
	if (now == __atomic_load_n(&checked_at, __ATOMIC_RELAXED) && !__atomic_load_n(&server.header->server.ring_me, __ATOMIC_RELAXED))
		return false;
	if (!are_own_intact())
		return true;
	__atomic_store_n(&checked_at, now, __ATOMIC_RELAXED);
	return false;
}
