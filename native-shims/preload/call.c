/* Calls to the server: slots of threads, requests and answers. The protocol is in ../protocol.h. */
#include "client.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static pthread_key_t thread_end;

static __thread struct {
	uint32_t generation;
	int slot;
	bool busy;
	pid_t tid;
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
}

bool begin_call(struct call *call, uint32_t op, int fd, uint32_t handle)
{
	long connection = server.dead && is_connected() ? -ENODEV : connect_once();
	struct io_slot *slot;

	if (connection < 0) {
		errno = (int)-connection;
		return false;
	}
	/* Another connection knows the file by another handle. */
	if (handle && self.generation != server.generation)
		handle = handle_of(fd);
	if (self.generation != server.generation) {
		self.slot = take_slot();
		self.tid = (pid_t)raw(SYS_gettid);
		self.busy = false;
		self.generation = server.generation;
		pthread_setspecific(thread_end, (void *)(uintptr_t)server.generation);
	}
	/* A signal handler may call in the middle of a call: it gets a slot of its own. */
	call->index = self.busy ? take_slot() : self.slot;
	self.busy = true;
	call->slot = slot = slot_at(call->index);
	slot->tid = (uint32_t)self.tid;
	slot->op = op;
	slot->fd = fd;
	slot->handle = handle;
	slot->length = 0;
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

long make_call(struct call *call)
{
	struct io_slot *slot = call->slot;
	uint32_t state = IO_REQUEST;

	for (;;) {
		if (!exchange(slot, call->index, state)) {
			if (is_current(slot) && are_own_intact())
				server.dead = true;
			if (server.dead || state != IO_REQUEST || slot->op == IO_IDENTIFY || !move_call(call))
				return -ENODEV;
			slot = call->slot;
			continue;
		}
		if (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != IO_UPCALL)
			break;
		do_upcall(slot);
		state = IO_REPLY;
	}
	return slot->error ? -(long)slot->error : (long)slot->result;
}

void end_call(struct call *call)
{
	if (self.generation != server.generation)
		return;
	if (call->index == self.slot)
		self.busy = false;
	else
		free_slot(call->index);
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

/* How often a connection may be lost while a descriptor is on its way. */
#define TRIES 10

long identify(int fd)
{
	int e = errno;
	struct call call;
	long handle = -ENODEV;

	for (int i = 0; i < TRIES && handle == -ENODEV && begin_call(&call, IO_IDENTIFY, fd, 0); i++) {
		if (send_fd(fd, call.index) > 0)
			handle = make_call(&call);
		else
			suspect_all();
		end_call(&call);
	}
	errno = e;
	return handle;
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
