/* Sockets that events of devices come through: netlink's NETLINK_KOBJECT_UEVENT is the machine's, every other socket the host's. */
#include "preload.h"
#include "sockets.h"
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#define ADDRESS(p) (int64_t)(uintptr_t)(p)

static long socket_call(uint32_t op, int fd, uint32_t handle, int kind, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e)
{
	struct call call;
	long result;

	if (!begin_call(&call, op, fd, handle))
		return -1;
	call.slot->args[0] = kind;
	call.slot->args[1] = a;
	call.slot->args[2] = b;
	call.slot->args[3] = c;
	call.slot->args[4] = d;
	call.slot->args[5] = e;
	result = make_call(&call);
	end_call(&call);
	return finish(result);
}

#define ASK(op, kind, a, b, c, d, e)                                                                                    \
	uint32_t handle = handle_of(fd);                                                                                \
	if (handle)                                                                                                     \
		return socket_call(op, fd, handle, kind, (int64_t)(a), (int64_t)(b), (int64_t)(c), (int64_t)(d), (int64_t)(e))

EXPORT int socket(int domain, int type, int protocol)
{
	if (!door()->open || domain != AF_NETLINK || protocol != NETLINK_KOBJECT_UEVENT)
		return NEXT(socket)(domain, type, protocol);
	suspect_all();
	return (int)socket_call(IO_SOCKET, -1, 0, 0, domain, type, protocol, 0, 0);
}

EXPORT int bind(int fd, __CONST_SOCKADDR_ARG name, socklen_t length)
{
	ASK(IO_SOCKET_CALL, IO_BIND, ADDRESS(name.__sockaddr__), (int)length, 0, 0, 0);
	return NEXT(bind)(fd, name, length);
}

EXPORT int connect(int fd, __CONST_SOCKADDR_ARG name, socklen_t length)
{
	ASK(IO_SOCKET_CALL, IO_CONNECT, ADDRESS(name.__sockaddr__), (int)length, 0, 0, 0);
	return NEXT(connect)(fd, name, length);
}

EXPORT int getsockname(int fd, __SOCKADDR_ARG name, socklen_t *restrict length)
{
	ASK(IO_SOCKET_CALL, IO_GETSOCKNAME, ADDRESS(name.__sockaddr__), ADDRESS(length), 0, 0, 0);
	return NEXT(getsockname)(fd, name, length);
}

EXPORT int getpeername(int fd, __SOCKADDR_ARG name, socklen_t *restrict length)
{
	ASK(IO_SOCKET_CALL, IO_GETPEERNAME, ADDRESS(name.__sockaddr__), ADDRESS(length), 0, 0, 0);
	return NEXT(getpeername)(fd, name, length);
}

EXPORT int listen(int fd, int backlog)
{
	ASK(IO_SOCKET_CALL, IO_LISTEN, backlog, 0, 0, 0, 0);
	return NEXT(listen)(fd, backlog);
}

EXPORT int accept(int fd, __SOCKADDR_ARG name, socklen_t *restrict length)
{
	ASK(IO_SOCKET_CALL, IO_LISTEN, 0, 0, 0, 0, 0);
	return NEXT(accept)(fd, name, length);
}

EXPORT int accept4(int fd, __SOCKADDR_ARG name, socklen_t *restrict length, int flags)
{
	ASK(IO_SOCKET_CALL, IO_LISTEN, 0, 0, 0, 0, 0);
	return NEXT(accept4)(fd, name, length, flags);
}

EXPORT int shutdown(int fd, int how)
{
	ASK(IO_SOCKET_CALL, IO_LISTEN, 0, 0, 0, 0, 0);
	return NEXT(shutdown)(fd, how);
}

EXPORT int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
	ASK(IO_SOCKET_CALL, IO_SETSOCKOPT, level, option, ADDRESS(value), (int)length, 0);
	return NEXT(setsockopt)(fd, level, option, value, length);
}

EXPORT int getsockopt(int fd, int level, int option, void *restrict value, socklen_t *restrict length)
{
	ASK(IO_SOCKET_CALL, IO_GETSOCKOPT, level, option, ADDRESS(value), ADDRESS(length), 0);
	return NEXT(getsockopt)(fd, level, option, value, length);
}

EXPORT ssize_t sendto(int fd, const void *from, size_t length, int flags, __CONST_SOCKADDR_ARG name, socklen_t name_length)
{
	ASK(IO_MESSAGE, IO_SENDTO, ADDRESS(from), length, flags, ADDRESS(name.__sockaddr__), (int)name_length);
	return NEXT(sendto)(fd, from, length, flags, name, name_length);
}

EXPORT ssize_t send(int fd, const void *from, size_t length, int flags)
{
	ASK(IO_MESSAGE, IO_SENDTO, ADDRESS(from), length, flags, 0, 0);
	return NEXT(send)(fd, from, length, flags);
}

EXPORT ssize_t recvfrom(int fd, void *restrict to, size_t length, int flags, __SOCKADDR_ARG name, socklen_t *restrict name_length)
{
	ASK(IO_MESSAGE, IO_RECVFROM, ADDRESS(to), length, flags, ADDRESS(name.__sockaddr__), ADDRESS(name_length));
	return NEXT(recvfrom)(fd, to, length, flags, name, name_length);
}

EXPORT ssize_t recv(int fd, void *to, size_t length, int flags)
{
	ASK(IO_MESSAGE, IO_RECVFROM, ADDRESS(to), length, flags, 0, 0);
	return NEXT(recv)(fd, to, length, flags);
}

/* What <sys/socket.h> calls instead under _FORTIFY_SOURCE. */
ssize_t __recv_chk(int fd, void *to, size_t length, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *restrict to, size_t length, size_t room, int flags, __SOCKADDR_ARG name, socklen_t *restrict name_length);

EXPORT ssize_t __recv_chk(int fd, void *to, size_t length, size_t room, int flags)
{
	return length <= room ? recv(fd, to, length, flags) : NEXT(__recv_chk)(fd, to, length, room, flags);
}

EXPORT ssize_t __recvfrom_chk(int fd, void *restrict to, size_t length, size_t room, int flags, __SOCKADDR_ARG name,
			      socklen_t *restrict name_length)
{
	return length <= room ? recvfrom(fd, to, length, flags, name, name_length)
			      : NEXT(__recvfrom_chk)(fd, to, length, room, flags, name, name_length);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	ASK(IO_MESSAGE, IO_SENDMSG, ADDRESS(message), flags, 0, 0, 0);
	return NEXT(sendmsg)(fd, message, flags);
}

ssize_t receive_message(int fd, uint32_t handle, struct msghdr *message, int flags)
{
	return socket_call(IO_MESSAGE, fd, handle, IO_RECVMSG, ADDRESS(message), flags, 0, 0, 0);
}

/* UIO_MAXIOV: as many messages as one call sends or receives. */
#define MESSAGES_MAX 1024

/* Says how long a message was. False: the program's memory ends there. */
static bool note_length(struct mmsghdr *message, ssize_t length)
{
	unsigned int n = (unsigned int)length;

	return write_guarded((uintptr_t)&message->msg_len, &n, sizeof n) == sizeof n;
}

/* Some messages are a success, whatever became of the next. */
static int counted(unsigned int done, bool faulted)
{
	if (done > 0)
		return (int)done;
	return faulted ? (int)finish(-EFAULT) : -1;
}

EXPORT int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	unsigned int done = 0;

	if (!handle_of(fd))
		return NEXT(sendmmsg)(fd, messages, count, flags);
	for (; done < count && done < MESSAGES_MAX; done++) {
		ssize_t n = sendmsg(fd, &messages[done].msg_hdr, flags);

		if (n < 0 || !note_length(&messages[done], n))
			return counted(done, n >= 0);
	}
	return (int)done;
}

static bool is_past(const struct timespec *end)
{
	struct timespec now;

	raw(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

int receive_messages(int fd, struct mmsghdr *messages, unsigned int count, int flags, const struct timespec *timeout)
{
	struct timespec end = { 0 };
	unsigned int done = 0;

	if (timeout) {
		if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec > 999999999)
			return (int)finish(-EINVAL);
		raw(SYS_clock_gettime, CLOCK_MONOTONIC, &end);
		end.tv_sec += timeout->tv_sec + (end.tv_nsec + timeout->tv_nsec) / 1000000000;
		end.tv_nsec = (end.tv_nsec + timeout->tv_nsec) % 1000000000;
	}
	while (done < count && done < MESSAGES_MAX) {
		ssize_t n = recvmsg(fd, &messages[done].msg_hdr, flags & ~MSG_WAITFORONE);

		if (n < 0 || !note_length(&messages[done], n))
			return counted(done, n >= 0);
		done++;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (timeout && is_past(&end))
			break;
	}
	return (int)done;
}
