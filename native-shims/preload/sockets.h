/* Receiving on sockets of the machine; the calls themselves are in messages.c, where descriptors arrive. */
#ifndef SOCKETS_H
#define SOCKETS_H

#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

ssize_t receive_message(int fd, uint32_t handle, struct msghdr *message, int flags);
int receive_messages(int fd, struct mmsghdr *messages, unsigned int count, int flags, const struct timespec *timeout);

#endif
