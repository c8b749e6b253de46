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

/* Takes a descriptor for the library: out of the program's way, and marked. Returns its number. */
int make_own(int fd);
/* Whether a number still is what make_own made of it. */
bool is_intact(int fd);
/* Closes it, unless it has become something else. */
void end_own(int fd);
/* Whether all of them are there. Looked at only when there is a reason, the other asks each time whether there is. */
bool are_own_intact(void);
bool has_lost_own(void);

/* ---- call.c ----------------------------------------------------------------------------- */

/* Once per process: slots of threads come back when those end. */
void watch_threads(void);
/* In a forked child: this thread has no slot any more. */
void drop_slot(void);

/* ---- wait.c ----------------------------------------------------------------------------- */

/* Hands a slot to the server and waits until it comes back. False: the server is gone, or another connection was made. */
bool exchange(struct io_slot *slot, int index, uint32_t state);

/* ---- upcalls.c -------------------------------------------------------------------------- */

/* Does what the server asks in a slot. */
void do_upcall(struct io_slot *slot);

#endif
