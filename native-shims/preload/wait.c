/* Waiting for the server: the rules are in ../README.md. */
#include "client.h"
#include <linux/futex.h>
#include <poll.h>
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

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("yield");
#endif
}

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
	uint64_t began = now_ns();

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

static bool is_server_gone(void)
{
	struct pollfd end = { .fd = server.socket };
	struct timespec at_once = { 0 };

	/* Not the end of what can be received: the server may have sent something before. */
	return raw(SYS_ppoll, &end, 1, &at_once, NULL, 0) > 0 && (end.revents & (POLLHUP | POLLERR | POLLNVAL));
}

/* Waits asleep. False: the server is gone. */
static bool sleep_until_changed(struct io_slot *slot, uint32_t from)
{
	struct timespec slice = { 0, SLICE_NS };
	bool alive = true;

	__atomic_store_n(&slot->sleeping, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&slot->state, __ATOMIC_SEQ_CST) == from && alive)
		if (raw(SYS_futex, &slot->state, FUTEX_WAIT, from, &slice) == -ETIMEDOUT)
			alive = !is_server_gone();
	__atomic_store_n(&slot->sleeping, 0, __ATOMIC_RELAXED);
	return alive;
}

bool exchange(int index, uint32_t state)
{
	struct io_slot *slot = slot_at(index);
	bool rang = false;

	publish_cpu(slot);
	__atomic_store_n(&slot->state, state, __ATOMIC_RELEASE);
	STEP();
	__atomic_fetch_or(&server.header->pending[index / 32], 1u << index % 32, __ATOMIC_SEQ_CST);
	STEP();
	if (__atomic_load_n(&server.header->server.ring_me, __ATOMIC_SEQ_CST)) {
		uint64_t one = 1;

		raw(SYS_write, server.bell, &one, sizeof one);
		STEP();
		rang = true;
	}
	if (shares_cpu(slot) ? yield(slot, state, rang ? YIELDS_AFTER_RING : YIELDS) : !rang && spin(slot, state))
		return true;
	return sleep_until_changed(slot, state);
}
