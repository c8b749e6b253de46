/*
 * The server's socket: who connects, and descriptors both ways. A negative
 * result is an errno.
 */
#include "addon.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define GROUPS_MAX 1024
#define PASSED_MAX 4
/* The most that the kernel takes in one message (SCM_MAX_FD). */
#define RECEIVED_MAX 253

/*
 * listen(path, stream): a socket of packets, or of a stream. Nobody but the user
 * may connect to it: bind(2) gives its file the permissions of the socket.
 */
static napi_value listen_at(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	size_t argc = 2;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	bool is_stream = false;
	int fd;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	napi_get_value_string_utf8(env, argv[0], address.sun_path, sizeof address.sun_path, NULL);
	napi_get_value_bool(env, argv[1], &is_stream);
	fd = socket(AF_UNIX, (is_stream ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 512) != 0) {
		int e = errno;

		if (fd >= 0)
			close(fd);
		errno = e;
		return outcome(env, -1);
	}
	return number(env, fd);
}

static void set(napi_env env, napi_value object, const char *name, double value)
{
	napi_set_named_property(env, object, name, number(env, value));
}

/*
 * accept(listener): who connected, by the kernel's word: { socket, pid, uid, gid,
 * groups, pidfd }. A forked child keeps the parent's socket open, so only the
 * pidfd says when the process is gone.
 */
static napi_value accept_on(napi_env env, napi_callback_info info)
{
	double a[1];
	struct ucred who;
	socklen_t length = sizeof who;
	gid_t groups[GROUPS_MAX];
	napi_value out, list;
	int fd, pidfd;

	numbers(env, info, a, 1);
	fd = accept4((int)a[0], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return outcome(env, -1);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) != 0)
		goto failed;
	length = sizeof pidfd;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) != 0)
		pidfd = (int)syscall(SYS_pidfd_open, who.pid, 0);
	if (pidfd < 0)
		goto failed;
	length = sizeof groups;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) != 0)
		length = 0;
	napi_create_object(env, &out);
	set(env, out, "socket", fd);
	set(env, out, "pid", who.pid);
	set(env, out, "uid", who.uid);
	set(env, out, "gid", who.gid);
	set(env, out, "pidfd", pidfd);
	napi_create_array(env, &list);
	for (uint32_t i = 0; i < length / sizeof *groups; i++)
		napi_set_element(env, list, i, number(env, groups[i]));
	napi_set_named_property(env, out, "groups", list);
	return out;
failed:;
	int e = errno;
	close(fd);
	return number(env, -e);
}

/* send(socket, fd, fd...): one byte and these descriptors. Does not wait. */
static napi_value send_fds(napi_env env, napi_callback_info info)
{
	napi_value argv[1 + PASSED_MAX];
	size_t argc = 1 + PASSED_MAX;
	char byte = 0, control[CMSG_SPACE(PASSED_MAX * sizeof(int))] = { 0 };
	struct iovec io = { &byte, 1 };
	struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control };
	struct cmsghdr *c = (struct cmsghdr *)control;
	int32_t socket, fds[PASSED_MAX];
	size_t count;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	count = argc - 1;
	napi_get_value_int32(env, argv[0], &socket);
	for (size_t i = 0; i < count; i++)
		napi_get_value_int32(env, argv[i + 1], &fds[i]);
	message.msg_controllen = CMSG_SPACE(count * sizeof(int));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	return outcome(env, sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

/* refuse(socket, errno): tells who connected why that cannot be. */
static napi_value refuse(napi_env env, napi_callback_info info)
{
	double a[2];
	char byte;

	numbers(env, info, a, 2);
	byte = (char)a[1];
	return outcome(env, send((int)a[0], &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT));
}

/*
 * receive(socket): a descriptor that was sent, and for which slot: { fd, slot }.
 * Does not wait. What else a message may bring is closed, and is -EBADMSG.
 */
static napi_value receive_fd(napi_env env, napi_callback_info info)
{
	double a[1];
	char control[CMSG_SPACE(RECEIVED_MAX * sizeof(int))];
	uint32_t slot = 0;
	struct iovec io = { &slot, sizeof slot };
	struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *c;
	napi_value out;
	size_t count = 0;
	ssize_t n;
	int fds[RECEIVED_MAX];

	numbers(env, info, a, 1);
	n = recvmsg((int)a[0], &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return outcome(env, -1);
	c = CMSG_FIRSTHDR(&message);
	if (c && c->cmsg_type == SCM_RIGHTS) {
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
		memcpy(fds, CMSG_DATA(c), count * sizeof *fds);
	}
	if (count != 1 || n != sizeof slot) {
		while (count > 0)
			close(fds[--count]);
		/* The end of the connection looks like an empty message. */
		return number(env, n == 0 && !c ? -EPIPE : -EBADMSG);
	}
	napi_create_object(env, &out);
	set(env, out, "fd", fds[0]);
	set(env, out, "slot", slot);
	return out;
}

napi_value init_sockets(napi_env env, napi_value exports)
{
	static const struct method methods[] = {
		{ "listen", listen_at }, { "accept", accept_on }, { "send", send_fds }, { "refuse", refuse },
		{ "receive", receive_fd },
	};

	return EXPORT(env, exports, methods);
}
