/* Calls to the server: slots of threads, requests and answers. The protocol is in ../protocol.h. */
#include "client.h"
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

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
	int index;
	/* The frame that began it: one that is gone was left by a jump out of a handler. */
	uintptr_t frame;
	/* The state that it gave its slot, while it waits for another. */
	uint32_t waits_from;
	bool rang;
	/* A handler has run since it began; one that does not let calls start again. */
	bool interrupted, refused;
};

static __thread struct {
	uint32_t generation;
	/* The thread's own, which it keeps. */
	int slot;
	pid_t tid;
	int depth;
	struct under_way calls[NESTED_MAX];
} self __attribute__((tls_model("initial-exec")));

static int take_slot(void)
{
	for (;;) {
		for (int w = 0; w < IO_SLOTS / 32; w++) {
			uint32_t taken = __atomic_load_n(&server.header->taken[w], __ATOMIC_RELAXED);

			while (taken != UINT32_MAX) {
				int bit = __builtin_ctz(~taken);

				if (__atomic_compare_exchange_n(&server.header->taken[w], &taken, taken | 1u << bit, false, __ATOMIC_ACQUIRE,
								__ATOMIC_RELAXED))
					return w * 32 + bit;
			}
		}
		/* As many calls as slots are under way; one will end. */
		raw(SYS_sched_yield);
	}
}

static void free_slot(int index)
{
	__atomic_fetch_and(&server.header->taken[index / 32], ~(1u << index % 32), __ATOMIC_RELEASE);
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
		self.slot = take_slot();
		self.tid = (pid_t)raw(SYS_gettid);
		self.depth = 0;
		self.generation = server.generation;
		pthread_setspecific(thread_end, (void *)(uintptr_t)server.generation);
	}
	if (self.depth > 0)
		drop_left(frame);
	if (self.depth == NESTED_MAX) {
		errno = ENOMEM;
		return false;
	}
	call->index = self.depth > 0 ? take_slot() : self.slot;
	self.calls[self.depth] = (struct under_way){ .index = call->index, .frame = frame };
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	self.depth++;
	call->slot = slot = slot_at(call->index);
	call->bytes = NULL;
	slot->tid = (uint32_t)self.tid;
	slot->op = op;
	slot->fd = fd;
	slot->handle = handle;
	slot->length = 0;
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
	case IO_FSYNC:
	case IO_POLL:
	case IO_SLEEP:
		return true;
	default:
		return false;
	}
}

/* Answers what the server asks until the call has ended. False: the server is gone. */
static bool see_through(struct under_way *call, uint32_t from, bool cancellable)
{
	struct io_slot *slot = slot_at(call->index);

	for (;; from = IO_REPLY) {
		bool alive;

		call->waits_from = from;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		/* A handler that ran before we waited did not end the call. */
		if (call->interrupted && !slot->cancel)
			ask_to_end(call->index);
		alive = wait_for_server(call->index, from, call->rang, cancellable);
		call->waits_from = IO_IDLE;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		if (!alive) {
			server.dead = true;
			return false;
		}
		if (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != IO_UPCALL)
			return true;
		do_upcall(call->index);
		call->rang = hand_over(call->index, IO_REPLY);
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
	if (call->waits_from == IO_IDLE)
		return;
	see_through(call, call->waits_from, false);
}

void end_cancelled_call(int index)
{
	struct call call = { .index = index };

	interrupt_call(false);
	end_call(&call);
}

static long make_once(struct under_way *call)
{
	struct io_slot *slot = slot_at(call->index);

	call->interrupted = call->refused = false;
	slot->cancel = 0;
	call->rang = hand_over(call->index, IO_REQUEST);
	if (!see_through(call, IO_REQUEST, is_cancellation_point(slot->op)))
		return -ENODEV;
	return slot->error ? -(long)slot->error : (long)slot->result;
}

/* A call that a signal interrupted, and that may start again, does so from its arguments. */
long make_call(struct call *call)
{
	struct under_way *under_way = &self.calls[self.depth - 1];
	struct io_slot *slot = call->slot;
	int64_t args[IO_ARGS];
	long result;

	__builtin_memcpy(args, slot->args, sizeof args);
	for (;;) {
		result = make_once(under_way);
		if (result != -ERESTARTSYS && result != -ERESTARTNOHAND)
			return result;
		if (result == -ERESTARTNOHAND || under_way->refused)
			return -EINTR;
		__builtin_memcpy(slot->args, args, sizeof args);
		if (slot->handle)
			slot->handle = handle_of(slot->fd);
		attach(call, call->bytes, call->wanted);
	}
}

void end_call(struct call *call)
{
	while (self.depth > 0 && self.calls[self.depth - 1].index != call->index)
		end_last();
	if (self.depth > 0)
		end_last();
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

uint32_t identify(int fd)
{
	int e = errno;
	struct call call;
	long handle = 0;

	if (begin_call(&call, IO_IDENTIFY, fd, 0)) {
		if (send_fd(fd, call.index) > 0)
			handle = make_call(&call);
		end_call(&call);
	}
	errno = e;
	return handle > 0 ? (uint32_t)handle : 0;
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
