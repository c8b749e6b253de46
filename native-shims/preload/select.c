/* select(2), as the poll that it is in Linux, too. */
#include "waiting.h"
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>

#define BITS (8 * sizeof(long))
/* Entries up to here are on the stack. */
#define FEW 64

/* fs/select.c: which events each of the sets asks for, and which of the answers count for it. */
#define IN_ASKED (POLLIN | POLLRDNORM | POLLRDBAND)
#define IN_SET (IN_ASKED | POLLHUP | POLLERR)
#define OUT_ASKED (POLLOUT | POLLWRNORM | POLLWRBAND)
#define OUT_SET (OUT_ASKED | POLLERR)
#define EX_SET POLLPRI

struct sets {
	unsigned long *in, *out, *ex;
};

static bool has(const unsigned long *set, int fd)
{
	return set && (set[fd / BITS] >> fd % BITS & 1);
}

static short asked(const struct sets *s, int fd)
{
	return (short)((has(s->in, fd) ? IN_ASKED : 0) | (has(s->out, fd) ? OUT_ASKED : 0) | (has(s->ex, fd) ? EX_SET : 0));
}

/* How many descriptors are in the sets, and whether one of them is emulated. */
static nfds_t count_asked(int top, const struct sets *s, bool *any_ours)
{
	nfds_t count = 0;

	for (int fd = 0; fd < top; fd++) {
		if (!asked(s, fd))
			continue;
		count++;
		*any_ours = *any_ours || handle_of(fd);
	}
	return count;
}

static int put_back(unsigned long *set, int fd, bool is_ready)
{
	if (!has(set, fd))
		return 0;
	if (!is_ready)
		set[fd / BITS] &= ~(1ul << fd % BITS);
	return is_ready;
}

static long select_ours(int top, const struct sets *s, nfds_t count, struct timespec *timeout, const sigset_t *mask)
{
	struct pollfd few[FEW], *fds = few;
	nfds_t i = 0;
	long result;
	int ready = 0;

	if (count > FEW && !(fds = make_room(count * sizeof *fds)))
		return -ENOMEM;
	for (int fd = 0; fd < top; fd++)
		if (asked(s, fd))
			fds[i++] = (struct pollfd){ fd, asked(s, fd), 0 };
	result = poll_any(fds, count, timeout, mask);
	for (i = 0; i < count && result > 0; i++)
		if (fds[i].revents & POLLNVAL)
			result = -EBADF;
	for (i = 0; i < count && result >= 0; i++) {
		ready += put_back(s->in, fds[i].fd, fds[i].revents & IN_SET);
		ready += put_back(s->out, fds[i].fd, fds[i].revents & OUT_SET);
		ready += put_back(s->ex, fds[i].fd, fds[i].revents & EX_SET);
	}
	if (fds != few)
		free_room(fds, count * sizeof *fds);
	return result < 0 ? result : ready;
}

/* A copy of a set in a third of our room; false when it cannot be read. */
static bool copy_in(unsigned long **copy, unsigned long *room, const fd_set *set, size_t size)
{
	*copy = set ? room : NULL;
	return !set || read_guarded(room, (uintptr_t)set, size) == size;
}

static bool copy_out(fd_set *set, const unsigned long *copy, size_t size)
{
	return !set || write_guarded((uintptr_t)set, copy, size) == size;
}

/* Sets of so many words are on the stack. */
#define WORDS (FD_SETSIZE / BITS)

/*
 * The call if one of the descriptors is emulated; else *is_ours is false, also when
 * something is wrong that the real call must say.
 */
static long select_any(int top, fd_set *in, fd_set *out, fd_set *ex, struct timespec *timeout, const sigset_t *mask, bool *is_ours)
{
	size_t words = top > 0 ? (size_t)(top + (int)BITS - 1) / BITS : 0, size = words * sizeof(long);
	unsigned long few[3 * WORDS], *room = few;
	/* Under --time=warp the server keeps the time. */
	bool is_timed = door()->warps && timeout;
	struct sets s;
	nfds_t count;
	long result = 0;

	*is_ours = false;
	if (!door()->open || top < 0 || (words == 0 && !is_timed) || (words > WORDS && !(room = make_room(3 * size))))
		return 0;
	if (copy_in(&s.in, room, in, size) && copy_in(&s.out, room + words, out, size) && copy_in(&s.ex, room + 2 * words, ex, size)) {
		count = count_asked(top, &s, is_ours);
		*is_ours = *is_ours || is_timed;
		if (*is_ours)
			result = select_ours(top, &s, count, timeout, mask);
		if (*is_ours && result >= 0 && !(copy_out(in, s.in, size) && copy_out(out, s.out, size) && copy_out(ex, s.ex, size)))
			result = -EFAULT;
	}
	if (room != few)
		free_room(room, 3 * size);
	return result;
}

EXPORT int select(int top, fd_set *restrict in, fd_set *restrict out, fd_set *restrict ex, struct timeval *restrict timeout)
{
	struct timespec left;
	bool is_ours;
	long result;

	if (timeout) {
		if (timeout->tv_sec < 0 || timeout->tv_usec < 0)
			return (int)finish(-EINVAL);
		left = (struct timespec){ timeout->tv_sec + timeout->tv_usec / 1000000, timeout->tv_usec % 1000000 * 1000 };
	}
	result = select_any(top, in, out, ex, timeout ? &left : NULL, NULL, &is_ours);
	if (!is_ours)
		return NEXT(select)(top, in, out, ex, timeout);
	if (timeout)
		*timeout = (struct timeval){ left.tv_sec, left.tv_nsec / 1000 };
	return (int)finish(result);
}

EXPORT int pselect(int top, fd_set *restrict in, fd_set *restrict out, fd_set *restrict ex, const struct timespec *restrict timeout,
		   const sigset_t *restrict mask)
{
	struct timespec left;
	bool is_ours;
	long result;

	if (timeout) {
		left = *timeout;
		if (left.tv_sec < 0 || left.tv_nsec < 0 || left.tv_nsec > 999999999)
			return (int)finish(-EINVAL);
	}
	result = select_any(top, in, out, ex, timeout ? &left : NULL, mask, &is_ours);
	return is_ours ? (int)finish(result) : NEXT(pselect)(top, in, out, ex, timeout, mask);
}
