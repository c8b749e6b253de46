/* Waiting for events. */
#include "preload.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

/* Entries that one call can carry. */
#define ENTRIES_MAX (IO_DATA_SIZE / sizeof(struct io_poll))

static bool is_open(int fd)
{
	return raw(SYS_fcntl, fd, F_GETFD) >= 0;
}

/* Whether every entry is ours, skipped or not open, and at least one is ours; then `out` has them. */
static bool all_ours(uintptr_t user, nfds_t count, struct io_poll *out)
{
	struct pollfd fds[ENTRIES_MAX];
	bool any = false;

	if (!door()->open || count == 0 || count > ENTRIES_MAX)
		return false;
	/* Where the entries cannot be read, the real call says so. */
	if (read_guarded(fds, user, count * sizeof *fds) < count * sizeof *fds)
		return false;
	for (nfds_t i = 0; i < count; i++) {
		uint32_t handle = fds[i].fd < 0 ? 0 : handle_of(fds[i].fd);

		if (fds[i].fd >= 0 && !handle && is_open(fds[i].fd))
			return false;
		any = any || handle;
		out[i] = (struct io_poll){ fds[i].fd, handle, (uint16_t)fds[i].events, 0 };
	}
	return any;
}

static int poll_ours(struct pollfd *fds, nfds_t count, const struct io_poll *entries, int64_t timeout_ns)
{
	struct call call;
	long result;

	if (!begin_call(&call, IO_POLL, -1, 0))
		return -1;
	memcpy(call.slot->data, entries, count * sizeof *entries);
	call.slot->length = (uint32_t)(count * sizeof *entries);
	call.slot->args[0] = (int64_t)count;
	call.slot->args[1] = timeout_ns;
	result = make_call(&call);
	for (nfds_t i = 0; i < count && result >= 0; i++)
		fds[i].revents = (short)((struct io_poll *)call.slot->data)[i].revents;
	end_call(&call);
	return (int)finish(result);
}

EXPORT int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct io_poll entries[ENTRIES_MAX];

	if (all_ours((uintptr_t)fds, count, entries))
		return poll_ours(fds, count, entries, timeout_ms < 0 ? -1 : timeout_ms * 1000000ll);
	return NEXT(poll)(fds, count, timeout_ms);
}

EXPORT int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	struct io_poll entries[ENTRIES_MAX];

	if (all_ours((uintptr_t)fds, count, entries))
		return poll_ours(fds, count, entries, timeout ? timeout->tv_sec * 1000000000ll + timeout->tv_nsec : -1);
	return NEXT(ppoll)(fds, count, timeout, mask);
}
