/*
 * Waiting for events. Sets of emulated files alone wait in the server. In other
 * sets the real kernel waits, for the real descriptors and for one that the
 * server makes readable when an emulated file may have become ready; what holds
 * is then asked of the server.
 */
#include "client.h"
#include "../spin.h"
#include "waiting.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* Entries up to here are on the stack. */
#define FEW 64

/* A poll, taken apart. */
struct waiting {
	nfds_t count;
	/* What the program gave; the emulated entries are hidden, and one is added for the waker. */
	struct pollfd *real;
	/* The emulated ones, and where they stood. */
	struct io_poll *ours;
	nfds_t *places;
	nfds_t our_count;
	bool any_real;
};

/* ---- wakers: what the server makes readable, one per slot ------------------------------- */

static int wakers[IO_SLOTS];

/* Receives the slot's waker, an eventfd. */
int64_t take_waker(int index)
{
	int fd;
	long n = receive(server.socket, &fd, 1, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return n;
	if (wakers[index] > 0)
		end_own(&wakers[index]);
	make_own(fd, &wakers[index]);
	return 0;
}

void drop_wakers(void)
{
	for (int i = 0; i < IO_SLOTS; i++)
		if (wakers[i] > 0)
			end_own(&wakers[i]);
}

static void silence(int waker)
{
	uint64_t count;

	raw(SYS_read, waker, &count, sizeof count);
}

/* ---- asking the server ------------------------------------------------------------------- */

/* The result, or a negative errno. `waker` is what wakes this thread, once it was asked to IO_POLL_WATCH. */
static long ask(struct io_poll *ours, nfds_t count, int64_t timeout_ns, int mode, int *waker)
{
	struct call call;
	size_t size = count * sizeof *ours;
	long result;

	if (!begin_call(&call, IO_POLL, -1, 0))
		return -errno;
	call.slot->args[0] = (int64_t)count;
	call.slot->args[1] = timeout_ns;
	call.slot->args[2] = mode;
	call.slot->args[3] = (int64_t)(uintptr_t)ours;
	attach(&call, ours, size);
	result = make_call(&call);
	if (result >= 0 && size <= IO_DATA_SIZE)
		memcpy(ours, call.slot->data, size);
	if (waker)
		*waker = wakers[call.index];
	end_call(&call);
	return result;
}

/* The server watches no more. */
static void end_watch(void)
{
	ask(NULL, 0, 0, IO_POLL_LOOK, NULL);
}

/* ---- time ---------------------------------------------------------------------------------- */

/* In nanoseconds; -1 for ever. Longer than a century is for ever. */
static int64_t duration(const struct timespec *t)
{
	return !t || t->tv_sec > 3000000000ll ? -1 : t->tv_sec * 1000000000ll + t->tv_nsec;
}

static struct timespec as_timespec(int64_t ns)
{
	return (struct timespec){ ns / 1000000000, ns % 1000000000 };
}

/* ---- polling ------------------------------------------------------------------------------- */

void *make_room(size_t bytes)
{
	long at = raw(SYS_mmap, NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return is_error(at) ? NULL : (void *)at;
}

void free_room(void *room, size_t bytes)
{
	raw(SYS_munmap, room, bytes);
}

/* Finds out which entries are emulated. False: they cannot be read. */
static bool take_apart(struct waiting *w, const struct pollfd *fds, nfds_t count)
{
	w->count = count;
	w->our_count = 0;
	w->any_real = false;
	if (read_guarded(w->real, (uintptr_t)fds, count * sizeof *fds) < count * sizeof *fds)
		return false;
	for (nfds_t i = 0; i < count; i++) {
		struct pollfd *entry = &w->real[i];
		uint32_t handle = entry->fd < 0 ? 0 : handle_of(entry->fd);

		if (handle) {
			w->ours[w->our_count] = (struct io_poll){ entry->fd, handle, (uint16_t)entry->events, 0 };
			w->places[w->our_count++] = i;
			entry->fd = -1;
		} else if (entry->fd >= 0) {
			w->any_real = true;
		}
		entry->revents = 0;
	}
	return true;
}

/* Puts the answers together: how many entries have one, or -EFAULT. */
static long put_together(struct waiting *w, struct pollfd *fds)
{
	long ready = 0;

	for (nfds_t i = 0; i < w->our_count; i++)
		w->real[w->places[i]].revents = (short)w->ours[i].revents;
	for (nfds_t i = 0; i < w->count; i++)
		ready += w->real[i].revents != 0;
	for (nfds_t done = 0; done < w->count; done += FEW) {
		short answers[FEW];
		nfds_t n = w->count - done < FEW ? w->count - done : FEW;

		for (nfds_t i = 0; i < n; i++)
			answers[i] = w->real[done + i].revents;
		if (!scatter_guarded((uintptr_t)&fds[done].revents, sizeof *fds, answers, sizeof *answers, n))
			return -EFAULT;
	}
	return ready;
}

static long real_poll(struct pollfd *fds, nfds_t count, int64_t timeout_ns, const sigset_t *mask)
{
	struct timespec t = as_timespec(timeout_ns);

	return raw(SYS_ppoll, fds, count, timeout_ns < 0 ? NULL : &t, mask, mask ? 8 : 0);
}

/* What is ready now, without waiting. In mode IO_POLL_WATCH the server watches on when nothing is. */
static long look(struct waiting *w, struct pollfd *fds, int64_t timeout_ns, int mode, int *waker)
{
	long ours = ask(w->ours, w->our_count, timeout_ns, mode, waker), real = 0;

	if (ours < 0)
		return ours;
	if (w->any_real)
		real = real_poll(w->real, w->count, 0, NULL);
	return real < 0 ? real : put_together(w, fds);
}

/* Waits for all of them at once. `deadline` in ns, or -1. */
static long wait_for_any(struct waiting *w, struct pollfd *fds, int64_t deadline, const sigset_t *mask)
{
	for (;;) {
		int64_t left = deadline < 0 ? -1 : deadline - now_ns();
		int waker = -1;
		long n = look(w, fds, door()->warps ? left : -1, IO_POLL_WATCH, &waker);

		if (n != 0 || (left <= 0 && deadline >= 0)) {
			end_watch();
			return n;
		}
		w->real[w->count] = (struct pollfd){ waker, POLLIN, 0 };
		/* Under --time=warp the server says when the time is up. */
		n = real_poll(w->real, w->count + 1, door()->warps ? -1 : left, mask);
		if (n < 0) {
			end_watch();
			return n;
		}
		if (w->real[w->count].revents)
			silence(waker);
		/* What the real kernel found is the answer, with what the server has to add. */
		if (n > (w->real[w->count].revents != 0))
			return look(w, fds, 0, IO_POLL_LOOK, NULL);
	}
}

static long poll_apart(struct waiting *w, struct pollfd *fds, int64_t timeout_ns, const sigset_t *mask)
{
	int64_t deadline = timeout_ns < 0 ? -1 : now_ns() + timeout_ns;
	long result;

	if (!w->any_real && !mask) {
		result = ask(w->ours, w->our_count, timeout_ns, IO_POLL_WAIT, NULL);
		return result < 0 ? result : put_together(w, fds);
	}
	result = look(w, fds, 0, IO_POLL_LOOK, NULL);
	return result != 0 || timeout_ns == 0 ? result : wait_for_any(w, fds, deadline, mask);
}

long poll_any(struct pollfd *fds, nfds_t count, struct timespec *timeout, const sigset_t *mask)
{
	size_t size = (count + 1) * (sizeof(struct pollfd) + sizeof(struct io_poll) + sizeof(nfds_t));
	struct pollfd few_real[FEW + 1];
	struct io_poll few_ours[FEW];
	nfds_t few_places[FEW];
	struct waiting w = { .real = few_real, .ours = few_ours, .places = few_places };
	int64_t timeout_ns = duration(timeout), began = timeout ? now_ns() : 0;
	void *room = NULL;
	long result;

	if (count > FEW) {
		struct rlimit limit;

		if (raw(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) == 0 && count > limit.rlim_cur)
			return -EINVAL;
		room = make_room(size);
		if (!room)
			return -ENOMEM;
		w.ours = room;
		w.real = (struct pollfd *)(w.ours + count);
		w.places = (nfds_t *)(w.real + count + 1);
	}
	result = take_apart(&w, fds, count) ? poll_apart(&w, fds, timeout_ns, mask) : -EFAULT;
	if (room)
		free_room(room, size);
	if (timeout && timeout_ns >= 0) {
		int64_t left = timeout_ns - (now_ns() - began);

		*timeout = as_timespec(left > 0 && result != 0 ? left : 0);
	}
	return result;
}

long poll_own(int fd, const struct timespec *timeout, const sigset_t *mask)
{
	struct pollfd entry = { fd, POLLIN, 0 }, room[2] = { entry };
	struct waiting w = { .count = 1, .real = room, .any_real = true };

	return poll_apart(&w, &entry, duration(timeout), mask);
}

/* Whether an entry is ours; what cannot be read, the real call says. */
static bool any_ours(uintptr_t fds, nfds_t count)
{
	struct pollfd some[FEW];

	if (!door()->open)
		return false;
	for (nfds_t i = 0; i < count; i += FEW) {
		nfds_t n = count - i < FEW ? count - i : FEW;

		if (read_guarded(some, fds + i * sizeof *some, n * sizeof *some) < n * sizeof *some)
			return false;
		for (nfds_t k = 0; k < n; k++)
			if (some[k].fd >= 0 && handle_of(some[k].fd))
				return true;
	}
	return false;
}

EXPORT int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000l };

	if (!(door()->warps && timeout_ms > 0) && !any_ours((uintptr_t)fds, count))
		return NEXT(poll)(fds, count, timeout_ms);
	return (int)finish(poll_any(fds, count, timeout_ms < 0 ? NULL : &timeout, NULL));
}

EXPORT int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	struct timespec left;

	if (!(door()->warps && timeout) && !any_ours((uintptr_t)fds, count))
		return NEXT(ppoll)(fds, count, timeout, mask);
	if (timeout) {
		left = *timeout;
		if (left.tv_sec < 0 || left.tv_nsec < 0 || left.tv_nsec > 999999999)
			return (int)finish(-EINVAL);
	}
	return (int)finish(poll_any(fds, count, timeout ? &left : NULL, mask));
}

/* What <poll.h> calls instead under _FORTIFY_SOURCE. */
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t room);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask, size_t room);

EXPORT int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t room)
{
	return room / sizeof *fds < count ? NEXT(__poll_chk)(fds, count, timeout_ms, room) : poll(fds, count, timeout_ms);
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask, size_t room)
{
	return room / sizeof *fds < count ? NEXT(__ppoll_chk)(fds, count, timeout, mask, room) : ppoll(fds, count, timeout, mask);
}
