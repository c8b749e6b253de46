/*
 * The hot path: which slot of which process has something for the server, when
 * to look again and when to sleep. The rules and why they are so: see "Waiting"
 * in ../README.md.
 */
#include "addon.h"
#include "../protocol.h"
#include "../spin.h"
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 4096
/* Processes that are looked at unasked: those that called last. */
#define RECENT_MAX 8
/* For so long after a call it is worth waiting for the next one awake. */
#define HOT_NS 100000
/* The event loop gets its turn at least so often. */
#define TURN_NS 50000
/* The same while calls come without a pause. */
#define BUSY_TURN_NS 1000000

#define WORDS (IO_SLOTS / 32)
#define NOTHING (-1)
#define COME_BACK (-2)

/* Events that the server hears of at a time. */
#define EVENTS_MAX 64

struct client {
	struct io_header *header;
	struct io_slot *slots;
	int bell;
	struct watcher *watcher;
	/* When it last called, and from which processor. */
	int64_t called_ns;
	uint32_t cpu;
	/*
	 * The word of pending bits to look at first, the bit found last, and how many
	 * were found: each thread comes in turn.
	 */
	uint32_t first_word;
	uint32_t last_bit;
	uint32_t taken;
	bool recent;
	/* It rang, and has not been looked at since. */
	bool rang;
	/* Its doorbell has not been read since it rang. */
	bool rings;
};

static struct client clients[CLIENTS_MAX];
static int recent[RECENT_MAX], recent_count;
static int rung[CLIENTS_MAX], rung_count;
static int ringing[CLIENTS_MAX], ringing_count;
static uint32_t own_cpu;
static int64_t turn_began_ns;

/* The epoll set of everything else that the server must know of before it serves a call. */
static int events = -1;

/* What next() tells besides its result, in memory that the server reads without a call. */
static struct {
	/* The time of the last look, in nanoseconds. */
	double now_ns;
	/* Events: how many, and their keys. They are handled before the next look. */
	double count;
	double keys[EVENTS_MAX];
} *report;

static void publish_cpu(struct client *c)
{
	if (__atomic_load_n(&c->header->server.cpu, __ATOMIC_RELAXED) != own_cpu)
		__atomic_store_n(&c->header->server.cpu, own_cpu, __ATOMIC_RELAXED);
}

/* A slot of a process that waits for the server, or NOTHING. */
static int take_pending(int index)
{
	struct client *c = &clients[index];

	for (uint32_t i = 0; i < WORDS; i++) {
		uint32_t w = (c->first_word + i) % WORDS;
		uint32_t bits = __atomic_load_n(&c->header->pending[w], __ATOMIC_ACQUIRE);

		if (bits) {
			/* Of the slots above the one that was last: a word's lowest must not come first each time. */
			uint32_t above = bits & ~((2u << c->last_bit) - 1);
			uint32_t bit = (uint32_t)__builtin_ctz(above ? above : bits);
			uint32_t slot = w * 32 + bit;

			c->first_word = ++c->taken % 32 ? w : (w + 1) % WORDS;
			c->last_bit = bit;
			__atomic_fetch_and(&c->header->pending[w], ~(1u << bit), __ATOMIC_ACQ_REL);
			c->cpu = __atomic_load_n(&c->slots[slot].cpu, __ATOMIC_RELAXED);
			return index * IO_SLOTS + (int)slot;
		}
	}
	return NOTHING;
}

/* Asks a process to ring from now on. Its pending bits must be looked at afterwards. */
static void ask_to_ring(struct client *c)
{
	__atomic_store_n(&c->header->server.ring_me, 1, __ATOMIC_SEQ_CST);
}

/* A process may have called, whether recent or not. */
static void must_look_at(int index)
{
	if (!clients[index].rang) {
		clients[index].rang = true;
		rung[rung_count++] = index;
	}
}

/* Its doorbell woke the event loop. */
static void on_bell(int index)
{
	must_look_at(index);
	if (!clients[index].rings) {
		clients[index].rings = true;
		ringing[ringing_count++] = index;
	}
}

/* The program shares the doorbell's description and can make it blocking, so reading must not depend on that. */
static void silence_bell(int bell)
{
	uint64_t rings;
	struct iovec io = { &rings, sizeof rings };

	if (preadv2(bell, &io, 1, -1, RWF_NOWAIT) < 0 && errno == EOPNOTSUPP && read(bell, &rings, sizeof rings) < 0)
		errno = 0;
}

/* Reads the doorbells. That can wait until the server has nothing better to do; a ring that came meanwhile is not lost. */
static void silence(void)
{
	while (ringing_count > 0) {
		int index = ringing[--ringing_count];

		clients[index].rings = false;
		must_look_at(index);
		silence_bell(clients[index].bell);
	}
}

static void forget_recent(int at)
{
	clients[recent[at]].recent = false;
	recent[at] = recent[--recent_count];
}

/* From now on the process need not ring: in place of the one that has called least recently, unless all are hot. */
static void make_recent(int index, int64_t now)
{
	struct client *c = &clients[index];

	if (!c->recent && recent_count == RECENT_MAX) {
		int oldest = 0;

		for (int i = 1; i < recent_count; i++)
			if (clients[recent[i]].called_ns < clients[recent[oldest]].called_ns)
				oldest = i;
		if (now - clients[recent[oldest]].called_ns <= HOT_NS)
			return;
		ask_to_ring(&clients[recent[oldest]]);
		/* It may have called without ringing until now. */
		must_look_at(recent[oldest]);
		forget_recent(oldest);
	}
	if (!c->recent) {
		c->recent = true;
		recent[recent_count++] = index;
	}
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

static int found(int handle, int64_t now)
{
	struct client *c = &clients[handle / IO_SLOTS];

	c->called_ns = now;
	make_recent(handle / IO_SLOTS, now);
	publish_cpu(c);
	return handle;
}

/* Takes note of everything that has happened until now, as far as there is room to report it. */
static void collect(void)
{
	struct epoll_event ready[EVENTS_MAX];
	int room = EVENTS_MAX - (int)report->count, n = room > 0 ? epoll_wait(events, ready, room, 0) : 0;

	for (int i = 0; i < n; i++)
		report->keys[(int)report->count++] = (double)ready[i].data.u64;
}

static int look_at_rung(unsigned turn)
{
	while (rung_count > 0) {
		int at = (int)(turn % (unsigned)rung_count), index = rung[at], handle = take_pending(index);

		if (handle >= 0)
			return handle;
		clients[index].rang = false;
		rung[at] = rung[--rung_count];
	}
	return NOTHING;
}

static int look_at_recent(unsigned turn)
{
	for (int i = 0; i < recent_count; i++) {
		int handle = take_pending(recent[(turn + (unsigned)i) % (unsigned)recent_count]);

		if (handle >= 0)
			return handle;
	}
	return NOTHING;
}

/* One look at everybody who may have called, in turn: a process that calls without a pause does not starve others. */
static int look(int64_t now)
{
	static unsigned turn;
	bool rung_first = ++turn % 2;
	int handle = rung_first ? look_at_rung(turn / 2) : look_at_recent(turn / 2);

	if (handle == NOTHING)
		handle = rung_first ? look_at_recent(turn / 2) : look_at_rung(turn / 2);
	return handle == NOTHING ? NOTHING : found(handle, now);
}

/* Whether a process is hot, and whether all of those share our processor. */
static bool worth_waiting(int64_t now, bool *same_cpu)
{
	bool worth = false;

	*same_cpu = true;
	for (int i = 0; i < recent_count; i++) {
		struct client *c = &clients[recent[i]];

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
static int go_to_sleep(int64_t now)
{
	for (int i = 0; i < recent_count; i++) {
		int handle;

		ask_to_ring(&clients[recent[i]]);
		handle = take_pending(recent[i]);
		if (handle >= 0)
			return found(handle, now);
	}
	return NOTHING;
}

/*
 * The next slot that waits for the server; NOTHING when it may sleep; COME_BACK
 * when the event loop must have its turn first.
 *
 * What a call answers may depend on what happened before it, such as a file being
 * closed. So events are collected after its pending bit was seen.
 */
static int wait_for_call(int64_t now)
{
	int handle;

	report->count = 0;
	own_cpu = (uint32_t)sched_getcpu();
	if (turn_began_ns == 0)
		turn_began_ns = now;
	if (now - turn_began_ns > BUSY_TURN_NS) {
		report->now_ns = (double)now;
		turn_began_ns = 0;
		silence();
		collect();
		return COME_BACK;
	}
	for (unsigned looks = 0; (handle = look(now)) == NOTHING; looks++) {
		bool same_cpu;

		report->now_ns = (double)now;
		if (now - turn_began_ns > TURN_NS) {
			turn_began_ns = 0;
			silence();
			return COME_BACK;
		}
		if (!worth_waiting(now, &same_cpu)) {
			if (ringing_count > 0) {
				silence();
				continue;
			}
			handle = go_to_sleep(now);
			if (handle != NOTHING)
				break;
			turn_began_ns = 0;
			/* It was perhaps an event that woke the server. */
			collect();
			return NOTHING;
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
	report->now_ns = (double)now;
	collect();
	return handle;
}

/*
 * start(report): makes the set of events and returns its descriptor. `report` is
 * an ArrayBuffer of EVENTS_MAX + 2 doubles, for what next() tells.
 */
static napi_value start(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	size_t argc = 1, length;
	static napi_ref keep;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	napi_get_arraybuffer_info(env, argv[0], (void **)&report, &length);
	if (length < sizeof *report)
		return number(env, -EINVAL);
	napi_create_reference(env, argv[0], 1, &keep);
	/* Who opens a file at the moment in which its lease is tried sends it. */
	signal(SIGIO, SIG_IGN);
	events = epoll_create1(EPOLL_CLOEXEC);
	return outcome(env, events);
}

/* next(handle, state): publishes the new state of a slot, if handle is one, and waits for a call. */
static napi_value next(napi_env env, napi_callback_info info)
{
	napi_value argv[2], out;
	size_t argc = 2;
	int32_t handle = NOTHING, state = 0;
	int64_t now;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	napi_get_value_int32(env, argv[0], &handle);
	napi_get_value_int32(env, argv[1], &state);
	if (handle >= 0)
		publish(handle, (uint32_t)state);
	now = now_ns();
	/* The program has its turn only now: how long the call took does not make it cold. */
	if (handle >= 0)
		clients[handle / IO_SLOTS].called_ns = now;
	napi_create_int32(env, wait_for_call(now), &out);
	return out;
}

/* collect(): for events that there was no room for. */
static napi_value collect_more(napi_env env, napi_callback_info info)
{
	(void)env;
	(void)info;
	report->count = 0;
	collect();
	return NULL;
}

/* answer(handle, state): publishes the new state of a slot. */
static napi_value answer(napi_env env, napi_callback_info info)
{
	double a[2];

	numbers(env, info, a, 2);
	publish((int)a[0], (uint32_t)a[1]);
	return NULL;
}

/*
 * addClient(region, bell, flags, call): makes a process known by its mapped region
 * and its doorbell, which calls when it rings. Returns its index, or -ENOSPC.
 */
static napi_value add_client(napi_env env, napi_callback_info info)
{
	napi_value argv[4];
	size_t argc = 4, length;
	void *region;
	uint32_t flags = 0;
	int32_t bell = -1;
	int index = 0;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	napi_get_arraybuffer_info(env, argv[0], &region, &length);
	napi_get_value_int32(env, argv[1], &bell);
	napi_get_value_uint32(env, argv[2], &flags);
	while (index < CLIENTS_MAX && clients[index].header)
		index++;
	if (index == CLIENTS_MAX || length < IO_REGION_SIZE)
		return number(env, -ENOSPC);
	clients[index] = (struct client){
		.header = region,
		.slots = (struct io_slot *)((char *)region + IO_PAGE),
		.bell = bell,
		.watcher = watch_descriptor(env, bell, argv[3], on_bell, index),
	};
	clients[index].header->server = (struct io_server_line){ .protocol = IOCTOPUS_PROTOCOL, .ring_me = 1, .flags = flags };
	return number(env, index);
}

/* removeClient(index): before its region is unmapped and its doorbell closed. */
static napi_value remove_client(napi_env env, napi_callback_info info)
{
	double a[1];
	int index;

	numbers(env, info, a, 1);
	index = (int)a[0];
	for (int i = recent_count - 1; i >= 0; i--)
		if (recent[i] == index)
			forget_recent(i);
	for (int i = rung_count - 1; i >= 0; i--)
		if (rung[i] == index)
			rung[i] = rung[--rung_count];
	for (int i = ringing_count - 1; i >= 0; i--)
		if (ringing[i] == index)
			ringing[i] = ringing[--ringing_count];
	stop_watching(clients[index].watcher);
	clients[index] = (struct client){ 0 };
	return NULL;
}

napi_value init_ring(napi_env env, napi_value exports)
{
	static const struct method methods[] = {
		{ "start", start }, { "next", next }, { "collect", collect_more }, { "answer", answer }, { "addClient", add_client }, { "removeClient", remove_client },
	};

	return EXPORT(env, exports, methods);
}
