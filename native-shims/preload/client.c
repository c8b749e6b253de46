/*
 * Calls to the server: the connection of this process, slots of its threads,
 * waiting for answers, and what the server asks meanwhile. The protocol is in
 * ../protocol.h, the waiting rules are in ../README.md.
 */
#include "preload.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

/* A caller that did not ring spins so long before it sleeps. */
#define SPIN_NS 50000
/* A caller on the server's processor yields so often before it sleeps. */
#define YIELDS 20
/* One that rang a server on its own processor yields so often: the server may answer in that time. */
#define YIELDS_AFTER_RING 3
/* How often a sleeper looks whether the server is still there. */
#define SLICE_NS 50000000
/* Our descriptors sit below this number or the limit, out of the program's way. */
#define TOP 16384

static struct {
	struct io_header *header;
	struct io_slot *slots;
	int socket;
	int bell;
	/* Counts connections: a thread's slot belongs to one of them. */
	uint32_t generation;
	bool dead;
} server = { .socket = -1, .bell = -1 };

/*
 * In memory that a forked child finds wiped, whatever way it was forked: set while
 * `server` is this process's own connection.
 */
static uint32_t *connected;
/* 0 free, 1 taken, 2 taken and somebody waits. A lock of the process that `connecting_in` names. */
static uint32_t connecting;
static int32_t connecting_in;
static pthread_key_t thread_end;

static __thread struct {
	uint32_t generation;
	int slot;
	bool busy;
	pid_t tid;
} self __attribute__((tls_model("initial-exec")));

static struct io_slot *slot_at(int index)
{
	return &server.slots[index];
}

/* ---- slots ------------------------------------------------------------------------ */

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
	if (connected && *connected && (uintptr_t)generation == server.generation && self.generation == server.generation)
		free_slot(self.slot);
	self.generation = 0;
}

/* ---- connecting --------------------------------------------------------------------- */

static void lock(void)
{
	int32_t pid = (int32_t)raw(SYS_getpid), known = __atomic_load_n(&connecting_in, __ATOMIC_ACQUIRE);
	uint32_t was = 0;

	/* In a forked child, whoever held the lock is not here. */
	if (known != pid && __atomic_compare_exchange_n(&connecting_in, &known, pid, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		__atomic_store_n(&connecting, 0, __ATOMIC_RELEASE);
	if (__atomic_compare_exchange_n(&connecting, &was, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&connecting, 2, __ATOMIC_ACQUIRE) != 0)
		raw(SYS_futex, &connecting, FUTEX_WAIT_PRIVATE, 2, NULL);
}

static void unlock(void)
{
	if (__atomic_exchange_n(&connecting, 0, __ATOMIC_RELEASE) == 2)
		raw(SYS_futex, &connecting, FUTEX_WAKE_PRIVATE, 1);
}

/* Moves a descriptor of ours out of the program's way. */
static int move_up(int fd)
{
	struct rlimit limit;
	long top = TOP, moved;

	if (raw(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) == 0 && limit.rlim_cur < (rlim_t)top)
		top = (long)limit.rlim_cur;
	moved = raw(SYS_fcntl, fd, F_DUPFD_CLOEXEC, top > 16 ? top - 8 : 3);
	if (moved < 0)
		return fd;
	raw(SYS_close, fd);
	return (int)moved;
}

/* Receives descriptors that the server sent; says how many, or a negative errno. */
static long receive(int socket, int *fds, size_t count, int flags)
{
	char byte, control[CMSG_SPACE(2 * sizeof(int))];
	struct iovec io = { &byte, 1 };
	struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(count * sizeof(int)) };
	struct cmsghdr *c;
	long n;

	do
		n = raw(SYS_recvmsg, socket, &message, flags);
	while (n == -EINTR);
	if (n <= 0)
		return n == 0 ? -ENODEV : n;
	c = CMSG_FIRSTHDR(&message);
	if (!c || c->cmsg_type != SCM_RIGHTS || (message.msg_flags & MSG_CTRUNC))
		return -EMFILE;
	memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	return (long)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
}

/* In a forked child: the connection is the parent's. */
static void drop_inherited(void)
{
	raw(SYS_close, server.socket);
	raw(SYS_close, server.bell);
	raw(SYS_munmap, server.header, IO_REGION_SIZE);
	server.socket = server.bell = -1;
	server.header = NULL;
	server.dead = false;
	self.generation = 0;
	forget_all();
}

static long connect_now(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fds[2];
	long fd, n, region;

	if (!connected) {
		long page = raw(SYS_mmap, NULL, IO_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (is_error(page) || raw(SYS_madvise, page, IO_PAGE, MADV_WIPEONFORK) != 0)
			return -ENOMEM;
		connected = (uint32_t *)page;
		pthread_key_create(&thread_end, on_thread_end);
	} else if (server.header) {
		drop_inherited();
	}
	if (snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", door()->folder) >= (int)sizeof address.sun_path)
		return -ENAMETOOLONG;
	fd = raw(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	n = raw(SYS_connect, fd, &address, sizeof address);
	if (n < 0) {
		raw(SYS_close, fd);
		return n == -EMFILE || n == -ENFILE ? n : -ENODEV;
	}
	n = receive((int)fd, fds, 2, MSG_CMSG_CLOEXEC);
	if (n != 2) {
		raw(SYS_close, fd);
		return n < 0 ? n : -ENODEV;
	}
	region = raw(SYS_mmap, NULL, IO_REGION_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
	raw(SYS_close, fds[0]);
	server.socket = move_up((int)fd);
	server.bell = move_up(fds[1]);
	if (is_error(region)) {
		raw(SYS_close, server.socket);
		raw(SYS_close, server.bell);
		return -ENOMEM;
	}
	server.header = (struct io_header *)region;
	server.slots = (struct io_slot *)(region + IO_PAGE);
	server.generation++;
	__atomic_store_n(connected, 1, __ATOMIC_RELEASE);
	return 0;
}

static bool is_connected(void)
{
	return connected && __atomic_load_n(connected, __ATOMIC_ACQUIRE);
}

/* Before the first call of a process. Handlers wait meanwhile: one could call, too. */
static long connect_once(void)
{
	uint64_t all = ~0ull, before;
	long result = 0;

	if (is_connected())
		return 0;
	raw(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before, 8);
	lock();
	if (!is_connected())
		result = connect_now();
	unlock();
	raw(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, 8);
	return result;
}

bool is_inherited(void)
{
	return server.header && !is_connected();
}

bool is_internal(int fd)
{
	return fd >= 0 && is_connected() && (fd == server.socket || fd == server.bell);
}

/* ---- waiting ---------------------------------------------------------------------------- */

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
	char byte;

	return raw(SYS_recvfrom, server.socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT, NULL, NULL) == 0;
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

/* Hands the slot to the server and waits until it comes back. */
static bool exchange(int index, uint32_t state)
{
	struct io_slot *slot = slot_at(index);
	bool rang = false;

	publish_cpu(slot);
	__atomic_store_n(&slot->state, state, __ATOMIC_RELEASE);
	__atomic_fetch_or(&server.header->pending[index / 32], 1u << index % 32, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&server.header->server.ring_me, __ATOMIC_SEQ_CST)) {
		uint64_t one = 1;

		raw(SYS_write, server.bell, &one, sizeof one);
		rang = true;
	}
	if (shares_cpu(slot) ? yield(slot, state, rang ? YIELDS_AFTER_RING : YIELDS) : !rang && spin(slot, state))
		return true;
	return sleep_until_changed(slot, state);
}

/* ---- what the server asks ------------------------------------------------------------------ */

/* Sends a descriptor to the server, for the call of a slot. */
static long send_fd(int fd, int index)
{
	uint32_t tag = (uint32_t)index;
	char control[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec io = { &tag, sizeof tag };
	struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	long n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	do
		n = raw(SYS_sendmsg, server.socket, &message, MSG_NOSIGNAL);
	while (n == -EINTR);
	return n;
}

static int64_t up_install(const struct io_slot *slot)
{
	int fd;
	long n = receive(server.socket, &fd, 1, slot->args[1] ? MSG_CMSG_CLOEXEC : 0);

	if (n < 0)
		return n;
	remember(fd, (uint32_t)slot->args[0], (uint64_t)slot->args[2]);
	return fd;
}

/* A file that this process has not proved to hold is proved by a call inside the call. */
static int64_t up_lookup(int fd)
{
	return raw(SYS_fcntl, fd, F_GETFD) < 0 ? -EBADF : (int64_t)handle_of(fd);
}

static int64_t up_map(const struct io_slot *slot)
{
	int fd = (int)slot->args[5];
	long result;

	if (fd < 0) {
		long n = receive(server.socket, &fd, 1, MSG_CMSG_CLOEXEC);

		if (n < 0)
			return n;
	}
	result = raw(SYS_mmap, slot->args[0], slot->args[1], slot->args[2], slot->args[3], fd, slot->args[4]);
	if (slot->args[5] < 0)
		raw(SYS_close, fd);
	return result;
}

static void do_upcall(int index)
{
	struct io_slot *slot = slot_at(index);
	uint64_t wanted = (uint64_t)slot->args[1];

	switch (slot->up) {
	case IO_UP_READ:
		if (wanted > IO_DATA_SIZE)
			wanted = IO_DATA_SIZE;
		slot->result = (int64_t)read_guarded(slot->data, (uintptr_t)slot->args[0], wanted);
		break;
	case IO_UP_WRITE:
		wanted = slot->length < IO_DATA_SIZE ? slot->length : IO_DATA_SIZE;
		slot->result = (int64_t)write_guarded((uintptr_t)slot->args[0], slot->data, wanted);
		break;
	case IO_UP_INSTALL:
		slot->result = up_install(slot);
		break;
	case IO_UP_CLOSE:
		forget((int)slot->args[0]);
		slot->result = raw(SYS_close, slot->args[0]);
		break;
	case IO_UP_LOOKUP:
		slot->result = up_lookup((int)slot->args[0]);
		break;
	case IO_UP_MAP:
		slot->result = up_map(slot);
		break;
	default:
		slot->result = -ENOSYS;
	}
}

/* ---- calls ----------------------------------------------------------------------------------- */

bool begin_call(struct call *call, uint32_t op, int fd, uint32_t handle)
{
	long connection = server.dead && is_connected() ? -ENODEV : connect_once();
	struct io_slot *slot;

	if (connection < 0) {
		errno = (int)-connection;
		return false;
	}
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
		do_upcall(call->index);
		state = IO_REPLY;
	}
	return slot->error ? -(long)slot->error : (long)slot->result;
}

void end_call(struct call *call)
{
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
