/*
 * A client that speaks the protocol itself, without the preload library, and need
 * not keep to it.
 */
#ifndef RAW_CLIENT_H
#define RAW_CLIENT_H

#include "../../../native-shims/protocol.h"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct session {
	int socket, bell, file;
	struct io_header *header;
	struct io_slot *slots;
};

/* Receives a message: its first byte, and up to `room` descriptors; how many. -1: nothing there. */
static inline int receive_fds(int socket, int *fds, int room, int flags, unsigned char *byte)
{
	char control[CMSG_SPACE(16 * sizeof(int))];
	struct iovec io = { byte, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *c;
	int count;

	if (recvmsg(socket, &m, flags) <= 0)
		return -1;
	c = CMSG_FIRSTHDR(&m);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return 0;
	count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	for (int i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * (int)sizeof fd, sizeof fd);
		if (i < room)
			fds[i] = fd;
		else
			close(fd);
	}
	return count < room ? count : room;
}

/* A new connection. 0, or the errno of a refusal, or -1. */
static inline int open_session(struct session *s)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *door = getenv(IO_ENVIRONMENT);
	unsigned char byte = 0;
	int fds[2], n;

	snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", door ? strchr(door, ':') + 1 : "");
	s->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connect(s->socket, (struct sockaddr *)&address, sizeof address) != 0) {
		close(s->socket);
		return -1;
	}
	n = receive_fds(s->socket, fds, 2, MSG_CMSG_CLOEXEC, &byte);
	if (n < 2) {
		close(s->socket);
		return n == 0 && byte ? byte : -1;
	}
	s->file = fds[0];
	s->bell = fds[1];
	s->header = mmap(NULL, IO_REGION_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s->file, 0);
	s->slots = (struct io_slot *)((char *)s->header + IO_PAGE);
	return 0;
}

static inline void close_session(struct session *s)
{
	munmap(s->header, IO_REGION_SIZE);
	close(s->socket);
	close(s->bell);
	close(s->file);
}

/* Not when that would wait: the doorbell may be full, and nobody there to read it. */
static inline void ring(struct session *s)
{
	struct pollfd room = { .fd = s->bell, .events = POLLOUT };
	uint64_t one = 1;

	if (poll(&room, 1, 0) != 1 || write(s->bell, &one, sizeof one) < 0)
		return;
}

static inline void post(struct session *s, int index, uint32_t state)
{
	__atomic_store_n(&s->slots[index].state, state, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&s->header->pending[index / 32], 1u << index % 32, __ATOMIC_SEQ_CST);
	ring(s);
}

/* Waits until the server has changed a slot that was posted in a state. */
static inline uint32_t await(struct session *s, int index, uint32_t state)
{
	uint32_t now;

	while ((now = __atomic_load_n(&s->slots[index].state, __ATOMIC_SEQ_CST)) == state)
		sched_yield();
	return now;
}

/* A descriptor for the call of a slot. */
static inline int send_tagged(struct session *s, const int *fds, int count, const void *tag, size_t length)
{
	char control[CMSG_SPACE(253 * sizeof(int))];
	struct iovec io = { (void *)tag, length };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1 };

	if (count > 0) {
		struct cmsghdr *c = (struct cmsghdr *)control;

		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, (size_t)count * sizeof(int));
	}
	return (int)sendmsg(s->socket, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

#endif
