/* Locks of files. */
#include "preload.h"
#include "locks.h"
#include <fcntl.h>
#include <sys/file.h>
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
