/*
 * epoll. The program's epoll descriptor is a real one and holds the real files; the
 * emulated ones are in a set of the server. The two are joined by a pipe of the
 * set, whose read end (a descriptor of ours) the real one watches: an event with
 * IO_EPOLL_MAGIC in its data says that the server may have some.
 */
#include "client.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* Sets that a process can have. */
#define WATCHES 1024
/* Events that one answer can carry. */
#define EVENTS_MAX (IO_DATA_SIZE / sizeof(struct io_epoll_event))

struct watch {
	/* The read end; 0 is a free entry, -1 one that is being made. */
	int fd;
	uint32_t set;
	/* A descriptor that watched it when we last looked. */
	int epfd;
};

static struct watch watches[WATCHES];
/* Entries from here on were never used. */
static int watches_end;

static uint64_t marker(uint32_t set)
{
	return (uint64_t)IO_EPOLL_MAGIC << 32 | set;
}

/* Whether a descriptor watches a set. The truth is in the kernel: all epoll descriptors share one inode. */
static bool watches_it(int epfd, const struct watch *w)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = marker(w->set) };

	return raw(SYS_epoll_ctl, epfd, EPOLL_CTL_MOD, w->fd, &event) == 0;
}

#define EACH_WATCH(w)                                                                                                   \
	for (struct watch *w = watches, *end_ = watches + __atomic_load_n(&watches_end, __ATOMIC_ACQUIRE); w < end_; w++)       \
		if (__atomic_load_n(&w->fd, __ATOMIC_ACQUIRE) > 0)

bool is_watching(int fd)
{
	EACH_WATCH(w)
		if (w->fd == fd)
			return true;
	return false;
}

static void keep(struct watch *w, int fd, uint32_t set, int epfd)
{
	int end = __atomic_load_n(&watches_end, __ATOMIC_RELAXED);

	w->set = set;
	w->epfd = epfd;
	__atomic_store_n(&w->fd, fd, __ATOMIC_RELEASE);
	while (end <= w - watches &&
	       !__atomic_compare_exchange_n(&watches_end, &end, (int)(w - watches) + 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

long watch_set(int epfd, uint32_t set, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = marker(set) };
	struct watch *w = watches;
	long result = -ENOSPC;
	int none = 0;

	fd = move_up(fd);
	while (w < watches + WATCHES && !__atomic_compare_exchange_n(&w->fd, &none, -1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		none = 0;
		w++;
	}
	if (w < watches + WATCHES) {
		result = raw(SYS_epoll_ctl, epfd, EPOLL_CTL_ADD, fd, &event);
		if (result == 0) {
			keep(w, fd, set, epfd);
			return 0;
		}
		__atomic_store_n(&w->fd, 0, __ATOMIC_RELEASE);
	}
	raw(SYS_close, fd);
	return result;
}

/* The set of an epoll descriptor, 0 when this process has none for it. */
static uint32_t set_of(int epfd)
{
	EACH_WATCH(w)
		if (w->epfd == epfd && watches_it(epfd, w))
			return w->set;
	EACH_WATCH(w)
		if (watches_it(epfd, w)) {
			w->epfd = epfd;
			return w->set;
		}
	return 0;
}

/* ---- the end of a descriptor ------------------------------------------------------ */

struct entry {
	uint64_t ino;
	int64_t next;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* Another descriptor that watches a set; -1 when there is none. */
static int another(const struct watch *w)
{
	char buffer[2048] __attribute__((aligned(8)));
	long fd = raw(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n;
	int found = fd < 0 ? w->epfd : -1;

	while (fd >= 0 && found < 0 && (n = raw(SYS_getdents64, fd, buffer, sizeof buffer)) > 0) {
		for (long at = 0; at < n && found < 0; at += ((struct entry *)(buffer + at))->length) {
			const char *name = ((struct entry *)(buffer + at))->name;
			int number = 0;

			while (*name >= '0' && *name <= '9')
				number = 10 * number + *name++ - '0';
			if (!*name && watches_it(number, w))
				found = number;
		}
	}
	if (fd >= 0)
		raw(SYS_close, fd);
	return found;
}

/* A set without a descriptor ends with our read end. */
static void look_after(struct watch *w)
{
	int fd = w->fd, other;

	if (watches_it(w->epfd, w))
		return;
	other = another(w);
	if (other >= 0) {
		w->epfd = other;
		return;
	}
	if (__atomic_compare_exchange_n(&w->fd, &fd, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		raw(SYS_close, fd);
}

void epoll_closed(int fd)
{
	EACH_WATCH(w)
		if (w->epfd == fd)
			look_after(w);
}

void epolls_changed(void)
{
	EACH_WATCH(w)
		look_after(w);
}

/* ---- calls -------------------------------------------------------------------------- */

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

	return handle && (simple_call(IO_FCNTL, fd, handle, F_GETFL, 0, 0, 0, 0) & O_PATH);
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

/* Puts what the server has to report into the place of the marker. Says how many events there are, or a negative errno. */
static long gather(const struct waiting *w, long n)
{
	struct epoll_event out[EVENTS_MAX];

	for (long i = 0; i < n; i++) {
		uint64_t data = w->events[i].data.u64;
		long got;

		if (data >> 32 != IO_EPOLL_MAGIC)
			continue;
		got = collect(w, (uint32_t)data, w->max - n + 1, out);
		/* The program's own data, which only looks like ours. */
		if (got == -ESTALE)
			continue;
		n--;
		for (long k = i; k < n; k++)
			w->events[k] = w->events[k + 1];
		if (got < 0)
			return n > 0 ? n : got;
		/* The place of the first was written just now; the others may be no memory at all. */
		if (got == 1)
			w->events[n] = out[0];
		else if (got > 1)
			got = (long)(write_guarded((uintptr_t)(w->events + n), out, (size_t)got * sizeof *out) / sizeof *out);
		return n + got;
	}
	return n;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* Waits again, for what is left of the time. */
static int wait_on(const struct waiting *w, int64_t left_ns)
{
	struct timespec left = { left_ns / 1000000000, left_ns % 1000000000 };
	int left_ms = left_ns < 0 ? -1 : (int)((left_ns + 999999) / 1000000);

	if (w->call == WAIT)
		return NEXT(epoll_wait)(w->epfd, w->events, w->max, left_ms);
	if (w->call == PWAIT)
		return NEXT(epoll_pwait)(w->epfd, w->events, w->max, left_ms, w->mask);
	return NEXT(epoll_pwait2)(w->epfd, w->events, w->max, left_ns < 0 ? NULL : &left, w->mask);
}

/*
 * Makes what the real call returned the program's answer.
 *
 * @timeout_ns: 0 to only look, negative for no end
 * @began_ns: when the call began, if the time matters
 */
static int answer(const struct waiting *w, int n, int64_t timeout_ns, int64_t began_ns)
{
	while (n > 0 && door()->open) {
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

	return answer(&w, NEXT(epoll_wait)(epfd, events, max, timeout_ms), timeout_ms * 1000000ll, began);
}

EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int max, int timeout_ms, const sigset_t *mask)
{
	struct waiting w = { PWAIT, epfd, events, max, mask, timeout_ms };
	int64_t began = BEGAN(timeout_ms > 0);

	return answer(&w, NEXT(epoll_pwait)(epfd, events, max, timeout_ms, mask), timeout_ms * 1000000ll, began);
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
	n = NEXT(epoll_pwait2)(epfd, events, max, timeout, mask);
	if (n > 0 && timeout) {
		timeout_ns = timeout->tv_sec < INT64_MAX / 2000000000 ? timeout->tv_sec * 1000000000ll + timeout->tv_nsec : -1;
		w.timeout_ms = timeout_ns < 0 ? -1 : (int)(timeout_ns / 1000000);
	}
	return answer(&w, n, timeout_ns, began);
}
