/* Calls to the server: slots of threads, requests and answers. The protocol is in ../protocol.h. */
#include "client.h"
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* linux/errno.h, which programs never see. */
#define ERESTARTSYS 512
#define ERESTARTNOHAND 514

static pthread_key_t thread_end;

/* Calls inside calls of one thread: a handler may call in the middle of one. */
#define NESTED_MAX 8
/* Beyond, an address is not of the same stack. */
#define STACK_MAX (64ul << 20)

/* A call of this thread that has begun and not ended. */
struct under_way {
	struct io_slot *slot;
	int index;
	/* The frame that began it: one that is gone was left by a jump out of a handler. */
	uintptr_t frame;
	/* The state that it gave its slot, while it waits for another. */
	uint32_t waits_from;
	bool rang;
	/* A handler has run since it began; one that does not let calls start again. */
	bool interrupted, refused;
	/* The server has asked something. */
	bool was_asked;
};

static __thread struct {
	uint32_t generation;
	/* The thread's own, which it keeps; -1 when it has none. */
	int slot;
	pid_t tid;
	int depth;
	struct under_way calls[NESTED_MAX];
} self __attribute__((tls_model("initial-exec")));

static void free_slot(int index)
{
	/* Nobody finds it with a thread that is gone. */
	__atomic_store_n(&slot_at(index)->tid, 0, __ATOMIC_RELAXED);
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
	if (is_connected() && (uintptr_t)generation == server.generation && self.generation == server.generation && self.slot >= 0)
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
	self.slot = -1;
	self.depth = 0;
}

/* Whether we run on a stack that handlers have for themselves. */
static bool is_on_other_stack(void)
{
	stack_t stack;

	return raw(SYS_sigaltstack, NULL, &stack) == 0 && (stack.ss_flags & SS_ONSTACK);
}

static void end_last(void)
{
	int index = self.calls[--self.depth].index;

	if (index != self.slot)
		free_slot(index);
}

/* Calls that nobody will come back to: their handler jumped out. They have been ended before it ran. */
static void drop_left(uintptr_t frame)
{
	while (self.depth > 0) {
		uintptr_t began = self.calls[self.depth - 1].frame;

		if (frame < began || frame - began > STACK_MAX || is_on_other_stack())
			break;
		end_last();
	}
}

bool begin_call(struct call *call, uint32_t op, int fd, uint32_t handle)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	long connection = server.dead && is_connected() ? -ENODEV : connect_once();
	struct io_slot *slot;

	if (connection < 0) {
		errno = (int)-connection;
		return false;
	}
	if (self.generation != server.generation) {
		drop_slot();
		self.generation = server.generation;
		self.tid = (pid_t)raw(SYS_gettid);
		/* Another connection knows the file by another handle. */
		if (handle)
			handle = handle_of(fd);
	}
	if (self.depth > 0)
		drop_left(frame);
	call->index = self.depth == NESTED_MAX ? -1 : self.depth > 0 || self.slot < 0 ? take_slot() : self.slot;
	if (call->index < 0) {
		errno = ENOMEM;
		return false;
	}
	STEP();
	if (self.depth == 0 && call->index < KEPT && self.slot < 0) {
		self.slot = call->index;
		pthread_setspecific(thread_end, (void *)(uintptr_t)server.generation);
	}
	slot = slot_at(call->index);
	self.calls[self.depth] = (struct under_way){ .slot = slot, .index = call->index, .frame = frame };
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	self.depth++;
	call->slot = slot;
	call->bytes = NULL;
	slot->tid = (uint32_t)self.tid;
	slot->op = op;
	slot->fd = fd;
	slot->handle = handle;
	slot->length = 0;
	STEP();
	return true;
}

/* The connection's descriptors were ended past us, so the server has dropped the request: it is made again on another connection. */
static bool move_call(struct call *call)
{
	const struct io_slot *old = call->slot;

	suspect_all();
	if (!begin_call(call, old->op, old->fd, old->handle))
		return false;
	call->slot->length = old->length;
	memcpy(call->slot->args, old->args, sizeof old->args);
	memcpy(call->slot->data, old->data, old->length);
	return true;
}

static bool is_cancellation_point(uint32_t op)
{
	switch (op) {
	case IO_OPEN:
	case IO_READ:
	case IO_WRITE:
	case IO_PREAD:
	case IO_PWRITE:
	case IO_VECTOR:
	case IO_FSYNC:
	case IO_POLL:
	case IO_SLEEP:
	case IO_MESSAGE:
		return true;
	default:
		return false;
	}
}

/* Answers what the server asks until the call has ended. False: the server is gone, or the connection. */
static bool see_through(struct under_way *call, uint32_t from, bool cancellable)
{
	struct io_slot *slot = call->slot;

	for (;; from = IO_REPLY) {
		bool alive;

		call->waits_from = from;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		/* A handler that ran before we waited did not end the call. */
		if (call->interrupted && !slot->cancel)
			ask_to_end(slot, call->index);
		alive = wait_for_server(slot, from, call->rang, cancellable);
		call->waits_from = IO_IDLE;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		if (!alive)
			return false;
		if (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != IO_UPCALL)
			return true;
		STEP();
		do_upcall(slot, call->index);
		STEP();
		call->was_asked = true;
		if (!hand_over(slot, call->index, IO_REPLY, &call->rang))
			return false;
	}
}

void interrupt_call(bool restarts)
{
	struct under_way *call;

	if (self.depth == 0 || self.generation != server.generation || !is_connected())
		return;
	call = &self.calls[self.depth - 1];
	call->interrupted = true;
	if (!restarts)
		call->refused = true;
	if (call->waits_from != IO_IDLE)
		see_through(call, call->waits_from, false);
}

void end_cancelled_call(struct io_slot *slot)
{
	struct call call = { .slot = slot, .index = self.calls[self.depth - 1].index };

	interrupt_call(false);
	end_call(&call);
}

/* False: nobody has done it. */
static bool make_once(struct under_way *call)
{
	struct io_slot *slot = call->slot;

	call->interrupted = call->refused = call->was_asked = false;
	slot->cancel = 0;
	if (hand_over(slot, call->index, IO_REQUEST, &call->rang) && see_through(call, IO_REQUEST, is_cancellation_point(slot->op)))
		return true;
	if (is_current(slot) && are_own_intact())
		server.dead = true;
	return false;
}

/* A call that a signal interrupted, and that may start again, does so from its arguments. */
static void restore(struct call *call, const int64_t *args)
{
	struct io_slot *slot = call->slot;

	memcpy(slot->args, args, sizeof slot->args);
	if (slot->handle)
		slot->handle = handle_of(slot->fd);
	attach(call, call->bytes, call->wanted);
}

long make_call(struct call *call)
{
	int64_t args[IO_ARGS];

	memcpy(args, call->slot->args, sizeof args);
	for (;;) {
		struct under_way *under_way = &self.calls[self.depth - 1];
		struct io_slot *slot = call->slot;

		if (!make_once(under_way)) {
			/* What the server had begun it cannot begin again. */
			if (server.dead || under_way->was_asked || slot->op == IO_IDENTIFY || !move_call(call))
				return -ENODEV;
		} else if (slot->error != ERESTARTSYS && slot->error != ERESTARTNOHAND) {
			return slot->error ? -(long)slot->error : (long)slot->result;
		} else if (slot->error == ERESTARTNOHAND || under_way->refused) {
			return -EINTR;
		} else {
			restore(call, args);
		}
	}
}

void end_call(struct call *call)
{
	if (!is_current(call->slot) || self.generation != server.generation)
		return;
	while (self.depth > 0 && self.calls[self.depth - 1].index != call->index)
		end_last();
	if (self.depth > 0)
		end_last();
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
	call->bytes = bytes;
	call->wanted = length;
	call->slot->length = (uint32_t)read_guarded(call->slot->data, (uintptr_t)bytes, length < IO_DATA_SIZE ? length : IO_DATA_SIZE);
	return call->slot->length;
}

/* How often a connection may be lost while a descriptor is on its way. */
#define TRIES 10

long identify(int fd)
{
	int e = errno;
	struct call call;
	long handle = -ENODEV;

	for (int i = 0; i < TRIES && handle == -ENODEV && begin_call(&call, IO_IDENTIFY, fd, 0); i++) {
		long sent = send_fd(fd, call.index);

		STEP();
		if (sent > 0)
			handle = make_call(&call);
		else
			suspect_all();
		end_call(&call);
	}
	errno = e;
	return handle;
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
