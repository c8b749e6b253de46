/*
 * What the preload library in a program and the server share: a region of memory
 * per process, a socket and an eventfd.
 *
 * Connecting. The library connects to the server's socket (SOCK_SEQPACKET). The
 * server answers with one message: a byte, and by SCM_RIGHTS the region's memory
 * file and the doorbell, an eventfd. A message without them is a refusal, its byte
 * an errno. The socket then only carries descriptors. A process has one
 * connection: a new one ends the one before.
 *
 * Calling. A thread takes a free slot, writes its request and sets the slot's bit
 * in `pending`. If `ring_me` is set it writes the doorbell. Then it waits for
 * `state` to change:
 *
 *	library                         server
 *	REQUEST  ---- pending bit ---->
 *	         <---------------------  UPCALL   do `up`, any number of times
 *	REPLY    ---- pending bit ---->
 *	         <---------------------  ANSWER   `result`, or `error`
 *
 * Only the server moves a slot to UPCALL or ANSWER, only the library to REQUEST
 * or REPLY. The server reads each word once and believes none: a program can
 * only spoil its own calls.
 *
 * Waiting. A thread that is about to sleep sets `sleeping`, looks at `state`
 * again and waits on it as a futex; the server wakes it when it finds `sleeping`
 * set after it has changed `state`. A server that is about to sleep sets
 * `ring_me` and looks at `pending` again.
 */
#ifndef IOCTOPUS_PROTOCOL_H
#define IOCTOPUS_PROTOCOL_H

#include <stdint.h>

#define IOCTOPUS_PROTOCOL 2

/* Calls that a process may have under way. */
#define IO_SLOTS 1024
#define IO_PAGE 4096
/* The header is one page, each slot is one page. */
#define IO_REGION_SIZE ((IO_SLOTS + 1) * IO_PAGE)

/* Written by the server, read by the library. */
struct io_server_line {
	uint32_t protocol;
	/* The processor the server runs on. */
	uint32_t cpu;
	/* The server sleeps, or does not look at this process: write the doorbell. */
	uint32_t ring_me;
	/* IO_REPORT_LOCAL: tell the server of calls that it has no part in. */
	uint32_t flags;
	uint32_t unused[12];
};

#define IO_REPORT_LOCAL 1

struct io_header {
	struct io_server_line server;
	/* Slots with a request or a reply: set by the library, cleared by the server. */
	uint32_t pending[IO_SLOTS / 32];
	/* Slots in use: the library's own. */
	uint32_t taken[IO_SLOTS / 32];
};

enum io_state {
	IO_IDLE,
	IO_REQUEST,
	IO_UPCALL,
	IO_REPLY,
	IO_ANSWER,
};

#define IO_ARGS 6
#define IO_DATA_SIZE (IO_PAGE - 128)

struct io_slot {
	uint32_t state;
	uint32_t sleeping;
	/* The calling thread, and the processor it last ran on. */
	uint32_t tid;
	uint32_t cpu;
	/* The request: enum io_op, the descriptor it is about and what the library
	 * knows that descriptor as (0: nothing). */
	uint32_t op;
	int32_t fd;
	uint32_t handle;
	/* Bytes of `data` that belong to the request, the up-call or the reply. */
	uint32_t length;
	int64_t args[IO_ARGS];
	/* The answer; `error` is an errno, or 0. */
	int64_t result;
	int32_t error;
	/* The up-call: enum io_up with `args`; its outcome goes to `result`, where a
	 * negative number is an errno. */
	uint32_t up;
	uint32_t unused[8];
	uint8_t data[IO_DATA_SIZE];
};

_Static_assert(sizeof(struct io_slot) == IO_PAGE, "a slot is a page");
_Static_assert(sizeof(struct io_header) <= IO_PAGE, "the header is a page");

/* Requests. Paths and prefetched bytes stand in `data`. */
enum io_op {
	IO_OPEN = 1,    /* args: flags, mode; data: absolute path */
	IO_STAT,        /* args: follow; data: absolute path; answer: io_stat in data */
	IO_FSTAT,       /* answer: io_stat in data */
	IO_READ,        /* args: address, length */
	IO_WRITE,       /* args: address, length */
	IO_PREAD,       /* args: address, length, offset */
	IO_PWRITE,      /* args: address, length, offset */
	IO_LSEEK,       /* args: offset, whence */
	IO_IOCTL,       /* args: request, argument; data: prefetched bytes of the argument */
	IO_FCNTL,       /* args: command, argument */
	IO_MMAP,        /* args: address, length, protection, flags, offset */
	IO_FTRUNCATE,   /* args: length */
	IO_FALLOCATE,   /* args: mode, offset, length */
	IO_FSYNC,
	IO_FCHMOD,      /* args: mode */
	IO_FCHOWN,      /* args: uid, gid */
	IO_POLL,        /* args: number of entries, timeout in ns or -1; data: io_poll[] */
	IO_ACCESS,      /* args: mode; data: absolute path */
	IO_IDENTIFY,    /* a descriptor has been sent on the socket: answer its handle, 0 if it is not ours */
	IO_NOTE,        /* a call that the server has no part in, for its trace; data: text */
};

/* What the server asks of the thread that waits. */
enum io_up {
	IO_UP_READ = 1, /* args: address, length: bytes into data; result: how many could be read */
	IO_UP_WRITE,    /* args: address; data: bytes; result: how many could be written */
	IO_UP_INSTALL,  /* args: handle, close-on-exec, inode: receive a descriptor; result: its number */
	IO_UP_CLOSE,    /* args: descriptor */
	IO_UP_LOOKUP,   /* args: descriptor; result: its handle; 0 if it is not ours, -EBADF if it is closed */
	IO_UP_MAP,      /* args: address, length, protection, flags, offset, descriptor or -1: receive one; result: address */
};

/*
 * A descriptor sent to the server goes with these four bytes: the number of the
 * slot that it is for, so that threads may send side by side.
 */

/* A struct stat without the padding and order of any architecture. */
struct io_stat {
	uint64_t dev, ino, rdev, size, blocks;
	uint32_t mode, nlink, uid, gid, blksize, unused;
	int64_t atime_sec, mtime_sec, ctime_sec;
	uint32_t atime_nsec, mtime_nsec, ctime_nsec, unused2;
};

struct io_poll {
	int32_t fd;
	uint32_t handle;
	uint32_t events;
	uint32_t revents;
};

/*
 * The file `paths` in the server's folder, mapped by every program: which paths
 * are emulated. Entries are absolute, each ends with a NUL, the list ends with an
 * empty one. A path is emulated if it is an entry or lies below one. `generation`
 * is odd while the server writes.
 */
#define IO_PATHS_SIZE 65536

struct io_paths {
	uint32_t generation;
	uint32_t unused;
	char list[IO_PATHS_SIZE - 8];
};

/* What the launcher puts into the environment: "<st_dev of memory files in hex>:<folder>". */
#define IO_ENVIRONMENT "IOCTOPUS_DOOR"

#endif
