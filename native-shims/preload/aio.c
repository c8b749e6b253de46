/* io_submit and its like, as libaio has them and by their numbers. */
#include "aio.h"
#include "client.h"
#include "waiting.h"
#include "../spin.h"
#include <string.h>

/* Requests that one call to the server can carry, and that are looked at at a time. */
#define SOME (IO_DATA_SIZE / sizeof(struct io_aio_request))

_Static_assert(sizeof(struct iocb) == 64, "as in struct io_aio_request");

const struct aio_sigset no_sigset;

/* Whether the real kernel knows a context: 0 or a negative errno. */
static long check(uint64_t id)
{
	return raw(SYS_io_submit, id, 0, NULL);
}

static long call_server(int kind, uint64_t id, int64_t a, int64_t b)
{
	return simple_call(IO_AIO, -1, 0, kind, (int64_t)id, a, b, 0);
}

/* ---- submitting ----------------------------------------------------------------------- */

/* The emulated file of a request, or 0: what cannot be read, the real call says. */
static uint32_t handle_of_request(struct iocb **at, struct io_aio_request *out)
{
	struct iocb *address, request;

	if (read_guarded(&address, (uintptr_t)at, sizeof address) < sizeof address ||
	    read_guarded(&request, (uintptr_t)address, sizeof request) < sizeof request)
		return 0;
	out->address = (uintptr_t)address;
	out->handle = handle_of((int)request.aio_fildes);
	out->key_fault = 0;
	memcpy(out->iocb, &request, sizeof request);
	return out->handle;
}

/* The key says that a request was submitted. The real kernel writes it, too. */
static void write_key(struct io_aio_request *request)
{
	static const uint32_t key;

	request->key_fault = write_guarded(request->address + offsetof(struct iocb, aio_key), &key, sizeof key) < sizeof key;
}

static long submit_ours(uint64_t id, struct io_aio_request *requests, size_t count)
{
	/* struct aio_ring: id, then how many events there is room for. */
	uint32_t ring[2];
	struct aio_context *context;
	struct call call;
	long result = check(id);

	if (result < 0)
		return result;
	if (read_guarded(ring, (uintptr_t)id, sizeof ring) < sizeof ring)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		write_key(&requests[i]);
	context = make_aio_context(id);
	if (!context)
		return -EAGAIN;
	if (!begin_call(&call, IO_AIO, -1, 0))
		return -errno;
	call.slot->args[0] = IO_AIO_SUBMIT;
	call.slot->args[1] = (int64_t)id;
	call.slot->args[2] = ring[1];
	call.slot->args[3] = (int64_t)count;
	attach(&call, requests, count * sizeof *requests);
	result = make_call(&call);
	end_call(&call);
	if (result > 0) {
		context->has_more = 1;
		arm(context);
	}
	return result;
}

long aio_submit(uint64_t id, long count, struct iocb **list)
{
	struct io_aio_request requests[SOME];
	long done = 0;

	if (!door()->open || count <= 0)
		return raw(SYS_io_submit, id, count, list);
	while (done < count) {
		long from = done, run = 0, n = 0;
		size_t ours = 0;

		/* Requests begin in order, so a run on real files or on emulated ones goes at a time. */
		while (from + run < count && ours < SOME && handle_of_request(&list[from + run], &requests[ours])) {
			ours++;
			run++;
		}
		if (ours) {
			n = submit_ours(id, requests, ours);
		} else {
			while (from + run < count && !handle_of_request(&list[from + run], &requests[0]))
				run++;
			n = raw(SYS_io_submit, id, run, list + from);
			if (n > 0 && door()->warps)
				note_real_requests(id);
		}
		if (n < 0)
			return done > 0 ? done : n;
		done += n;
		if (n < run)
			break;
	}
	return done;
}

/* ---- how requests ended ------------------------------------------------------------------ */

/* Takes the event of our watch out of what the real kernel has reported. */
static bool take_out(struct aio_context *context, struct io_event *events, long *count)
{
	struct io_event event;

	for (long i = 0; i < *count; i++) {
		if (read_guarded(&event, (uintptr_t)&events[i], sizeof event) < sizeof event)
			return false;
		if (event.obj != (uintptr_t)&context->watch)
			continue;
		for (--*count; i < *count; i++)
			write_guarded((uintptr_t)&events[i], &event, read_guarded(&event, (uintptr_t)&events[i + 1], sizeof event));
		return true;
	}
	return false;
}

/* Events of emulated requests: how many, or a negative errno. */
static long collect(struct aio_context *context, struct io_event *events, long most)
{
	long n;

	disarm(context);
	n = call_server(IO_AIO_COLLECT, context->id, (int64_t)(uintptr_t)events, most);
	context->has_more = n < 0 || (n & IO_AIO_MORE);
	if (context->has_more)
		arm(context);
	return n < 0 ? n : n & ~IO_AIO_MORE;
}

static long wait_really(uint64_t id, long least, long most, struct io_event *events, const struct timespec *timeout,
			const struct aio_sigset *set)
{
	return set ? raw(SYS_io_pgetevents, id, least, most, events, timeout, set == &no_sigset ? NULL : set)
		   : raw(SYS_io_getevents, id, least, most, events, timeout);
}

static struct timespec timespec_of(int64_t ns)
{
	return ns > 0 ? (struct timespec){ ns / 1000000000, ns % 1000000000 } : (struct timespec){ 0 };
}

/* Under --time=warp the server keeps the time of who waits for emulated requests alone. */
static bool is_warped(const struct aio_context *context)
{
	return door()->warps && context->waker > 0 && !__atomic_load_n(&context->has_real, __ATOMIC_RELAXED);
}

/* Waits until the server has something to report: 1, 0 when the time is over, or a negative errno. */
static long wait_warped(const struct aio_context *context, const struct timespec *timeout, const struct aio_sigset *set)
{
	return poll_own(context->waker, timeout, set && set != &no_sigset ? set->mask : NULL);
}

long aio_getevents(uint64_t id, long least, long most, struct io_event *events, const struct timespec *timeout,
		   const struct aio_sigset *set)
{
	struct aio_context *context = aio_context(id);
	struct timespec left = { 0 };
	int64_t deadline = 0;
	long done = 0;

	if (!context || least > most || least < 0)
		return wait_really(id, least, most, events, timeout, set);
	if (timeout) {
		int64_t ns;

		if (read_guarded(&left, (uintptr_t)timeout, sizeof left) < sizeof left)
			return -EFAULT;
		ns = left.tv_sec * 1000000000ll + left.tv_nsec;
		deadline = now_ns() + ns;
		/* As ktime_add_safe has it: a time that is over already is never over. */
		if (ns < 0)
			timeout = NULL;
	}
	do {
		bool waits = done < least, is_ready = false;
		long n, more;

		if (context->has_more)
			arm(context);
		/* Without a wait nothing is asked but what is there. */
		left = timespec_of(waits && timeout ? deadline - now_ns() : 0);
		if (waits && is_warped(context)) {
			n = wait_warped(context, timeout ? &left : NULL, set);
			if (n < 0)
				return done > 0 ? done : n;
			/* The real context reports it at once, unless to another thread. */
			is_ready = n > 0;
			left = timespec_of(is_ready ? 10000000 : 0);
			n = wait_really(id, is_ready, most - done, events + done, &left, set);
		} else {
			n = wait_really(id, waits, most - done, events + done, waits && !timeout ? NULL : &left, set);
		}
		if (n == 0 && is_ready)
			continue;
		if (n <= 0)
			return done > 0 ? done : n;
		if (!take_out(context, events + done, &n)) {
			done += n;
			continue;
		}
		done += n;
		more = collect(context, events + done, most - done);
		if (more < 0)
			return done > 0 ? done : more;
		done += more;
	} while (done < least);
	return done;
}

/* ---- ending -------------------------------------------------------------------------- */

long aio_cancel(uint64_t id, struct iocb *request, struct io_event *result)
{
	uint32_t key;

	if (aio_context(id) && check(id) == 0 && read_guarded(&key, (uintptr_t)&request->aio_key, sizeof key) == sizeof key && key == 0) {
		long n = call_server(IO_AIO_CANCEL, id, (int64_t)(uintptr_t)request, 0);

		if (n != -EINVAL)
			return n;
	}
	return raw(SYS_io_cancel, id, request, result);
}

long aio_destroy(uint64_t id)
{
	struct aio_context *context = aio_context(id);

	if (context && check(id) == 0) {
		call_server(IO_AIO_DESTROY, id, 0, 0);
		end_aio_context(context);
	}
	return raw(SYS_io_destroy, id);
}

/* ---- libaio's names. Its results are negative errnos ------------------------------------- */

EXPORT int io_submit(uint64_t id, long count, struct iocb **list);
EXPORT int io_getevents(uint64_t id, long least, long most, struct io_event *events, struct timespec *timeout);
EXPORT int io_pgetevents(uint64_t id, long least, long most, struct io_event *events, struct timespec *timeout, void *mask);
EXPORT int io_cancel(uint64_t id, struct iocb *request, struct io_event *result);
EXPORT int io_destroy(uint64_t id);
EXPORT int io_queue_release(uint64_t id);
EXPORT int io_queue_run(uint64_t id);

int io_submit(uint64_t id, long count, struct iocb **list)
{
	return (int)aio_submit(id, count, list);
}

int io_getevents(uint64_t id, long least, long most, struct io_event *events, struct timespec *timeout)
{
	return (int)aio_getevents(id, least, most, events, timeout, NULL);
}

int io_pgetevents(uint64_t id, long least, long most, struct io_event *events, struct timespec *timeout, void *mask)
{
	struct aio_sigset set = { mask, 8 };

	return (int)aio_getevents(id, least, most, events, timeout, mask ? &set : &no_sigset);
}

int io_cancel(uint64_t id, struct iocb *request, struct io_event *result)
{
	return (int)aio_cancel(id, request, result);
}

int io_destroy(uint64_t id)
{
	return (int)aio_destroy(id);
}

int io_queue_release(uint64_t id)
{
	return (int)aio_destroy(id);
}

/* Has each request that has ended call what its data say. */
int io_queue_run(uint64_t id)
{
	static const struct timespec none;
	struct io_event event;
	long n;

	while ((n = aio_getevents(id, 0, 1, &event, &none, NULL)) == 1)
		((void (*)(uint64_t, struct iocb *, long, long))(uintptr_t)event.data)(id, (struct iocb *)(uintptr_t)event.obj,
										       (long)event.res, (long)event.res2);
	return (int)n;
}
