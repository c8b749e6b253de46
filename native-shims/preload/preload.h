/*
 * What the parts of the preload library share. Each interposed function asks one
 * question: is this ours? If not, the next library's function runs as if we were
 * not there.
 */
#ifndef PRELOAD_H
#define PRELOAD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "../protocol.h"
#include "raw.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* What `handle_of` says of the library's own descriptors. The server knows no such handle, so that every call gets EBADF. */
#define IO_NO_FILE 0xfffffff0u

#define EXPORT __attribute__((visibility("default")))

/* The function of that name in the next library, looked up once. */
#define NEXT(name)                                                                                                      \
	({                                                                                                              \
		static __typeof__(&name) known_##name;                                                                  \
		__typeof__(&name) f_##name = __atomic_load_n(&known_##name, __ATOMIC_RELAXED);                          \
		if (!f_##name) {                                                                                        \
			f_##name = (__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name);                               \
			__atomic_store_n(&known_##name, f_##name, __ATOMIC_RELAXED);                                    \
		}                                                                                                       \
		f_##name;                                                                                               \
	})

/* Turns a result that is a negative errno into -1 and errno. */
static inline long finish(long result)
{
	if (is_error(result)) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

/*
 * A step of the protocol, for the test that kills a program at each of them: in
 * that test's library, the step whose number IOCTOPUS_STEP says is the last one.
 */
#ifdef IOCTOPUS_STEPS
void step(void);
#define STEP() step()
#else
#define STEP() ((void)0)
#endif

/* ---- door.c: where the server is ---------------------------------------------- */

struct door {
	/* Whether this program was started under a server at all. */
	bool open;
	/* st_dev of memory files: every emulated file is one. */
	dev_t memory_dev;
	/* The machine's clocks may run ahead of the host's. */
	bool warps;
	/* The server's folder. */
	char folder[96];
};

const struct door *door(void);

/* ---- paths.c: which paths are emulated ------------------------------------------- */

/*
 * Whether a path, from a directory's descriptor on, is emulated; its absolute form
 * then goes to `out` (PATH_MAX bytes).
 */
bool emulated_path(int dirfd, const char *path, char *out);
/*
 * The same for a path that the real system does not know: the last part may be a
 * link that leads to an emulated path. If it does not, `out` still says where it
 * leads, or is empty.
 */
bool emulated_link(int dirfd, const char *path, char *out);
/* The same, where the last part is not followed if it is a link. */
bool emulated_at(int dirfd, const char *path, bool follow_last, char *out);
/*
 * A path that is not emulated, as the host's kernel finds it: absolute (in `out`) if
 * it begins in an emulated folder or leads through one.
 */
const char *host_path(int dirfd, const char *path, bool follow_last, char *out);
/* Whether an absolute path without links is emulated. */
bool is_listed(const char *path);
/* Whether an emulated path lies below an absolute path. */
bool has_listed_below(const char *path);
/* Whether a walk of all that is below a path can come to something emulated. */
bool leads_to_ours(const char *path);
/* Whether one of its parts is called as an emulated path ends. */
bool has_listed_part(const char *path);
/* The emulated name of that number directly in a folder, into NAME_MAX + 1 bytes. */
bool listed_child(const char *folder, int index, char *out);
/* A call about a path and a number; text that it answers goes to `out` (PATH_MAX bytes), if that is not NULL. */
long path_call(uint32_t op, const char *path, int64_t argument, char *out);
/* By how much the machine's clocks are ahead, in nanoseconds. */
int64_t warped_ns(void);

/* ---- proc-fd.c: /proc/self/fd and its like ------------------------------------------ */

bool sets_sysctl(const char *path, int flags);
/* Whether a path can be one of those below, or of merged_text. */
bool may_name_descriptor(const char *path);
/* The descriptor of ours whose link in /proc/self/fd, /dev/fd or their like a path is, or -1. */
int descriptor_link(const char *path);
/* The same for /proc/self/fdinfo. */
int descriptor_info(const char *path);
/* Both at once. */
int descriptor_named(const char *path, bool *is_info);
/* Opens what such a link leads to, or such a text. */
int open_link(int fd, int flags);
int open_info(int fd, int flags);

/* Which file of /proc a path names that tells of the host and of the machine together, or NULL; and opens it to read. */
const char *merged_text(const char *path);
int open_merged(const char *path, int flags);

/* Where a descriptor of ours leads, into PATH_MAX bytes with a NUL; the length, or a negative errno. */
long link_text(int fd, char *out);

/* ---- cwd.c: the working directory -------------------------------------------------- */

/* The emulated folder that a real one stands for, or NULL. */
const char *mirrored(const char *real);
bool is_cwd_ours(void);

/* ---- descriptors.c: which descriptors are ours -------------------------------------- */

/* The handle of an emulated file's descriptor, or 0. A number that is not open is 0. */
uint32_t handle_of(int fd);
/* A descriptor is this emulated file now. */
void remember(int fd, uint32_t handle, uint64_t inode);
/* A descriptor is a copy of another. */
void remember_copy(int from, int to);
/* A descriptor was made that is not ours. */
void remember_foreign(int fd);
/* A descriptor is gone, or may be anything. */
void forget(int fd);
/* Some descriptor was made, copied or ended out of our sight. */
void suspect_all(void);
/* Moves on when descriptors were made, copied or ended. */
uint16_t descriptor_epoch(void);
/* In a forked child, or after another connection: nothing is proved any more. */
void forget_all(void);

/* ---- call.c, connection.c: calls to the server -------------------------------------- */

/* A call being made; see begin_call. */
struct call {
	struct io_slot *slot;
	int index;
	/* What attach() put into the request, for a call that starts again. */
	const void *bytes;
	size_t wanted;
};

/*
 * Takes a slot and fills in what the call is about. False: there is no server
 * (errno is set).
 */
bool begin_call(struct call *call, uint32_t op, int fd, uint32_t handle);
/* Sends the request and waits for the answer: the result, or a negative errno. The slot stays ours for its data. */
long make_call(struct call *call);
/* Gives the slot back. */
void end_call(struct call *call);
/* A whole call without data. */
long simple_call(uint32_t op, int fd, uint32_t handle, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e);
/* Puts bytes of the program into the request, as many as can be read; says how many. */
uint32_t attach(struct call *call, const void *bytes, size_t length);
/* Whether we are a forked child that still has the parent's connection, and so knows files by the parent's handles. */
bool is_inherited(void);
/* Asks the server what a descriptor is that this process has not proved to hold: its handle, 0, or a negative errno. */
long identify(int fd);
/* Whether there is a server to ask. */
bool is_served(void);
/* Whether the server wants to hear of calls that it has no part in. */
bool reports_local(void);
/* Tells it: text as printf. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- epoll-sets.c: epoll descriptors with emulated files -------------------------------- */

/* A descriptor was closed or replaced: what only it had use for goes, too. */
void epoll_closed(int fd);
/* The same for any number of them. */
void epolls_changed(void);

/* ---- own.c: the library's own descriptors ---------------------------------------------- */

/* Whether a number is one of them: for the program it is not open. */
bool is_internal(int fd);
/* The lowest of them from a number on, or -1. */
int next_internal(int from);
/* Moves one of them away: the program wants its number. */
void make_way(int fd);

/* ---- streams.c: the C library's streams ----------------------------------------------- */

/* Finds the tables that streams work by; then they can be made to lead to emulated files. */
void find_streams(void);
void take_streams(void);

/* ---- unserved.c ----------------------------------------------------------------------- */

/* Before exec: says in the trace if the program cannot load us. */
void note_unserved(const char *path);

/* ---- guard.c: memory that may not be there -------------------------------------------- */

/* Copies what can be copied from, or to, an address of the program; says how many bytes. Never faults. */
size_t read_guarded(void *to, uintptr_t from, size_t length);
size_t write_guarded(uintptr_t to, const void *from, size_t length);
/* Writes `count` pieces of `size` bytes to addresses `stride` apart. False: one could not be written. */
bool scatter_guarded(uintptr_t to, size_t stride, const void *from, size_t size, size_t count);
/* Whether it is surely on the caller's stack, which nobody unmaps during the call. */
bool is_own_stack(uintptr_t from, size_t length);
/* Whether a string ends within so many bytes and can be read until there. */
bool is_string(const char *at, size_t max);

/* ---- stat.c --------------------------------------------------------------------------- */

void fill_stat(struct stat *out, const struct io_stat *in);

#endif
