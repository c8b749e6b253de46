/* What the parts of a call share: connection.c, call.c, wait.c, upcalls.c. */
#ifndef CLIENT_H
#define CLIENT_H

#include "preload.h"

struct server {
	struct io_header *header;
	struct io_slot *slots;
	int socket;
	int bell;
	/* Counts connections: a thread's slot belongs to one of them. */
	uint32_t generation;
	bool dead;
};

/* ---- connection.c --------------------------------------------------------------------- */

extern struct server server;

/* Whether `server` is this process's own connection. */
bool is_connected(void);
/* Before the first call of a process. A negative errno when there is no server. */
long connect_once(void);
/* Receives descriptors that the server sent; says how many, or a negative errno. */
long receive(int socket, int *fds, size_t count, int flags);
/* Moves a descriptor of ours out of the program's way, where it is hidden; its number then. */
int keep_internal(int fd);
/* Closes one. */
void drop_internal(int fd);
/* Sends a descriptor to the server, for the call of a slot. */
long send_fd(int fd, int index);

static inline struct io_slot *slot_at(int index)
{
	return &server.slots[index];
}

/* Whether a slot is of this connection, not of one before it. */
static inline bool is_current(const struct io_slot *slot)
{
	return slot >= server.slots && slot < server.slots + IO_SLOTS;
}

/* The header of the region that a slot lies in. */
static inline struct io_header *header_of(struct io_slot *slot, int index)
{
	return (struct io_header *)((uintptr_t)(slot - index) - IO_PAGE);
}

/* ---- own.c ------------------------------------------------------------------------------ */

/* Takes a descriptor for the library: out of the program's way, and marked. `*place` is its number from now on, until end_own. */
void make_own(int fd, int *place);
/* Whether a number still is what make_own made of it. */
bool is_intact(int fd);
/* Closes it, unless it has become something else. `*place` is -1 then. */
void end_own(int *place);
/* Whether those of the connection are there. Looked at only when there is a reason, the other asks each time whether there is. */
bool are_own_intact(void);
bool has_lost_own(void);

/* ---- call.c ----------------------------------------------------------------------------- */

/* Once per process: slots of threads come back when those end. */
void watch_threads(void);
/* In a forked child: this thread has no slot any more. */
void drop_slot(void);

/*
 * A handler is about to run: the call of this thread that it interrupts, if any, is
 * ended first. `restarts`: whether the handler lets calls start again.
 */
void interrupt_call(bool restarts);
/* The thread ends in the middle of a call. */
void end_cancelled_call(struct io_slot *slot);

/* ---- signals.c -------------------------------------------------------------------------- */

/* From now on handlers interrupt calls. */
void watch_signals(void);

/* ---- wait.c ----------------------------------------------------------------------------- */

/* Hands a slot to the server; `*rang` says whether that had to be woken. False: the connection is gone. */
bool hand_over(struct io_slot *slot, int index, uint32_t state, bool *rang);
/* Waits until it comes back. False: the server is gone, or another connection was made. */
bool wait_for_server(struct io_slot *slot, uint32_t state, bool rang, bool cancellable);
/* Asks the server to end the call of a slot as a signal would. The call goes on until it answers. */
void ask_to_end(struct io_slot *slot, int index);

/* ---- poll.c ----------------------------------------------------------------------------- */

/* Receives what wakes a slot's thread while the real kernel polls for it: 0, or a negative errno. */
int64_t take_waker(int index);
/* The connection is another one: it has none yet. */
void drop_wakers(void);

/* ---- epoll-sets.c ----------------------------------------------------------------------- */

/* The set of an epoll descriptor, 0 when this process has none for it. */
uint32_t set_of(int epfd);
/* Has an epoll descriptor watch, by a descriptor that is ours from now on, the emulated files of a set. */
long watch_set(int epfd, uint32_t set, int fd);

/* ---- aio-contexts.c --------------------------------------------------------------------- */

/* Receives what wakes whoever waits for a context's events: 0, or a negative errno. */
int64_t take_aio_waker(uint64_t id);
/* The connection is another one: the server knows no requests of ours. */
void drop_aio(void);

/* ---- upcalls.c -------------------------------------------------------------------------- */

/* Does what the server asks in a slot. */
void do_upcall(struct io_slot *slot, int index);

#endif
