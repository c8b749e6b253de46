/* What poll.c and select.c share: waiting for emulated and other descriptors at once. */
#ifndef WAITING_H
#define WAITING_H

#include "preload.h"
#include <poll.h>
#include <signal.h>
#include <time.h>

/*
 * poll(2) over descriptors of which at least one is emulated. `timeout` NULL: for
 * ever; else it then says how much is left. `mask` as for ppoll(2), or NULL. The
 * result, or a negative errno.
 */
long poll_any(struct pollfd *fds, nfds_t count, struct timespec *timeout, const sigset_t *mask);

/* The same for a descriptor of the library's own to be readable. */
long poll_own(int fd, const struct timespec *timeout, const sigset_t *mask);

/* Room for so many bytes beyond what a stack has; NULL when there is none. */
void *make_room(size_t bytes);
void free_room(void *room, size_t bytes);

#endif
