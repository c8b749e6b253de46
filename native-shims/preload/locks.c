/* Locks, advice, and where a file lies. */
#include "preload.h"
#include "locks.h"
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <termios.h>
#include <unistd.h>

static bool has_record_locks;

void note_record_lock(int command)
{
	if (command == F_SETLK || command == F_SETLKW)
		__atomic_store_n(&has_record_locks, true, __ATOMIC_RELAXED);
}

/* Linux ends a process's record locks on a file when the process closes any descriptor of it. */
void drop_record_locks(int fd)
{
	uint32_t handle = __atomic_load_n(&has_record_locks, __ATOMIC_RELAXED) ? handle_of(fd) : 0;

	if (handle)
		simple_call(IO_FLUSH, fd, handle, 0, 0, 0, 0, 0);
}

EXPORT int flock(int fd, int operation)
{
	uint32_t handle = handle_of(fd);

	return handle ? (int)finish(simple_call(IO_FLOCK, fd, handle, operation, 0, 0, 0, 0)) : NEXT(flock)(fd, operation);
}

/* The C library makes it of fcntl, past us. */
static int lock_ours(int fd, int command, off_t length)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_len = length };

	switch (command) {
	case F_TEST:
		l.l_type = F_RDLCK;
		if (fcntl(fd, F_GETLK, &l) < 0)
			return -1;
		if (l.l_type == F_UNLCK || l.l_pid == getpid())
			return 0;
		errno = EACCES;
		return -1;
	case F_ULOCK:
		l.l_type = F_UNLCK;
		return fcntl(fd, F_SETLK, &l);
	case F_LOCK:
		return fcntl(fd, F_SETLKW, &l);
	case F_TLOCK:
		return fcntl(fd, F_SETLK, &l);
	default:
		errno = EINVAL;
		return -1;
	}
}

EXPORT int lockf(int fd, int command, off_t length)
{
	return handle_of(fd) ? lock_ours(fd, command, length) : NEXT(lockf)(fd, command, length);
}

EXPORT int lockf64(int fd, int command, off64_t length)
{
	return handle_of(fd) ? lock_ours(fd, command, length) : NEXT(lockf64)(fd, command, length);
}

#define ADVISE(fd, handle, kind, a, b, c) simple_call(IO_ADVISE, fd, handle, kind, (int64_t)(a), (int64_t)(b), (int64_t)(c), 0)

/* It gives the error back, it does not set it. */
EXPORT int posix_fadvise(int fd, off_t offset, off_t length, int advice)
{
	uint32_t handle = handle_of(fd);

	return handle ? (int)-ADVISE(fd, handle, IO_FADVISE, offset, length, advice) : NEXT(posix_fadvise)(fd, offset, length, advice);
}

EXPORT int posix_fadvise64(int fd, off64_t offset, off64_t length, int advice)
{
	uint32_t handle = handle_of(fd);

	return handle ? (int)-ADVISE(fd, handle, IO_FADVISE, offset, length, advice) : NEXT(posix_fadvise64)(fd, offset, length, advice);
}

EXPORT ssize_t readahead(int fd, off64_t offset, size_t count)
{
	uint32_t handle = handle_of(fd);

	return handle ? finish(ADVISE(fd, handle, IO_READAHEAD, offset, count, 0)) : NEXT(readahead)(fd, offset, count);
}

EXPORT int sync_file_range(int fd, off64_t offset, off64_t length, unsigned int flags)
{
	uint32_t handle = handle_of(fd);

	return handle ? (int)finish(ADVISE(fd, handle, IO_SYNC_RANGE, offset, length, flags))
		      : NEXT(sync_file_range)(fd, offset, length, flags);
}

EXPORT int syncfs(int fd)
{
	uint32_t handle = handle_of(fd);

	return handle ? (int)finish(ADVISE(fd, handle, IO_SYNCFS, 0, 0, 0)) : NEXT(syncfs)(fd);
}

EXPORT int isatty(int fd)
{
	struct termios t;

	return handle_of(fd) ? ioctl(fd, 0x5401 /* TCGETS */, &t) == 0 : NEXT(isatty)(fd);
}

EXPORT int tcgetattr(int fd, struct termios *t)
{
	return handle_of(fd) ? ioctl(fd, 0x5401 /* TCGETS */, t) : NEXT(tcgetattr)(fd, t);
}

/* ST_VALID: that the flags are told. */
#define FLAGS_TOLD 0x20

static int statfs_ours(int fd, uint32_t handle, const char *absolute, struct statfs *out)
{
	struct call call;
	long result;

	if (!begin_call(&call, IO_STATFS, fd, handle))
		return -1;
	if (absolute)
		attach(&call, absolute, strlen(absolute));
	result = make_call(&call);
	if (result >= 0) {
		memset(out, 0, sizeof *out);
		out->f_type = call.slot->args[0];
		out->f_bsize = out->f_frsize = call.slot->args[1];
		out->f_namelen = call.slot->args[2];
		memcpy(&out->f_fsid, &call.slot->args[3], sizeof out->f_fsid);
		out->f_flags = FLAGS_TOLD;
	}
	end_call(&call);
	return (int)finish(result);
}

static void to_statvfs(struct statvfs *out, const struct statfs *in)
{
	memset(out, 0, sizeof *out);
	out->f_bsize = out->f_frsize = (unsigned long)in->f_bsize;
	memcpy(&out->f_fsid, &in->f_fsid, sizeof in->f_fsid);
	out->f_namemax = (unsigned long)in->f_namelen;
}

#define FSTATFS(name, type)                                                                                             \
	EXPORT int name(int fd, type *out)                                                                              \
	{                                                                                                               \
		uint32_t handle = handle_of(fd);                                                                        \
		return handle ? statfs_ours(fd, handle, NULL, (struct statfs *)out) : NEXT(name)(fd, out);              \
	}

#define STATFS(name, type)                                                                                              \
	EXPORT int name(const char *path, type *out)                                                                    \
	{                                                                                                               \
		char absolute[PATH_MAX];                                                                                \
		int fd = descriptor_link(path);                                                                         \
		if (fd >= 0)                                                                                            \
			return statfs_ours(fd, handle_of(fd), NULL, (struct statfs *)out);                              \
		return emulated_path(AT_FDCWD, path, absolute) ? statfs_ours(-1, 0, absolute, (struct statfs *)out)     \
							       : NEXT(name)(path, out);                                 \
	}

#define FSTATVFS(name, type)                                                                                            \
	EXPORT int name(int fd, type *out)                                                                              \
	{                                                                                                               \
		uint32_t handle = handle_of(fd);                                                                        \
		struct statfs s;                                                                                        \
		if (!handle)                                                                                            \
			return NEXT(name)(fd, out);                                                                     \
		if (statfs_ours(fd, handle, NULL, &s) < 0)                                                              \
			return -1;                                                                                      \
		to_statvfs((struct statvfs *)out, &s);                                                                  \
		return 0;                                                                                               \
	}

#define STATVFS(name, type)                                                                                             \
	EXPORT int name(const char *path, type *out)                                                                    \
	{                                                                                                               \
		char absolute[PATH_MAX];                                                                                \
		int fd = descriptor_link(path);                                                                         \
		struct statfs s;                                                                                        \
		if (fd < 0 && !emulated_path(AT_FDCWD, path, absolute))                                                 \
			return NEXT(name)(path, out);                                                                   \
		if (statfs_ours(fd, fd < 0 ? 0 : handle_of(fd), fd < 0 ? absolute : NULL, &s) < 0)                      \
			return -1;                                                                                      \
		to_statvfs((struct statvfs *)out, &s);                                                                  \
		return 0;                                                                                               \
	}

FSTATFS(fstatfs, struct statfs)
FSTATFS(fstatfs64, struct statfs64)
STATFS(statfs, struct statfs)
STATFS(statfs64, struct statfs64)
FSTATVFS(fstatvfs, struct statvfs)
FSTATVFS(fstatvfs64, struct statvfs64)
STATVFS(statvfs, struct statvfs)
STATVFS(statvfs64, struct statvfs64)
