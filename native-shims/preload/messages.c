/* Descriptors that arrive, or are replaced, by calls that do not name them. What the table knew of those numbers is not true any more. */
#include "preload.h"
#include "sockets.h"
#include <string.h>
#include <sys/socket.h>
#include <utmp.h>

static void forget_received(struct msghdr *message)
{
	if (!door()->open || message->msg_controllen == 0)
		return;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		const unsigned char *end = (const unsigned char *)c + c->cmsg_len;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (const unsigned char *at = CMSG_DATA(c); at + sizeof(int) <= end; at += sizeof(int)) {
			int fd;

			memcpy(&fd, at, sizeof fd);
			forget(fd);
		}
	}
}

EXPORT ssize_t recvmsg(int socket, struct msghdr *message, int flags)
{
	uint32_t handle = handle_of(socket);
	ssize_t n = handle ? receive_message(socket, handle, message, flags) : NEXT(recvmsg)(socket, message, flags);

	if (!handle && n >= 0)
		forget_received(message);
	return n;
}

EXPORT int recvmmsg(int socket, struct mmsghdr *messages, unsigned int count, int flags, struct timespec *timeout)
{
	int n;

	if (handle_of(socket))
		return receive_messages(socket, messages, count, flags, timeout);
	n = NEXT(recvmmsg)(socket, messages, count, flags, timeout);
	for (int i = 0; i < n; i++)
		forget_received(&messages[i].msg_hdr);
	return n;
}

/* Not in the headers of older C libraries. */
int pidfd_getfd(int pidfd, int target, unsigned int flags);

EXPORT int pidfd_getfd(int pidfd, int target, unsigned int flags)
{
	long fd = raw(SYS_pidfd_getfd, pidfd, target, flags);

	if (fd >= 0)
		forget((int)fd);
	return (int)finish(fd);
}

/* Puts the terminal in the place of 0, 1 and 2. */
EXPORT int login_tty(int fd)
{
	int result;

	suspect_all();
	result = NEXT(login_tty)(fd);
	for (int i = 0; i < 3; i++)
		forget(i);
	return result;
}
