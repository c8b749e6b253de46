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
 * A call that waits in a driver ends early when the library sets `cancel` and the
 * pending bit, while the state is REQUEST or REPLY. The library goes on waiting:
 * only the server ends a call.
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
	/* The answer; `error` is an errno, or 0. ERESTARTSYS and ERESTARTNOHAND come
	 * only after `cancel`. */
	int64_t result;
	int32_t error;
	/* The up-call: enum io_up with `args`; its outcome goes to `result`, where a
	 * negative number is an errno. */
	uint32_t up;
	/* A signal came: the server ends the call as if the driver's wait had been
	 * interrupted, or lets it end as it would. */
	uint32_t cancel;
	uint32_t unused[7];
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
	IO_POLL,        /* args: number of entries, timeout in ns or -1, enum io_poll_mode, their address; data: io_poll[], if they fit */
	IO_ACCESS,      /* args: mode; data: absolute path */
	IO_IDENTIFY,    /* a descriptor has been sent on the socket: answer its handle, 0 if it is not ours */
	IO_NOTE,        /* a call that the server has no part in, for its trace; data: text */
	IO_SLEEP,       /* args: nanoseconds */
	IO_EPOLL_CTL = 30, /* args: epoll descriptor, set or 0, operation, events, data, IO_EPOLL_ flags; answer: 0 */
	IO_EPOLL_COLLECT,  /* args: epoll descriptor, set, most events, flags, timeout in ms (for traces); answer: io_epoll_event[] in data */
	IO_VECTOR = 50, /* args: whether it writes, address and number of struct iovec, offset, flags, whether there is an offset */
	IO_SPLICE,      /* args: enum io_splice, offset addresses in and out, length, flags; data: struct io_end of both */
	IO_FLOCK,       /* args: operation */
	IO_ADVISE,      /* args: enum io_advise, then those of the call */
	IO_STATFS,      /* data: absolute path, or none for the descriptor; answer: f_type, f_bsize, f_namelen, f_fsid, f_flags in args */
	IO_SETATTR,     /* args: enum io_setattr, then what to set, AT_ flags last; data: absolute path, or none for the descriptor */
	IO_XATTR,       /* args: enum io_xattr, addresses of name and value, size, flags; data: absolute path to get and list of, then flags: AT_ */
	IO_LINK,        /* answer: where /proc/self/fd leads, in data; its length */
	IO_FDINFO,      /* args: close-on-exec, mappings that this process has; answer: the text, in data; its length */
	IO_REOPEN,      /* args: flags */
	IO_FLUSH,       /* the program closes a descriptor: its record locks on the file end */
	IO_FACCESS,     /* args: mode */
	IO_SETTLE,      /* nothing by itself: whatever ended before has ended for the server, too */
	IO_GETDENTS = 70, /* args: address, length: struct linux_dirent64[] */
	IO_RESOLVE,     /* args: whether the last name is followed; data: absolute path; answer: where it leads, in data; its length */
	IO_READLINK,    /* data: absolute path; answer: the target, in data; its length */
	IO_NAME,        /* args: enum io_name, mode or flags; data: absolute path, other path or target, working folder, each with a NUL */
	IO_MOUNT,       /* args: flags; data: absolute path, source, type, options, each with a NUL */
	IO_UMOUNT,      /* args: flags; data: absolute path */
	IO_CHDIR,       /* data: absolute path; answer: the same without links, in data, after a folder for it in `cwd` was made; its length */
	IO_SOCKET = 80, /* args: 0, domain, type, protocol */
	IO_SOCKET_CALL, /* args: enum io_socket_call, then those of the call behind the descriptor */
	IO_MESSAGE,     /* args: enum io_message, then those of the call behind the descriptor */
	IO_OPEN_MERGED, /* args: flags; data: path of a file in /proc that tells of the host and the machine */
	IO_STORE = 90,  /* args: offset in the page, enum io_store; data: the bytes; answer: whether the device took them */
	IO_AIO = 100,   /* args: enum io_aio, context, then its own */
};

enum io_store { IO_STORE_PLAIN, IO_STORE_MOVDIR64B, IO_STORE_ENQCMD };
enum io_socket_call { IO_BIND, IO_CONNECT, IO_GETSOCKNAME, IO_GETPEERNAME, IO_LISTEN, IO_SETSOCKOPT, IO_GETSOCKOPT };
enum io_message { IO_SENDTO, IO_RECVFROM, IO_SENDMSG, IO_RECVMSG };

/*
 * Of requests of io_submit on emulated files. A context is the program's own; its
 * emulated requests are in one of the server's with the same number.
 */
enum io_aio {
	IO_AIO_SUBMIT,  /* args: events that the ring has room for, number; data: io_aio_request[]; answer: how many have begun */
	/* args: address of struct io_event[], number; answer: how many, and IO_AIO_MORE when there are others, under way or ended */
	IO_AIO_COLLECT,
	IO_AIO_CANCEL,  /* args: address of the struct iocb */
	IO_AIO_DESTROY,
};

enum io_name { IO_MKDIR, IO_RMDIR, IO_UNLINK, IO_RENAME, IO_LINK_TO, IO_SYMLINK };

enum io_splice { IO_SENDFILE, IO_SPLICE_PIPE, IO_TEE, IO_VMSPLICE, IO_COPY_RANGE };
enum io_advise { IO_FADVISE, IO_READAHEAD, IO_SYNC_RANGE, IO_SYNCFS };
enum io_setattr { IO_CHMOD, IO_CHOWN, IO_UTIMES, IO_TRUNCATE };
enum io_xattr { IO_GETXATTR, IO_SETXATTR, IO_LISTXATTR, IO_REMOVEXATTR };

#define IO_AIO_MORE (1ll << 32)

struct io_aio_request {
	uint64_t address;
	uint32_t handle;
	/* `aio_key` could not be written. */
	uint32_t key_fault;
	/* struct iocb */
	uint8_t iocb[64];
};

/* One end of a call between two files. For one that is not ours: its open flags and st_mode; -1 in `fd` when it is not open. */
struct io_end {
	int32_t fd;
	uint32_t handle;
	uint32_t flags;
	uint32_t mode;
};

/* The epoll descriptor has been sent on the socket: it shows which set it has. */
#define IO_EPOLL_SENT 1
/* It is open, but none of epoll. */
#define IO_EPOLL_FOREIGN 2

/* What the server asks of the thread that waits. */
enum io_up {
	IO_UP_READ = 1, /* args: address, length: bytes into data; result: how many could be read */
	IO_UP_WRITE,    /* args: address; data: bytes; result: how many could be written */
	IO_UP_INSTALL,  /* args: handle, close-on-exec, inode: receive a descriptor; result: its number */
	IO_UP_CLOSE,    /* args: descriptor */
	IO_UP_LOOKUP,   /* args: descriptor; result: its handle; 0 if it is not ours, -EBADF if it is closed */
	/* args: address, length, protection, flags, offset, descriptor or -1: receive one; data: struct io_vma; result: address */
	IO_UP_MAP,
	IO_UP_WAKER,    /* receive the eventfd that wakes this slot's thread while the real kernel polls for it */
	IO_UP_WATCH = 30, /* args: epoll descriptor, set: receive a descriptor and watch it there */
	IO_UP_RESERVE = 50, /* args: address, length, flags: room for a mapping of several pieces; result: address */
	IO_UP_UNMAP,    /* args: address, length */
	IO_UP_HOLD,     /* args: descriptor, inode: keeps the inode by a page that is mapped; result: its address */
	IO_UP_SEND,     /* args: descriptor; result: its handle, or 0 if it is not ours and has been sent on the socket; -EBADF if it is closed */
	IO_UP_FILL,     /* args: address, length: receive a memory file, write so many bytes to its beginning; result: how many could be */
	IO_UP_DRAIN,    /* args: address, length: receive a memory file, read so many bytes from its beginning; result: how many could be */
	IO_UP_AIO = 60, /* args: context: receive the eventfd that is readable while an emulated request of it has ended */
};

/* What the library must know of a mapping that it makes. */
struct io_vma {
	/* The file's inode, and the page that keeps it when the mapping itself does not. */
	uint64_t inode;
	uint64_t holder;
	uint32_t flags;
	/* What the file is known as. */
	uint32_t handle;
};

#define IO_VMA_SHARED 1
#define IO_VMA_MAYWRITE 2
/* It goes on where the piece before ends: Linux would have one mapping. */
#define IO_VMA_JOINS 4
/* The file has something to write back: msync is more than an error. */
#define IO_VMA_FSYNC 8
/* It is of device memory, not of page frames alone: VM_IO. */
#define IO_VMA_IO 16
/* The device must see each store: it is mapped without rights, and stores come as IO_STORE. */
#define IO_VMA_PORTAL 32

/*
 * A descriptor sent to the server goes with these four bytes: the number of the
 * slot that it is for, so that threads may send side by side.
 */

/* A struct stat without the padding and order of any architecture. */
struct io_stat {
	uint64_t dev, ino, rdev, size, blocks;
	uint32_t mode, nlink, uid, gid, blksize, has_btime;
	int64_t atime_sec, mtime_sec, ctime_sec, btime_sec;
	uint32_t atime_nsec, mtime_nsec, ctime_nsec, btime_nsec;
};

/* Wait until something is ready or the time is up; only look; look, and write the slot's waker when something may have become ready. */
enum io_poll_mode { IO_POLL_WAIT, IO_POLL_LOOK, IO_POLL_WATCH };

struct io_poll {
	int32_t fd;
	uint32_t handle;
	uint32_t events;
	uint32_t revents;
};

/* An event of a set, without the packing of any architecture. */
struct io_epoll_event {
	uint32_t events;
	uint32_t unused;
	uint64_t data;
};

/*
 * What stands for the emulated files of an epoll descriptor: the program's own
 * kernel watches the read end of a pipe with these 32 bits over the set's number
 * as data. The pipe has a byte while the set may have something to report.
 */
#define IO_EPOLL_MAGIC 0x10c70b05u

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
	/* By how much the machine's clocks are ahead of the host's, in nanoseconds. */
	int64_t warped_ns;
	char list[IO_PATHS_SIZE - 16];
};

/*
 * What the launcher puts into the environment: "<st_dev of memory files in hex>:<folder>".
 * With a `+` before the colon the machine's clocks may run ahead of the host's.
 */
#define IO_ENVIRONMENT "IOCTOPUS_DOOR"

#endif
