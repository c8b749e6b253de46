/* The connection of this process to the server. */
#include "client.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

struct server server = { .socket = -1, .bell = -1 };

/*
 * In memory that a forked child finds wiped, whatever way it was forked: set while
 * `server` is this process's own connection.
 */
static uint32_t *connected;
/* The process whose connection `server` is, or was. */
static int32_t connected_in;
/* 0 free, 1 taken, 2 taken and somebody waits. A lock of the process that `connecting_in` names. */
static uint32_t connecting;
static int32_t connecting_in;

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

long receive(int socket, int *fds, size_t count, int flags)
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
	/* A message without descriptors that were not cut off is a refusal. */
	if (!c && !(message.msg_flags & MSG_CTRUNC) && byte)
		return -(long)(unsigned char)byte;
	if (!c || c->cmsg_type != SCM_RIGHTS || (message.msg_flags & MSG_CTRUNC))
		return -EMFILE;
	memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	return (long)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
}

/*
 * The connection is the parent's, in a forked child, or its descriptors are gone.
 * In that case other threads may still look at the region: it stays.
 */
static void drop_connection(void)
{
	__atomic_store_n(connected, 0, __ATOMIC_RELEASE);
	end_own(&server.socket);
	end_own(&server.bell);
	drop_wakers();
	drop_aio();
	server.socket = server.bell = -1;
	if (connected_in != (int32_t)raw(SYS_getpid)) {
		raw(SYS_munmap, server.header, IO_REGION_SIZE);
		server.header = NULL;
	}
	server.dead = false;
	drop_slot();
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
		watch_threads();
	} else if (server.header) {
		drop_connection();
	}
	if (snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", door()->folder) >= (int)sizeof address.sun_path)
		return -ENAMETOOLONG;
	fd = raw(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	STEP();
	if (fd < 0)
		return fd;
	n = raw(SYS_connect, fd, &address, sizeof address);
	STEP();
	if (n < 0) {
		raw(SYS_close, fd);
		return n == -EMFILE || n == -ENFILE ? n : -ENODEV;
	}
	n = receive((int)fd, fds, 2, MSG_CMSG_CLOEXEC);
	STEP();
	if (n != 2) {
		raw(SYS_close, fd);
		return n < 0 ? n : -ENODEV;
	}
	region = raw(SYS_mmap, NULL, IO_REGION_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
	STEP();
	raw(SYS_close, fds[0]);
	make_own((int)fd, &server.socket);
	STEP();
	make_own(fds[1], &server.bell);
	STEP();
	if (is_error(region)) {
		end_own(&server.socket);
		end_own(&server.bell);
		return -ENOMEM;
	}
	server.header = (struct io_header *)region;
	server.slots = (struct io_slot *)(region + IO_PAGE);
	server.generation++;
	connected_in = (int32_t)raw(SYS_getpid);
	take_streams();
	__atomic_store_n(connected, 1, __ATOMIC_RELEASE);
	return 0;
}

bool is_connected(void)
{
	return connected && __atomic_load_n(connected, __ATOMIC_ACQUIRE);
}

/* Handlers wait meanwhile: one could call, too. */
long connect_once(void)
{
	uint64_t all = ~0ull, before;
	long result = 0;

	if (is_connected() && !has_lost_own())
		return 0;
	find_streams();
	raw(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before, 8);
	lock();
	if (!is_connected() || !are_own_intact())
		result = connect_now();
	unlock();
	raw(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, 8);
	if (result == 0)
		watch_signals();
	return result;
}

bool is_inherited(void)
{
	return server.header && !is_connected();
}

long send_fd(int fd, int index)
{
	uint32_t tag = (uint32_t)index;
	char control[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec io = { &tag, sizeof tag };
	struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	long n;

	if (!is_intact(server.socket))
		return -EBADF;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	do
		n = raw(SYS_sendmsg, server.socket, &message, MSG_NOSIGNAL);
	while (n == -EINTR);
	return n;
}
