/* Setting attributes, by descriptor and by path. */
#include "preload.h"
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

/* What a call is about: ours by descriptor, or by path. */
struct subject {
	int fd;
	uint32_t handle;
	char absolute[PATH_MAX];
};

static bool is_ours(int dirfd, const char *path, int flags, struct subject *s)
{
	s->fd = -1;
	s->handle = 0;
	s->absolute[0] = 0;
	if (!path || (path[0] == 0 && (flags & AT_EMPTY_PATH)))
		s->fd = dirfd;
	else if (!(flags & AT_SYMLINK_NOFOLLOW))
		s->fd = descriptor_link(path);
	if (s->fd >= 0)
		s->handle = handle_of(s->fd);
	return s->handle || (path && emulated_at(dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW), s->absolute));
}

static int set_ours(const struct subject *s, uint32_t kind, int64_t a, int64_t b, int64_t c, int64_t d, int flags)
{
	struct call call;
	long result;

	if (!begin_call(&call, IO_SETATTR, s->handle ? s->fd : -1, s->handle))
		return -1;
	attach(&call, s->absolute, s->handle ? 0 : strlen(s->absolute));
	call.slot->args[0] = kind;
	call.slot->args[1] = a;
	call.slot->args[2] = b;
	call.slot->args[3] = c;
	call.slot->args[4] = d;
	call.slot->args[5] = flags;
	result = make_call(&call);
	end_call(&call);
	return (int)finish(result);
}

EXPORT int fchmodat(int dirfd, const char *path, mode_t mode, int flags)
{
	struct subject s;

	if (!is_ours(dirfd, path, flags, &s))
		return NEXT(fchmodat)(dirfd, path, mode, flags);
	return set_ours(&s, IO_CHMOD, mode, 0, 0, 0, flags);
}

EXPORT int chmod(const char *path, mode_t mode)
{
	struct subject s;

	return is_ours(AT_FDCWD, path, 0, &s) ? set_ours(&s, IO_CHMOD, mode, 0, 0, 0, 0) : NEXT(chmod)(path, mode);
}

EXPORT int fchownat(int dirfd, const char *path, uid_t uid, gid_t gid, int flags)
{
	struct subject s;

	if (!is_ours(dirfd, path, flags, &s))
		return NEXT(fchownat)(dirfd, path, uid, gid, flags);
	return set_ours(&s, IO_CHOWN, (int32_t)uid, (int32_t)gid, 0, 0, flags);
}

EXPORT int chown(const char *path, uid_t uid, gid_t gid)
{
	struct subject s;

	if (!is_ours(AT_FDCWD, path, 0, &s))
		return NEXT(chown)(path, uid, gid);
	return set_ours(&s, IO_CHOWN, (int32_t)uid, (int32_t)gid, 0, 0, 0);
}

EXPORT int lchown(const char *path, uid_t uid, gid_t gid)
{
	struct subject s;

	if (!is_ours(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &s))
		return NEXT(lchown)(path, uid, gid);
	return set_ours(&s, IO_CHOWN, (int32_t)uid, (int32_t)gid, 0, 0, AT_SYMLINK_NOFOLLOW);
}

static int set_times(const struct subject *s, const struct timespec *given, int flags)
{
	struct timespec t[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };

	if (given && read_guarded(t, (uintptr_t)given, sizeof t) < sizeof t) {
		errno = EFAULT;
		return -1;
	}
	for (int i = 0; i < 2; i++)
		if (t[i].tv_nsec != UTIME_NOW && t[i].tv_nsec != UTIME_OMIT && (unsigned long)t[i].tv_nsec > 999999999) {
			errno = EINVAL;
			return -1;
		}
	return set_ours(s, IO_UTIMES, t[0].tv_sec, t[0].tv_nsec, t[1].tv_sec, t[1].tv_nsec, flags);
}

EXPORT int futimens(int fd, const struct timespec times[2])
{
	struct subject s;

	return is_ours(fd, NULL, 0, &s) ? set_times(&s, times, 0) : NEXT(futimens)(fd, times);
}

EXPORT int utimensat(int dirfd, const char *path, const struct timespec times[2], int flags)
{
	struct subject s;

	return is_ours(dirfd, path, flags, &s) ? set_times(&s, times, flags) : NEXT(utimensat)(dirfd, path, times, flags);
}

EXPORT int utimes(const char *path, const struct timeval times[2])
{
	struct timespec t[2];
	struct subject s;

	if (!is_ours(AT_FDCWD, path, 0, &s))
		return NEXT(utimes)(path, times);
	for (int i = 0; i < 2 && times; i++)
		t[i] = (struct timespec){ times[i].tv_sec, times[i].tv_usec * 1000 };
	return set_times(&s, times ? t : NULL, 0);
}

EXPORT int futimes(int fd, const struct timeval times[2])
{
	struct timespec t[2];
	struct subject s;

	if (!is_ours(fd, NULL, 0, &s))
		return NEXT(futimes)(fd, times);
	for (int i = 0; i < 2 && times; i++)
		t[i] = (struct timespec){ times[i].tv_sec, times[i].tv_usec * 1000 };
	return set_times(&s, times ? t : NULL, 0);
}

EXPORT int utime(const char *path, const struct utimbuf *times)
{
	struct subject s;

	if (!is_ours(AT_FDCWD, path, 0, &s))
		return NEXT(utime)(path, times);
	return set_times(&s, times ? (struct timespec[2]){ { times->actime, 0 }, { times->modtime, 0 } } : NULL, 0);
}

EXPORT int truncate(const char *path, off_t length)
{
	struct subject s;

	return is_ours(AT_FDCWD, path, 0, &s) ? set_ours(&s, IO_TRUNCATE, length, 0, 0, 0, 0) : NEXT(truncate)(path, length);
}

EXPORT int truncate64(const char *path, off64_t length)
{
	struct subject s;

	return is_ours(AT_FDCWD, path, 0, &s) ? set_ours(&s, IO_TRUNCATE, length, 0, 0, 0, 0) : NEXT(truncate64)(path, length);
}

#define XATTR(fd, handle, kind, name, value, size, flags)                                                               \
	finish(simple_call(IO_XATTR, fd, handle, kind, (int64_t)(uintptr_t)(name), (int64_t)(uintptr_t)(value), (int64_t)(size), flags))

EXPORT ssize_t fgetxattr(int fd, const char *name, void *value, size_t size)
{
	uint32_t handle = handle_of(fd);

	return handle ? XATTR(fd, handle, IO_GETXATTR, name, value, size, 0) : NEXT(fgetxattr)(fd, name, value, size);
}

EXPORT int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
	uint32_t handle = handle_of(fd);

	return handle ? (int)XATTR(fd, handle, IO_SETXATTR, name, value, size, flags) : NEXT(fsetxattr)(fd, name, value, size, flags);
}

EXPORT ssize_t flistxattr(int fd, char *list, size_t size)
{
	uint32_t handle = handle_of(fd);

	return handle ? XATTR(fd, handle, IO_LISTXATTR, NULL, list, size, 0) : NEXT(flistxattr)(fd, list, size);
}

EXPORT int fremovexattr(int fd, const char *name)
{
	uint32_t handle = handle_of(fd);

	return handle ? (int)XATTR(fd, handle, IO_REMOVEXATTR, name, NULL, 0, 0) : NEXT(fremovexattr)(fd, name);
}
