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
void end_cancelled_call(int index);

/* ---- signals.c -------------------------------------------------------------------------- */

/* From now on handlers interrupt calls. */
void watch_signals(void);

/* ---- wait.c ----------------------------------------------------------------------------- */

/* Hands a slot to the server; says whether that had to be woken. */
bool hand_over(int index, uint32_t state);
/* Waits until it comes back. False: the server is gone. */
bool wait_for_server(int index, uint32_t state, bool rang, bool cancellable);
/* Asks the server to end the call of a slot as a signal would. The call goes on until it answers. */
void ask_to_end(int index);

/* ---- poll.c ----------------------------------------------------------------------------- */

/* Receives what wakes a slot's thread while the real kernel polls for it: 0, or a negative errno. */
int64_t take_waker(int index);

/* ---- epoll-sets.c ----------------------------------------------------------------------- */

/* The set of an epoll descriptor, 0 when this process has none for it. */
uint32_t set_of(int epfd);
/* Has an epoll descriptor watch, by a descriptor that is ours from now on, the emulated files of a set. */
long watch_set(int epfd, uint32_t set, int fd);

/* ---- upcalls.c -------------------------------------------------------------------------- */

/* Does what the server asks in a slot. */
void do_upcall(int index);

#endif
