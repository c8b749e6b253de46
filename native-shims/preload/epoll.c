/*
 * epoll. The program's epoll descriptor is a real one and holds the real files; the
 * emulated ones are in a set of the server. The two are joined by a pipe of the
 * set, whose read end (a descriptor of ours) the real one watches: an event with
 * IO_EPOLL_MAGIC in its data says that the server may have some.
 */
#include "client.h"
#include "../spin.h"
#include "waiting.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* Events that one answer can carry. */
#define EVENTS_MAX (IO_DATA_SIZE / sizeof(struct io_epoll_event))

static int made(int fd)
{
	remember_foreign(fd);
	return fd;
}

EXPORT int epoll_create(int size)
{
	return made(NEXT(epoll_create)(size));
}

EXPORT int epoll_create1(int flags)
{
	return made(NEXT(epoll_create1)(flags));
}

/* Whether a descriptor is an emulated file that was opened with O_PATH: its real one was not. */
static bool is_path(int fd)
{
	uint32_t handle = handle_of(fd);
	long flags = handle ? simple_call(IO_FCNTL, fd, handle, F_GETFL, 0, 0, 0, 0) : 0;

	return flags > 0 && (flags & O_PATH);
}

/* What the real kernel found wrong with an epoll descriptor that may be such a one. */
static int refused(int epfd, int result)
{
	if (errno == EINVAL)
		errno = is_path(epfd) ? EBADF : EINVAL;
	return result;
}

/* About an emulated file. Errors are found in Linux's order, the rest of them by the server. */
static long control(int epfd, int op, int fd, uint32_t handle, const struct epoll_event *user)
{
	struct epoll_event event = { 0 };
	struct call call;
	uint32_t flags = 0, set = 0;
	long result;

	if (op != EPOLL_CTL_DEL && read_guarded(&event, (uintptr_t)user, sizeof event) < sizeof event)
		return -EFAULT;
	/* No program's epoll descriptor watches our doorbell. */
	result = raw(SYS_epoll_ctl, epfd, EPOLL_CTL_DEL, server.bell, NULL);
	if (result == -EBADF || (result == -EINVAL && is_path(epfd)))
		return -EBADF;
	if (result == -EINVAL)
		flags = IO_EPOLL_FOREIGN;
	else
		set = set_of(epfd);
	for (int sent = flags == 0 && set == 0;; sent = 1) {
		if (!begin_call(&call, IO_EPOLL_CTL, fd, handle))
			return -errno;
		if (sent && send_fd(epfd, call.index) > 0)
			flags = IO_EPOLL_SENT;
		call.slot->args[0] = epfd;
		call.slot->args[1] = set;
		call.slot->args[2] = op;
		call.slot->args[3] = event.events;
		call.slot->args[4] = (int64_t)event.data.u64;
		call.slot->args[5] = flags;
		result = make_call(&call);
		end_call(&call);
		if (result != -ESTALE || sent)
			return result;
	}
}

EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	uint32_t handle = handle_of(fd);
	int result;

	if (handle)
		return (int)finish(control(epfd, op, fd, handle, event));
	/* The program does not know of ours, so for the program they are not open. */
	result = NEXT(epoll_ctl)(epfd, op, is_internal(fd) ? -1 : fd, event);
	return result < 0 ? refused(epfd, result) : result;
}

/* ---- waiting ------------------------------------------------------------------------ */

/* Events that are looked at at a time. */
#define SOME 64

/* One of the calls that wait, with what the program gave. */
struct waiting {
	enum { WAIT, PWAIT, PWAIT2 } call;
	int epfd;
	struct epoll_event *events;
	int max;
	const sigset_t *mask;
	/* For traces. */
	int timeout_ms;
};

/* Has the server report events of a set, at most `max`. Says how many, or a negative errno: -ESTALE when it is no set of ours. */
static long collect(const struct waiting *w, uint32_t set, long max, struct epoll_event *out)
{
	const struct io_epoll_event *in;
	struct call call;
	long n;

	for (int sent = 0;; sent = 1) {
		if (!begin_call(&call, IO_EPOLL_COLLECT, -1, 0))
			return -errno;
		call.slot->args[0] = w->epfd;
		call.slot->args[1] = set;
		call.slot->args[2] = max;
		call.slot->args[3] = sent && send_fd(w->epfd, call.index) > 0 ? IO_EPOLL_SENT : 0;
		call.slot->args[4] = w->timeout_ms;
		n = make_call(&call);
		if (n != -ESTALE || sent)
			break;
		end_call(&call);
	}
	in = (const struct io_epoll_event *)call.slot->data;
	if (n > max || n > (long)EVENTS_MAX)
		n = 0;
	for (long i = 0; i < n; i++)
		out[i] = (struct epoll_event){ .events = in[i].events, .data.u64 = in[i].data };
	end_call(&call);
	return n;
}

/* The events after one move into its place. */
static void close_gap(struct epoll_event *gap, long after)
{
	struct epoll_event some[SOME];

	for (long n; after > 0; after -= n, gap += n) {
		n = after < SOME ? after : SOME;
		write_guarded((uintptr_t)gap, some, read_guarded(some, (uintptr_t)(gap + 1), (size_t)n * sizeof *some));
	}
}

/* Where the marker of a set stands among the events from one on, or -1: another thread may take their memory away. */
static long find_marker(const struct waiting *w, long from, long n, uint32_t *set)
{
	struct epoll_event some[SOME];

	for (; from < n; from += SOME) {
		long count = n - from < SOME ? n - from : SOME;

		count = (long)(read_guarded(some, (uintptr_t)(w->events + from), (size_t)count * sizeof *some) / sizeof *some);
		for (long i = 0; i < count; i++)
			if (some[i].data.u64 >> 32 == IO_EPOLL_MAGIC) {
				*set = (uint32_t)some[i].data.u64;
				return from + i;
			}
	}
	return -1;
}

/* Puts what the server has to report into the place of the marker. Says how many events there are, or a negative errno. */
static long gather(const struct waiting *w, long n)
{
	struct epoll_event out[EVENTS_MAX];
	uint32_t set;

	for (long at = -1; (at = find_marker(w, at + 1, n, &set)) >= 0;) {
		long got = collect(w, set, w->max - n + 1, out);

		/* The program's own data, which only looks like ours. */
		if (got == -ESTALE)
			continue;
		n--;
		close_gap(w->events + at, n - at);
		if (got < 0)
			return n > 0 ? n : got;
		got = (long)(write_guarded((uintptr_t)(w->events + n), out, (size_t)got * sizeof *out) / sizeof *out);
		return n + got;
	}
	return n;
}

/* The real call. `timeout_ns`: negative for no end. */
static int wait_really(const struct waiting *w, int64_t timeout_ns)
{
	struct timespec left = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
	int left_ms = timeout_ns < 0 ? -1 : timeout_ns > INT_MAX * 1000000ll ? INT_MAX : (int)((timeout_ns + 999999) / 1000000);

	if (w->call == WAIT)
		return NEXT(epoll_wait)(w->epfd, w->events, w->max, left_ms);
	if (w->call == PWAIT)
		return NEXT(epoll_pwait)(w->epfd, w->events, w->max, left_ms, w->mask);
	return NEXT(epoll_pwait2)(w->epfd, w->events, w->max, timeout_ns < 0 ? NULL : &left, w->mask);
}

/* The same under --time=warp: the server keeps the time. */
static int wait_warped(const struct waiting *w, int64_t timeout_ns)
{
	struct timespec left = { timeout_ns / 1000000000, timeout_ns % 1000000000 };

	for (;;) {
		struct pollfd self = { w->epfd, POLLIN, 0 };
		long ready = poll_any(&self, 1, timeout_ns < 0 ? NULL : &left, w->mask);
		int n = ready < 0 ? (int)finish(ready) : wait_really(w, 0);

		/* Somebody else has taken it. */
		if (n != 0 || ready == 0)
			return n;
	}
}

static int wait_on(const struct waiting *w, int64_t timeout_ns)
{
	bool is_ours = door()->warps && timeout_ns != 0 && w->max > 0 && (timeout_ns > 0 || set_of(w->epfd));

	return is_ours ? wait_warped(w, timeout_ns) : wait_really(w, timeout_ns);
}

/*
 * Makes what the real call returned the program's answer.
 *
 * @timeout_ns: 0 to only look, negative for no end
 * @began_ns: when the call began, if the time matters
 */
static int answer(const struct waiting *w, int n, int64_t timeout_ns, int64_t began_ns)
{
	while (n > 0 && (is_connected() || is_inherited())) {
		long all = gather(w, n);
		int64_t left = timeout_ns;

		if (all != 0 || timeout_ns == 0)
			return (int)finish(all);
		/* What woke us has gone meanwhile. */
		if (timeout_ns > 0) {
			left -= now_ns() - began_ns;
			if (left < 0)
				left = 0;
		}
		n = wait_on(w, left);
	}
	return n < 0 && w->max > 0 && (size_t)w->max <= INT_MAX / sizeof *w->events ? refused(w->epfd, n) : n;
}

#define BEGAN(has_end) (door()->open && (has_end) ? now_ns() : 0)

EXPORT int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	struct waiting w = { WAIT, epfd, events, max, NULL, timeout_ms };
	int64_t began = BEGAN(timeout_ms > 0);

	return answer(&w, wait_on(&w, timeout_ms * 1000000ll), timeout_ms * 1000000ll, began);
}

EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int max, int timeout_ms, const sigset_t *mask)
{
	struct waiting w = { PWAIT, epfd, events, max, mask, timeout_ms };
	int64_t began = BEGAN(timeout_ms > 0);

	return answer(&w, wait_on(&w, timeout_ms * 1000000ll), timeout_ms * 1000000ll, began);
}

EXPORT int epoll_pwait2(int epfd, struct epoll_event *events, int max, const struct timespec *timeout, const sigset_t *mask)
{
	struct waiting w = { PWAIT2, epfd, events, max, mask, -1 };
	int64_t began = BEGAN(timeout), timeout_ns = -1;
	int n;

	if (!NEXT(epoll_pwait2)) {
		errno = ENOSYS;
		return -1;
	}
	if (timeout && timeout->tv_sec >= 0 && timeout->tv_sec < INT64_MAX / 2000000000) {
		timeout_ns = timeout->tv_sec * 1000000000ll + timeout->tv_nsec;
		w.timeout_ms = (int)(timeout_ns / 1000000);
	}
	/* What is wrong with the time, the real call says. */
	if (timeout_ns >= 0 && timeout->tv_nsec >= 0 && timeout->tv_nsec < 1000000000)
		n = wait_on(&w, timeout_ns);
	else
		n = NEXT(epoll_pwait2)(epfd, events, max, timeout, mask);
	return answer(&w, n, timeout_ns, began);
}
