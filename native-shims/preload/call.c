/* Calls to the server: slots of threads, requests and answers. The protocol is in ../protocol.h. */
#include "client.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static pthread_key_t thread_end;

static __thread struct {
	uint32_t generation;
	int slot;
	bool busy;
	pid_t tid;
} self __attribute__((tls_model("initial-exec")));

static void free_slot(int index)
{
	__atomic_fetch_and(&server.header->taken[index / 32], ~(1u << index % 32), __ATOMIC_RELEASE);
}

/* Threads keep slots below this for as long as they live; those above are for one call at a time. */
#define KEPT (IO_SLOTS / 2)
/* When every slot has been in use for so long, there is no room for another call. */
#define PATIENCE_NS 1000000000
#define PATIENCE_STEP_NS 1000000

/* Frees the slots of threads that ended in the middle of a call, as pthread_cancel can have them, once the server has answered. */
static void reclaim_slots(void)
{
	long pid = raw(SYS_getpid);

	for (int i = 0; i < IO_SLOTS; i++) {
		struct io_slot *slot = slot_at(i);
		uint32_t tid = __atomic_load_n(&slot->tid, __ATOMIC_RELAXED);

		if (tid && __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == IO_ANSWER && raw(SYS_tgkill, pid, tid, 0) == -ESRCH &&
		    __atomic_compare_exchange_n(&slot->tid, &tid, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			free_slot(i);
	}
}

/* -1: as many calls as there are slots are under way and go on. */
static int take_slot(void)
{
	struct timespec pause = { 0, PATIENCE_STEP_NS };

	for (int waits = 0; waits <= PATIENCE_NS / PATIENCE_STEP_NS; waits++) {
		if (waits == 1)
			reclaim_slots();
		else if (waits > 1)
			raw(SYS_nanosleep, &pause, NULL);
		for (int w = 0; w < IO_SLOTS / 32; w++) {
			uint32_t taken = __atomic_load_n(&server.header->taken[w], __ATOMIC_RELAXED);

			while (taken != UINT32_MAX) {
				int bit = __builtin_ctz(~taken);

				if (__atomic_compare_exchange_n(&server.header->taken[w], &taken, taken | 1u << bit, false, __ATOMIC_ACQUIRE,
								__ATOMIC_RELAXED))
					return w * 32 + bit;
			}
		}
	}
	return -1;
}

static void on_thread_end(void *generation)
{
	if (is_connected() && (uintptr_t)generation == server.generation && self.generation == server.generation)
		free_slot(self.slot);
	self.generation = 0;
}

void watch_threads(void)
{
	pthread_key_create(&thread_end, on_thread_end);
}

void drop_slot(void)
{
	self.generation = 0;
}

bool begin_call(struct call *call, uint32_t op, int fd, uint32_t handle)
{
	long connection = server.dead && is_connected() ? -ENODEV : connect_once();
	bool is_known = self.generation == server.generation;
	struct io_slot *slot;

	if (connection < 0) {
		errno = (int)-connection;
		return false;
	}
	/* A signal handler may call in the middle of a call: it gets a slot of its own. */
	call->index = is_known && !self.busy ? self.slot : take_slot();
	if (call->index < 0) {
		errno = ENOMEM;
		return false;
	}
	STEP();
	if (!is_known) {
		self.tid = (pid_t)raw(SYS_gettid);
		self.slot = call->index;
		self.generation = server.generation;
		pthread_setspecific(thread_end, (void *)(uintptr_t)server.generation);
	}
	if (call->index == self.slot)
		self.busy = true;
	call->slot = slot = slot_at(call->index);
	slot->tid = (uint32_t)self.tid;
	slot->op = op;
	slot->fd = fd;
	slot->handle = handle;
	slot->length = 0;
	STEP();
	return true;
}

long make_call(struct call *call)
{
	struct io_slot *slot = call->slot;
	uint32_t state = IO_REQUEST;

	for (;;) {
		if (!exchange(call->index, state)) {
			server.dead = true;
			return -ENODEV;
		}
		if (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != IO_UPCALL)
			break;
		STEP();
		do_upcall(call->index);
		STEP();
		state = IO_REPLY;
	}
	STEP();
	return slot->error ? -(long)slot->error : (long)slot->result;
}

void end_call(struct call *call)
{
	bool is_kept = call->index == self.slot && call->index < KEPT;

	if (call->index == self.slot) {
		self.busy = false;
		if (!is_kept)
			self.generation = 0;
	}
	if (!is_kept)
		free_slot(call->index);
	STEP();
}

long simple_call(uint32_t op, int fd, uint32_t handle, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e)
{
	struct call call;
	long result;

	if (!begin_call(&call, op, fd, handle))
		return -errno;
	call.slot->args[0] = a;
	call.slot->args[1] = b;
	call.slot->args[2] = c;
	call.slot->args[3] = d;
	call.slot->args[4] = e;
	result = make_call(&call);
	end_call(&call);
	return result;
}

uint32_t attach(struct call *call, const void *bytes, size_t length)
{
	call->slot->length = (uint32_t)read_guarded(call->slot->data, (uintptr_t)bytes, length < IO_DATA_SIZE ? length : IO_DATA_SIZE);
	return call->slot->length;
}

uint32_t identify(int fd)
{
	int e = errno;
	struct call call;
	long handle = 0;

	if (begin_call(&call, IO_IDENTIFY, fd, 0)) {
		long sent = send_fd(fd, call.index);

		STEP();
		if (sent > 0)
			handle = make_call(&call);
		end_call(&call);
	}
	errno = e;
	return handle > 0 ? (uint32_t)handle : 0;
}

bool is_served(void)
{
	return is_connected() && !server.dead;
}

bool reports_local(void)
{
	return is_connected() && (server.header->server.flags & IO_REPORT_LOCAL);
}

void report(const char *format, ...)
{
	int e = errno;
	struct call call;
	va_list ap;

	if (reports_local() && begin_call(&call, IO_NOTE, -1, 0)) {
		int n;

		va_start(ap, format);
		n = vsnprintf((char *)call.slot->data, IO_DATA_SIZE, format, ap);
		va_end(ap);
		call.slot->length = (uint32_t)(n < 0 ? 0 : n);
		make_call(&call);
		end_call(&call);
	}
	errno = e;
}
