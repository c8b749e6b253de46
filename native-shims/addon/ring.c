/*
 * The hot path: which slot of which process has something for the server, when
 * to look again and when to sleep. The rules and why they are so: see "Waiting"
 * in ../README.md.
 */
#include "addon.h"
#include "../protocol.h"
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 4096
/* Processes that are looked at without being asked to. */
#define HOT_MAX 8
/* A process is hot for so long after a call. */
#define HOT_NS 50000
/* The event loop gets its turn at least so often. */
#define TURN_NS 50000

#define NOTHING (-1)
#define COME_BACK (-2)

struct client {
	struct io_header *header;
	struct io_slot *slots;
	/* When it last called, and from which processor. */
	uint64_t called_ns;
	uint32_t cpu;
	bool hot;
	/* It rang, and has not been looked at since. */
	bool rang;
};

static struct client clients[CLIENTS_MAX];
static int hot[HOT_MAX], hot_count;
static int rung[CLIENTS_MAX], rung_count;
static uint32_t own_cpu;
static uint64_t turn_began_ns;
/* Where the server reads the time of the last look, in nanoseconds: saves it a call. */
static double *clock_cell;

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

static void publish_cpu(struct client *c)
{
	if (__atomic_load_n(&c->header->server.cpu, __ATOMIC_RELAXED) != own_cpu)
		__atomic_store_n(&c->header->server.cpu, own_cpu, __ATOMIC_RELAXED);
}

/* The lowest slot of a process that waits for the server, or NOTHING. */
static int take_pending(int index)
{
	struct client *c = &clients[index];

	for (int w = 0; w < IO_SLOTS / 32; w++) {
		uint32_t bits = __atomic_load_n(&c->header->pending[w], __ATOMIC_ACQUIRE);

		if (bits) {
			int bit = __builtin_ctz(bits);
			int slot = w * 32 + bit;

			__atomic_fetch_and(&c->header->pending[w], ~(1u << bit), __ATOMIC_ACQ_REL);
			c->cpu = __atomic_load_n(&c->slots[slot].cpu, __ATOMIC_RELAXED);
			return index * IO_SLOTS + slot;
		}
	}
	return NOTHING;
}

static void forget_hot(int at)
{
	struct client *c = &clients[hot[at]];

	c->hot = false;
	hot[at] = hot[--hot_count];
}

/* Asks a process to ring from now on. Its pending bits must be looked at afterwards. */
static void ask_to_ring(struct client *c)
{
	__atomic_store_n(&c->header->server.ring_me, 1, __ATOMIC_SEQ_CST);
}

static void make_hot(int index)
{
	struct client *c = &clients[index];

	if (c->hot || hot_count == HOT_MAX)
		return;
	c->hot = true;
	hot[hot_count++] = index;
	__atomic_store_n(&c->header->server.ring_me, 0, __ATOMIC_RELAXED);
}

/* Tells a waiting thread that its slot has changed. */
static void publish(int handle, uint32_t state)
{
	struct io_slot *slot = &clients[handle / IO_SLOTS].slots[handle % IO_SLOTS];

	__atomic_store_n(&slot->state, state, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&slot->sleeping, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &slot->state, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static int found(int handle, uint64_t now)
{
	struct client *c = &clients[handle / IO_SLOTS];

	c->called_ns = now;
	make_hot(handle / IO_SLOTS);
	publish_cpu(c);
	return handle;
}

/* One look at everybody who may have called: first those who rang, who would wait longest. */
static int look(uint64_t now)
{
	static unsigned turn;

	while (rung_count > 0) {
		int index = rung[rung_count - 1], handle = clients[index].header ? take_pending(index) : NOTHING;

		if (handle >= 0)
			return found(handle, now);
		clients[index].rang = false;
		rung_count--;
	}
	for (int i = 0; i < hot_count; i++) {
		int handle = take_pending(hot[(turn + (unsigned)i) % (unsigned)hot_count]);

		if (handle >= 0) {
			turn++;
			return found(handle, now);
		}
	}
	return NOTHING;
}

/* Cools processes down; says whether one is left that is worth waiting for, and whether all of those share our processor. */
static bool worth_waiting(uint64_t now, bool *same_cpu)
{
	bool worth = false;

	*same_cpu = true;
	for (int i = hot_count - 1; i >= 0; i--) {
		struct client *c = &clients[hot[i]];

		if (now - c->called_ns > HOT_NS)
			continue;
		worth = true;
		if (c->cpu != own_cpu)
			*same_cpu = false;
		publish_cpu(c);
	}
	return worth;
}

/* Before sleeping: everybody must ring from now on, and whoever called meanwhile is served first. */
static int go_to_sleep(uint64_t now)
{
	for (int i = hot_count - 1; i >= 0; i--) {
		int index = hot[i];

		forget_hot(i);
		ask_to_ring(&clients[index]);
		int handle = take_pending(index);
		if (handle >= 0)
			return found(handle, now);
	}
	return NOTHING;
}

/*
 * The next slot that waits for the server; NOTHING when it may sleep; COME_BACK
 * when the event loop must have its turn first.
 */
static int wait_for_call(void)
{
	uint64_t now = now_ns();

	own_cpu = (uint32_t)sched_getcpu();
	if (turn_began_ns == 0)
		turn_began_ns = now;
	for (unsigned looks = 1;; looks++) {
		bool same_cpu;
		int handle;

		if (now - turn_began_ns > TURN_NS) {
			turn_began_ns = 0;
			return COME_BACK;
		}
		handle = look(now);
		if (handle >= 0) {
			*clock_cell = (double)now;
			return handle;
		}
		if (!worth_waiting(now, &same_cpu)) {
			handle = go_to_sleep(now);
			if (handle == NOTHING)
				turn_began_ns = 0;
			return handle;
		}
		if (same_cpu)
			sched_yield();
		else
			relax();
		if (same_cpu || looks % 8 == 0) {
			now = now_ns();
			own_cpu = (uint32_t)sched_getcpu();
		}
	}
}

/* shareClock(buffer): an ArrayBuffer of 8 bytes that next() keeps up to date. */
static napi_value share_clock(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	size_t argc = 1, length;
	static napi_ref keep;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	napi_get_arraybuffer_info(env, argv[0], (void **)&clock_cell, &length);
	napi_create_reference(env, argv[0], 1, &keep);
	return NULL;
}

/* next(handle, state): publishes the new state of a slot, if handle is one, and waits for a call. */
static napi_value next(napi_env env, napi_callback_info info)
{
	napi_value argv[2], out;
	size_t argc = 2;
	int32_t handle = NOTHING, state = 0;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	napi_get_value_int32(env, argv[0], &handle);
	napi_get_value_int32(env, argv[1], &state);
	if (handle >= 0)
		publish(handle, (uint32_t)state);
	napi_create_int32(env, wait_for_call(), &out);
	return out;
}

/* answer(handle, state): publishes the new state of a slot. */
static napi_value answer(napi_env env, napi_callback_info info)
{
	double a[2];

	numbers(env, info, a, 2);
	publish((int)a[0], (uint32_t)a[1]);
	return NULL;
}

/* rang(index): a process wrote its doorbell. */
static napi_value rang(napi_env env, napi_callback_info info)
{
	double a[1];
	int index;

	numbers(env, info, a, 1);
	index = (int)a[0];
	if (!clients[index].rang && clients[index].header) {
		clients[index].rang = true;
		rung[rung_count++] = index;
	}
	return NULL;
}

/* addClient(region, flags): makes a process known by its mapped region. Returns its index, or -ENOSPC. */
static napi_value add_client(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	size_t argc = 2, length;
	void *region;
	uint32_t flags = 0;
	int index = 0;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	napi_get_arraybuffer_info(env, argv[0], &region, &length);
	napi_get_value_uint32(env, argv[1], &flags);
	while (index < CLIENTS_MAX && clients[index].header)
		index++;
	if (index == CLIENTS_MAX || length < IO_REGION_SIZE)
		return number(env, -ENOSPC);
	clients[index] = (struct client){
		.header = region,
		.slots = (struct io_slot *)((char *)region + IO_PAGE),
	};
	clients[index].header->server = (struct io_server_line){ .protocol = IOCTOPUS_PROTOCOL, .ring_me = 1, .flags = flags };
	return number(env, index);
}

/* removeClient(index): before its region is unmapped. */
static napi_value remove_client(napi_env env, napi_callback_info info)
{
	double a[1];
	int index;

	numbers(env, info, a, 1);
	index = (int)a[0];
	for (int i = hot_count - 1; i >= 0; i--)
		if (hot[i] == index)
			forget_hot(i);
	for (int i = rung_count - 1; i >= 0; i--)
		if (rung[i] == index)
			rung[i] = rung[--rung_count];
	clients[index] = (struct client){ 0 };
	return NULL;
}

napi_value init_ring(napi_env env, napi_value exports)
{
	static const struct method methods[] = {
		{ "next", next }, { "shareClock", share_clock }, { "answer", answer }, { "rang", rang }, { "addClient", add_client }, { "removeClient", remove_client },
	};

	return EXPORT(env, exports, methods);
}
