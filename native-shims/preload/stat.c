/* stat(2) and its many names. */
#include "preload.h"
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

void fill_stat(struct stat *out, const struct io_stat *in)
{
	memset(out, 0, sizeof *out);
	out->st_dev = in->dev;
	out->st_ino = in->ino;
	out->st_mode = in->mode;
	out->st_nlink = in->nlink;
	out->st_uid = in->uid;
	out->st_gid = in->gid;
	out->st_rdev = in->rdev;
	out->st_size = (off_t)in->size;
	out->st_blksize = in->blksize;
	out->st_blocks = (blkcnt_t)in->blocks;
	out->st_atim = (struct timespec){ in->atime_sec, in->atime_nsec };
	out->st_mtim = (struct timespec){ in->mtime_sec, in->mtime_nsec };
	out->st_ctim = (struct timespec){ in->ctime_sec, in->ctime_nsec };
}

/* Which attributes the kernel knows of any file, and which more of those in a tmpfs. */
#define ANY_FILE (STATX_ATTR_AUTOMOUNT | STATX_ATTR_MOUNT_ROOT | STATX_ATTR_DAX)
#define TMPFS_FILE (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP)

static void fill_statx(struct statx *out, const struct io_stat *in)
{
	memset(out, 0, sizeof *out);
	out->stx_mask = STATX_BASIC_STATS | (in->has_btime ? STATX_BTIME : 0);
	out->stx_attributes_mask = ANY_FILE | (in->has_btime ? TMPFS_FILE : 0);
	out->stx_btime.tv_sec = in->has_btime ? in->btime_sec : 0;
	out->stx_btime.tv_nsec = in->has_btime ? in->btime_nsec : 0;
	out->stx_blksize = in->blksize;
	out->stx_nlink = in->nlink;
	out->stx_uid = in->uid;
	out->stx_gid = in->gid;
	out->stx_mode = (uint16_t)in->mode;
	out->stx_ino = in->ino;
	out->stx_size = in->size;
	out->stx_blocks = in->blocks;
	out->stx_atime.tv_sec = in->atime_sec;
	out->stx_atime.tv_nsec = in->atime_nsec;
	out->stx_mtime.tv_sec = in->mtime_sec;
	out->stx_mtime.tv_nsec = in->mtime_nsec;
	out->stx_ctime.tv_sec = in->ctime_sec;
	out->stx_ctime.tv_nsec = in->ctime_nsec;
	out->stx_rdev_major = major(in->rdev);
	out->stx_rdev_minor = minor(in->rdev);
	out->stx_dev_major = major(in->dev);
	out->stx_dev_minor = minor(in->dev);
}

/* Asks for the attributes of a descriptor, or of a path when there is one. */
static int ask(int fd, uint32_t handle, const char *path, bool follow, struct io_stat *out)
{
	struct call call;
	long result;

	if (!begin_call(&call, path ? IO_STAT : IO_FSTAT, fd, handle))
		return -1;
	if (path)
		attach(&call, path, strlen(path));
	call.slot->args[0] = follow;
	result = make_call(&call);
	memcpy(out, call.slot->data, sizeof *out);
	end_call(&call);
	return (int)finish(result);
}

/* Whether the attributes of a path or descriptor are ours to tell; then `*result` and `out` are set. */
static bool ours(int from, const char *path, int flags, struct io_stat *out, int *result)
{
	char absolute[PATH_MAX];
	uint32_t handle;
	int dirfd = from;

	if (path && path[0] == 0 && (flags & AT_EMPTY_PATH)) {
		handle = handle_of(dirfd);
		if (!handle)
			return false;
		*result = ask(dirfd, handle, NULL, true, out);
		return true;
	}
	if (!(flags & AT_SYMLINK_NOFOLLOW) && (dirfd = descriptor_link(path)) >= 0) {
		*result = ask(dirfd, handle_of(dirfd), NULL, true, out);
		return true;
	}
	if (!emulated_at(from, path, !(flags & AT_SYMLINK_NOFOLLOW), absolute))
		return false;
	*result = ask(-1, 0, absolute, !(flags & AT_SYMLINK_NOFOLLOW), out);
	return true;
}

/* To where the program wants it, which may not be there. */
static int give(void *out, const void *made, size_t length)
{
	if (write_guarded((uintptr_t)out, made, length) == length)
		return 0;
	errno = EFAULT;
	return -1;
}

static int give_stat(struct stat *out, const struct io_stat *in)
{
	struct stat made;

	fill_stat(&made, in);
	return give(out, &made, sizeof made);
}

static int stat_at(int dirfd, const char *path, struct stat *out, int flags, bool *is_ours)
{
	struct io_stat st;
	int result = 0;

	*is_ours = ours(dirfd, path, flags, &st, &result);
	return *is_ours && result == 0 ? give_stat(out, &st) : result;
}

static int stat_fd(int fd, struct stat *out, bool *is_ours)
{
	uint32_t handle = handle_of(fd);
	struct io_stat st;
	int result;

	*is_ours = handle != 0;
	if (!handle)
		return 0;
	result = ask(fd, handle, NULL, true, &st);
	return result == 0 ? give_stat(out, &st) : result;
}

#define PATH_STAT(name, flags)                                                                                          \
	EXPORT int name(const char *restrict path, struct stat *restrict out)                                           \
	{                                                                                                               \
		char absolute[PATH_MAX];                                                                                \
		bool is_ours;                                                                                           \
		int result = stat_at(AT_FDCWD, path, out, flags, &is_ours);                                             \
		return is_ours ? result : NEXT(name)(host_path(AT_FDCWD, path, !(flags), absolute), out);               \
	}

PATH_STAT(stat, 0)
PATH_STAT(lstat, AT_SYMLINK_NOFOLLOW)

EXPORT int fstat(int fd, struct stat *out)
{
	bool is_ours;
	int result = stat_fd(fd, out, &is_ours);

	return is_ours ? result : NEXT(fstat)(fd, out);
}

EXPORT int fstatat(int dirfd, const char *restrict path, struct stat *restrict out, int flags)
{
	char absolute[PATH_MAX];
	bool is_ours;
	int result = stat_at(dirfd, path, out, flags, &is_ours);

	return is_ours ? result : NEXT(fstatat)(dirfd, host_path(dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW), absolute), out, flags);
}

/* On 64-bit machines the 64 forms take the same struct. */
EXPORT int stat64(const char *restrict path, struct stat64 *restrict out)
{
	char absolute[PATH_MAX];
	bool is_ours;
	int result = stat_at(AT_FDCWD, path, (struct stat *)out, 0, &is_ours);

	return is_ours ? result : NEXT(stat64)(host_path(AT_FDCWD, path, true, absolute), out);
}

EXPORT int lstat64(const char *restrict path, struct stat64 *restrict out)
{
	char absolute[PATH_MAX];
	bool is_ours;
	int result = stat_at(AT_FDCWD, path, (struct stat *)out, AT_SYMLINK_NOFOLLOW, &is_ours);

	return is_ours ? result : NEXT(lstat64)(host_path(AT_FDCWD, path, false, absolute), out);
}

EXPORT int fstat64(int fd, struct stat64 *out)
{
	bool is_ours;
	int result = stat_fd(fd, (struct stat *)out, &is_ours);

	return is_ours ? result : NEXT(fstat64)(fd, out);
}

EXPORT int fstatat64(int dirfd, const char *restrict path, struct stat64 *restrict out, int flags)
{
	char absolute[PATH_MAX];
	bool is_ours;
	int result = stat_at(dirfd, path, (struct stat *)out, flags, &is_ours);

	return is_ours ? result : NEXT(fstatat64)(dirfd, host_path(dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW), absolute), out, flags);
}

/* What programs built against a C library before 2.33 call. */
int __xstat(int version, const char *path, struct stat *out);
int __lxstat(int version, const char *path, struct stat *out);
int __fxstat(int version, int fd, struct stat *out);
int __fxstatat(int version, int dirfd, const char *path, struct stat *out, int flags);
int __xstat64(int version, const char *path, struct stat64 *out);
int __lxstat64(int version, const char *path, struct stat64 *out);
int __fxstat64(int version, int fd, struct stat64 *out);
int __fxstatat64(int version, int dirfd, const char *path, struct stat64 *out, int flags);

#define OLD_STAT(name, type, flags)                                                                                     \
	EXPORT int name(int version, const char *path, type *out)                                                       \
	{                                                                                                               \
		bool is_ours;                                                                                           \
		int result = stat_at(AT_FDCWD, path, (struct stat *)out, flags, &is_ours);                              \
		return is_ours ? result : NEXT(name)(version, path, out);                                               \
	}

OLD_STAT(__xstat, struct stat, 0)
OLD_STAT(__xstat64, struct stat64, 0)
OLD_STAT(__lxstat, struct stat, AT_SYMLINK_NOFOLLOW)
OLD_STAT(__lxstat64, struct stat64, AT_SYMLINK_NOFOLLOW)

#define OLD_FSTAT(name, type)                                                                                           \
	EXPORT int name(int version, int fd, type *out)                                                                 \
	{                                                                                                               \
		bool is_ours;                                                                                           \
		int result = stat_fd(fd, (struct stat *)out, &is_ours);                                                 \
		return is_ours ? result : NEXT(name)(version, fd, out);                                                 \
	}

OLD_FSTAT(__fxstat, struct stat)
OLD_FSTAT(__fxstat64, struct stat64)

#define OLD_FSTATAT(name, type)                                                                                         \
	EXPORT int name(int version, int dirfd, const char *path, type *out, int flags)                                 \
	{                                                                                                               \
		bool is_ours;                                                                                           \
		int result = stat_at(dirfd, path, (struct stat *)out, flags, &is_ours);                                 \
		return is_ours ? result : NEXT(name)(version, dirfd, path, out, flags);                                 \
	}

OLD_FSTATAT(__fxstatat, struct stat)
OLD_FSTATAT(__fxstatat64, struct stat64)

EXPORT int statx(int dirfd, const char *restrict path, int flags, unsigned int mask, struct statx *restrict out)
{
	char absolute[PATH_MAX];
	struct io_stat st;
	int result;

	if (!ours(dirfd, path, flags, &st, &result))
		return NEXT(statx)(dirfd, host_path(dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW), absolute), flags, mask, out);
	if (result == 0) {
		struct statx made;

		fill_statx(&made, &st);
		result = give(out, &made, sizeof made);
	}
	return result;
}

EXPORT int faccessat(int dirfd, const char *path, int mode, int flags)
{
	char absolute[PATH_MAX];
	struct call call;
	long result;
	int fd = descriptor_link(path);

	if (fd >= 0 && !(flags & AT_SYMLINK_NOFOLLOW))
		return (int)finish(simple_call(IO_FACCESS, fd, handle_of(fd), mode, 0, 0, 0, 0));
	if (!emulated_at(dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW), absolute))
		return NEXT(faccessat)(dirfd, host_path(dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW), absolute), mode, flags);
	if (!begin_call(&call, IO_ACCESS, -1, 0))
		return -1;
	attach(&call, absolute, strlen(absolute));
	call.slot->args[0] = mode;
	result = make_call(&call);
	end_call(&call);
	return (int)finish(result);
}

EXPORT int access(const char *path, int mode)
{
	char absolute[PATH_MAX];

	if (descriptor_link(path) >= 0)
		return faccessat(AT_FDCWD, path, mode, 0);
	if (emulated_path(AT_FDCWD, path, absolute))
		return faccessat(AT_FDCWD, absolute, mode, 0);
	return NEXT(access)(host_path(AT_FDCWD, path, true, absolute), mode);
}

/* Both names of access by the effective user, which the C library does by calls to itself. */
EXPORT int euidaccess(const char *path, int mode)
{
	char absolute[PATH_MAX];

	return emulated_path(AT_FDCWD, path, absolute) ? faccessat(AT_FDCWD, absolute, mode, AT_EACCESS) : NEXT(euidaccess)(path, mode);
}

EXPORT int eaccess(const char *path, int mode)
{
	return euidaccess(path, mode);
}
