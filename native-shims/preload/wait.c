/* Waiting for the server: the rules are in ../README.md. */
#include "client.h"
#include "../spin.h"
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

/* A caller that did not ring spins so long before it sleeps. */
#define SPIN_NS 50000
/* A caller on the server's processor yields so often before it sleeps. */
#define YIELDS 20
/* One that rang a server on its own processor yields so often: the server may answer in that time. */
#define YIELDS_AFTER_RING 3
/* How often a sleeper looks whether the server is still there. */
#define SLICE_NS 50000000

static uint32_t publish_cpu(struct io_slot *slot)
{
	uint32_t cpu = (uint32_t)sched_getcpu();

	if (__atomic_load_n(&slot->cpu, __ATOMIC_RELAXED) != cpu)
		__atomic_store_n(&slot->cpu, cpu, __ATOMIC_RELAXED);
	return cpu;
}

static bool has_changed(struct io_slot *slot, uint32_t from)
{
	return __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != from;
}

static bool shares_cpu(struct io_slot *slot)
{
	return publish_cpu(slot) == __atomic_load_n(&server.header->server.cpu, __ATOMIC_RELAXED);
}

/* Lets the server run in our place. */
static bool yield(struct io_slot *slot, uint32_t from, int times)
{
	while (!has_changed(slot, from)) {
		if (times-- == 0 || !shares_cpu(slot))
			return false;
		raw(SYS_sched_yield);
	}
	return true;
}

/* Waits awake, as long as that can pay. */
static bool spin(struct io_slot *slot, uint32_t from)
{
	int64_t began = now_ns();

	for (unsigned i = 1; !has_changed(slot, from); i++) {
		if (i % 16 == 0) {
			if (shares_cpu(slot))
				return yield(slot, from, YIELDS);
			if (now_ns() - began > SPIN_NS)
				return false;
		}
		relax();
	}
	return true;
}

static bool is_server_gone(const struct io_slot *slot)
{
	struct pollfd end = { .fd = server.socket };
	struct timespec at_once = { 0 };

	/* Not the end of what can be received: the server may have sent something before. */
	return !is_current(slot) || !is_intact(server.socket) ||
	       (raw(SYS_ppoll, &end, 1, &at_once, NULL, 0) > 0 && (end.revents & (POLLHUP | POLLERR | POLLNVAL)));
}

/* Waits asleep. False: the server is gone. */
static bool sleep_until_changed(struct io_slot *slot, uint32_t from)
{
	struct timespec slice = { 0, SLICE_NS };
	bool alive = true;

	__atomic_store_n(&slot->sleeping, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&slot->state, __ATOMIC_SEQ_CST) == from && alive)
		if (raw(SYS_futex, &slot->state, FUTEX_WAIT, from, &slice) == -ETIMEDOUT)
			alive = !is_server_gone(slot);
	__atomic_store_n(&slot->sleeping, 0, __ATOMIC_RELAXED);
	return alive;
}

/* The thread is cancelled while it waits: its call ends before it does. */
static void on_cancel(void *slot)
{
	end_cancelled_call(slot);
}

/* read(2) and its kind are places where a thread can be cancelled. */
static bool sleep_cancellably(struct io_slot *slot, uint32_t from)
{
	bool alive;
	int type;

	pthread_cleanup_push(on_cancel, slot);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
	alive = sleep_until_changed(slot, from);
	pthread_setcanceltype(type, NULL);
	pthread_cleanup_pop(0);
	return alive;
}

/* Calls the server to a slot, and wakes it if it sleeps. False: that is not possible any more. */
static bool call_server(struct io_slot *slot, int index, bool *rang)
{
	struct io_header *header = header_of(slot, index);
	uint64_t one = 1;

	__atomic_fetch_or(&header->pending[index / 32], 1u << index % 32, __ATOMIC_SEQ_CST);
	STEP();
	*rang = __atomic_load_n(&header->server.ring_me, __ATOMIC_SEQ_CST);
	if (!*rang)
		return true;
	/* A number so high becomes something else only by calls that we see. */
	return is_current(slot) && !has_lost_own() && raw(SYS_write, server.bell, &one, sizeof one) >= 0;
}

bool hand_over(struct io_slot *slot, int index, uint32_t state, bool *rang)
{
	publish_cpu(slot);
	__atomic_store_n(&slot->state, state, __ATOMIC_RELEASE);
	STEP();
	return call_server(slot, index, rang);
}

void ask_to_end(struct io_slot *slot, int index)
{
	bool rang;

	__atomic_store_n(&slot->cancel, 1, __ATOMIC_RELEASE);
	call_server(slot, index, &rang);
}

bool wait_for_server(struct io_slot *slot, uint32_t state, bool rang, bool cancellable)
{
	if (shares_cpu(slot) ? yield(slot, state, rang ? YIELDS_AFTER_RING : YIELDS) : !rang && spin(slot, state))
		return true;
	return cancellable ? sleep_cancellably(slot, state) : sleep_until_changed(slot, state);
}
