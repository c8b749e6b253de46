/* Opening, copying and closing descriptors. */
#include "preload.h"
#include "locks.h"
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* Whether the last name is followed if it is a link. */
static bool follows(int flags)
{
	return !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
}

/* An emulated path, as `absolute`. */
static int open_ours(const char *absolute, int flags, mode_t mode)
{
	struct call call;
	long result;

	if (!begin_call(&call, IO_OPEN, -1, 0))
		return -1;
	attach(&call, absolute, strlen(absolute));
	call.slot->args[0] = flags;
	call.slot->args[1] = mode;
	suspect_all();
	result = make_call(&call);
	end_call(&call);
	return (int)finish(result);
}

/* What the next library answered for a path that we did not take for ours. */
static int opened(int fd, int dirfd, const char *path, int flags, mode_t mode)
{
	char absolute[PATH_MAX];

	if (fd >= 0)
		remember_foreign(fd);
	else if ((errno == ENOENT || errno == ENOTDIR) && follows(flags) && emulated_link(dirfd, path, absolute))
		return open_ours(absolute, flags, mode);
	return fd;
}

#define MODE(flags)                                                                                                     \
	({                                                                                                              \
		mode_t m_ = 0;                                                                                          \
		if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) {                                                 \
			va_list ap_;                                                                                    \
			va_start(ap_, flags);                                                                           \
			m_ = va_arg(ap_, mode_t);                                                                       \
			va_end(ap_);                                                                                    \
		}                                                                                                       \
		m_;                                                                                                     \
	})

/* A path may name a descriptor of ours, a text of which the machine has a part, or a value that the machine takes over. */
static bool open_special(const char *path, int flags, mode_t mode, int *result)
{
	bool info;
	int fd = descriptor_named(path, &info);

	if (fd >= 0 && !info && (flags & (O_PATH | O_NOFOLLOW)) != (O_PATH | O_NOFOLLOW))
		*result = open_link(fd, flags);
	else if (fd >= 0 && info && (flags & (O_ACCMODE | O_PATH)) == O_RDONLY)
		*result = open_info(fd, flags);
	else if ((flags & (O_ACCMODE | O_PATH | O_DIRECTORY | O_CREAT)) == O_RDONLY && merged_text(path))
		*result = open_merged(path, flags);
	else if (sets_sysctl(path, flags))
		*result = open_ours(path, flags, mode);
	else
		return false;
	return true;
}

#define OPEN_LINKED(path, flags, mode)                                                                                  \
	do {                                                                                                            \
		int fd_;                                                                                                \
		if (may_name_descriptor(path) && open_special(path, flags, mode, &fd_))                                 \
			return fd_;                                                                                     \
	} while (0)

#define OPEN(name)                                                                                                      \
	EXPORT int name(const char *path, int flags, ...)                                                               \
	{                                                                                                               \
		char absolute[PATH_MAX];                                                                                \
		mode_t mode = MODE(flags);                                                                              \
		OPEN_LINKED(path, flags, mode);                                                                         \
		if (emulated_at(AT_FDCWD, path, follows(flags), absolute))                                              \
			return open_ours(absolute, flags, mode);                                                        \
		path = host_path(AT_FDCWD, path, follows(flags), absolute);                                             \
		return opened(NEXT(name)(path, flags, mode), AT_FDCWD, path, flags, mode);                              \
	}

#define OPENAT(name)                                                                                                    \
	EXPORT int name(int dirfd, const char *path, int flags, ...)                                                    \
	{                                                                                                               \
		char absolute[PATH_MAX];                                                                                \
		mode_t mode = MODE(flags);                                                                              \
		OPEN_LINKED(path, flags, mode);                                                                         \
		if (emulated_at(dirfd, path, follows(flags), absolute))                                                 \
			return open_ours(absolute, flags, mode);                                                        \
		path = host_path(dirfd, path, follows(flags), absolute);                                                \
		return opened(NEXT(name)(dirfd, path, flags, mode), dirfd, path, flags, mode);                          \
	}

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* What <fcntl.h> calls instead under _FORTIFY_SOURCE. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dirfd, const char *path, int flags);
int __openat64_2(int dirfd, const char *path, int flags);

EXPORT int __open_2(const char *path, int flags)
{
	return open(path, flags);
}

EXPORT int __open64_2(const char *path, int flags)
{
	return open64(path, flags);
}

EXPORT int __openat_2(int dirfd, const char *path, int flags)
{
	return openat(dirfd, path, flags);
}

EXPORT int __openat64_2(int dirfd, const char *path, int flags)
{
	return openat64(dirfd, path, flags);
}

EXPORT int creat(const char *path, mode_t mode)
{
	return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

EXPORT int creat64(const char *path, mode_t mode)
{
	return open64(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

/* For the program, the library's own descriptors are not open. */
static int not_open(void)
{
	errno = EBADF;
	return -1;
}

EXPORT int close(int fd)
{
	bool told = reports_local() && handle_of(fd);
	int result;

	if (is_internal(fd))
		return not_open();
	drop_record_locks(fd);
	forget(fd);
	STEP();
	result = NEXT(close)(fd);
	STEP();
	epoll_closed(fd);
	if (told)
		report("close(%d) = %d", fd, result);
	return result;
}

EXPORT int dup(int fd)
{
	bool is_ours = handle_of(fd) != 0;
	int result = is_internal(fd) ? not_open() : NEXT(dup)(fd);

	STEP();
	if (result >= 0) {
		remember_copy(fd, result);
		if (is_ours)
			report("dup(%d) = %d", fd, result);
	}
	return result;
}

static int copied(int from, int to, int result)
{
	if (result >= 0 && from != to) {
		epoll_closed(to);
		remember_copy(from, result);
		if (handle_of(from))
			report("dup2(%d, %d) = %d", from, to, result);
	}
	return result;
}

/* What dup2 replaces is closed, if there is something to put there. */
static void replaced(int from, int to)
{
	if (from != to && raw(SYS_fcntl, from, F_GETFD) >= 0)
		drop_record_locks(to);
	handle_of(from);
}

EXPORT int dup2(int from, int to)
{
	if (is_internal(from))
		return not_open();
	make_way(to);
	replaced(from, to);
	return copied(from, to, NEXT(dup2)(from, to));
}

EXPORT int dup3(int from, int to, int flags)
{
	if (is_internal(from))
		return not_open();
	make_way(to);
	replaced(from, to);
	return copied(from, to, NEXT(dup3)(from, to, flags));
}

/* Commands whose third argument or meaning belongs to the descriptor, not the file. */
static bool is_about_descriptor(int command)
{
	return command == F_DUPFD || command == F_DUPFD_CLOEXEC || command == F_GETFD || command == F_SETFD;
}

static int control(int fd, int command, long argument, int (*next)(int, int, ...))
{
	uint32_t handle = handle_of(fd);
	int result;

	if (is_internal(fd))
		return not_open();
	if (handle && !is_about_descriptor(command)) {
		note_record_lock(command);
		return (int)finish(simple_call(IO_FCNTL, fd, handle, command, argument, 0, 0, 0));
	}
	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		make_way((int)argument);
	result = next(fd, command, argument);
	/* The server may still have the pages of a buffer that this process has closed. */
	if (result < 0 && command == F_ADD_SEALS && errno == EBUSY && (is_served() || is_inherited()) &&
	    simple_call(IO_SETTLE, -1, 0, 0, 0, 0, 0, 0) == 0)
		result = next(fd, command, argument);
	if (result >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC)) {
		remember_copy(fd, result);
		if (handle)
			report("fcntl(%d, %s, %ld) = %d", fd, command == F_DUPFD ? "F_DUPFD" : "F_DUPFD_CLOEXEC", argument, result);
	}
	return result;
}

#define FCNTL(name)                                                                                                     \
	EXPORT int name(int fd, int command, ...)                                                                       \
	{                                                                                                               \
		va_list ap;                                                                                             \
		long argument;                                                                                          \
		va_start(ap, command);                                                                                  \
		argument = va_arg(ap, long);                                                                            \
		va_end(ap);                                                                                             \
		return control(fd, command, argument, NEXT(name));                                                      \
	}

FCNTL(fcntl)
FCNTL(fcntl64)
