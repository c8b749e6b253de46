/* Making, removing and moving names; mounting. */
#include "preload.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* Puts a string of the program with its NUL behind what the request has. */
static bool add_string(struct call *call, const char *text)
{
	size_t n = strlen(text) + 1;

	if (call->slot->length + n > IO_DATA_SIZE)
		return false;
	memcpy(call->slot->data + call->slot->length, text, n);
	call->slot->length += (uint32_t)n;
	return true;
}

/* A call about up to three strings. */
static int strings_call(uint32_t op, int64_t a, int64_t b, const char *one, const char *two, const char *three)
{
	struct call call;
	long result = -ENAMETOOLONG;

	if (!begin_call(&call, op, -1, 0))
		return -1;
	call.slot->args[0] = a;
	call.slot->args[1] = b;
	call.slot->length = 0;
	if (add_string(&call, one) && add_string(&call, two) && add_string(&call, three))
		result = make_call(&call);
	end_call(&call);
	return (int)finish(result);
}

EXPORT int mkdirat(int dirfd, const char *path, mode_t mode)
{
	char at[PATH_MAX];

	if (!emulated_at(dirfd, path, false, at))
		return NEXT(mkdirat)(dirfd, path, mode);
	return strings_call(IO_NAME, IO_MKDIR, mode, at, "", "");
}

EXPORT int mkdir(const char *path, mode_t mode)
{
	char at[PATH_MAX];

	if (!emulated_at(AT_FDCWD, path, false, at))
		return NEXT(mkdir)(path, mode);
	return strings_call(IO_NAME, IO_MKDIR, mode, at, "", "");
}

/* No file system of the machine takes other files than its own, so that this is whether the name is free. */
static int make_node(const char *at)
{
	char above[PATH_MAX];
	char *last;

	if (faccessat(AT_FDCWD, at, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return (int)finish(-EEXIST);
	if (errno != ENOENT)
		return -1;
	strcpy(above, at);
	last = strrchr(above, '/');
	last[last == above] = 0;
	if (faccessat(AT_FDCWD, above, F_OK, 0))
		return -1;
	return (int)finish(-EPERM);
}

EXPORT int mknodat(int dirfd, const char *path, mode_t mode, dev_t dev)
{
	char at[PATH_MAX];

	return emulated_at(dirfd, path, false, at) ? make_node(at) : NEXT(mknodat)(dirfd, path, mode, dev);
}

EXPORT int mknod(const char *path, mode_t mode, dev_t dev)
{
	char at[PATH_MAX];

	return emulated_at(AT_FDCWD, path, false, at) ? make_node(at) : NEXT(mknod)(path, mode, dev);
}

EXPORT int mkfifoat(int dirfd, const char *path, mode_t mode)
{
	char at[PATH_MAX];

	return emulated_at(dirfd, path, false, at) ? make_node(at) : NEXT(mkfifoat)(dirfd, path, mode);
}

EXPORT int mkfifo(const char *path, mode_t mode)
{
	char at[PATH_MAX];

	return emulated_at(AT_FDCWD, path, false, at) ? make_node(at) : NEXT(mkfifo)(path, mode);
}

EXPORT int rmdir(const char *path)
{
	char at[PATH_MAX];

	return emulated_at(AT_FDCWD, path, false, at) ? strings_call(IO_NAME, IO_RMDIR, 0, at, "", "") : NEXT(rmdir)(path);
}

EXPORT int unlink(const char *path)
{
	char at[PATH_MAX];

	return emulated_at(AT_FDCWD, path, false, at) ? strings_call(IO_NAME, IO_UNLINK, 0, at, "", "") : NEXT(unlink)(path);
}

EXPORT int unlinkat(int dirfd, const char *path, int flags)
{
	char at[PATH_MAX];

	if (!emulated_at(dirfd, path, false, at))
		return NEXT(unlinkat)(dirfd, path, flags);
	if (flags & ~AT_REMOVEDIR)
		return (int)finish(-EINVAL);
	return strings_call(IO_NAME, flags & AT_REMOVEDIR ? IO_RMDIR : IO_UNLINK, 0, at, "", "");
}

/* remove(3) calls the two inside the C library. */
EXPORT int remove(const char *path)
{
	char at[PATH_MAX];

	if (!emulated_at(AT_FDCWD, path, false, at))
		return NEXT(remove)(path);
	if (strings_call(IO_NAME, IO_UNLINK, 0, at, "", "") == 0)
		return 0;
	return errno == EISDIR || errno == EPERM ? strings_call(IO_NAME, IO_RMDIR, 0, at, "", "") : -1;
}

/* Whether two paths begin alike, so that it is the machine's file system that says what it thinks of moving. */
static bool is_one_tree(const char *a, const char *b)
{
	size_t n = strcspn(a + (a[0] == '/'), "/") + 1;

	return a[0] == '/' && !strncmp(a, b, n) && (b[n] == '/' || !b[n]);
}

/* Between the machine's file systems and the host's nothing can be moved. */
static bool both(int from_fd, const char *from, char *from_at, int to_fd, const char *to, char *to_at, int *result)
{
	bool is_from = emulated_at(from_fd, from, false, from_at), is_to = emulated_at(to_fd, to, false, to_at);

	if (!is_from && !is_to)
		return false;
	if (!is_from && !emulated_link(from_fd, from, from_at) && !from_at[0])
		return *result = (int)finish(-ENOENT), true;
	if (!is_to && !emulated_link(to_fd, to, to_at) && !to_at[0])
		return *result = (int)finish(-ENOENT), true;
	*result = (is_from && is_to) || is_one_tree(from_at, to_at) ? 0 : (int)finish(-EXDEV);
	return true;
}

EXPORT int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags)
{
	char from_at[PATH_MAX], to_at[PATH_MAX];
	int result;

	if (!both(from_fd, from, from_at, to_fd, to, to_at, &result))
		return NEXT(renameat2)(from_fd, from, to_fd, to, flags);
	if (result == 0 && flags)
		return (int)finish(-EINVAL);
	return result ? result : strings_call(IO_NAME, IO_RENAME, 0, from_at, to_at, "");
}

EXPORT int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	char from_at[PATH_MAX], to_at[PATH_MAX];
	int result;

	if (!both(from_fd, from, from_at, to_fd, to, to_at, &result))
		return NEXT(renameat)(from_fd, from, to_fd, to);
	return result ? result : strings_call(IO_NAME, IO_RENAME, 0, from_at, to_at, "");
}

EXPORT int rename(const char *from, const char *to)
{
	char from_at[PATH_MAX], to_at[PATH_MAX];
	int result;

	if (!both(AT_FDCWD, from, from_at, AT_FDCWD, to, to_at, &result))
		return NEXT(rename)(from, to);
	return result ? result : strings_call(IO_NAME, IO_RENAME, 0, from_at, to_at, "");
}

EXPORT int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	char from_at[PATH_MAX], to_at[PATH_MAX];
	int result;

	if (!both(from_fd, from, from_at, to_fd, to, to_at, &result))
		return NEXT(linkat)(from_fd, from, to_fd, to, flags);
	return result ? result : strings_call(IO_NAME, IO_LINK_TO, flags, from_at, to_at, "");
}

EXPORT int link(const char *from, const char *to)
{
	char from_at[PATH_MAX], to_at[PATH_MAX];
	int result;

	if (!both(AT_FDCWD, from, from_at, AT_FDCWD, to, to_at, &result))
		return NEXT(link)(from, to);
	return result ? result : strings_call(IO_NAME, IO_LINK_TO, 0, from_at, to_at, "");
}

static int symlink_ours(const char *target, const char *at)
{
	char cwd[PATH_MAX] = "/";

	if (!is_string(target, PATH_MAX))
		return (int)finish(-EFAULT);
	if (target[0] != '/' && !getcwd(cwd, sizeof cwd))
		cwd[0] = 0;
	return strings_call(IO_NAME, IO_SYMLINK, 0, at, target, cwd);
}

EXPORT int symlinkat(const char *target, int dirfd, const char *path)
{
	char at[PATH_MAX];

	return emulated_at(dirfd, path, false, at) ? symlink_ours(target, at) : NEXT(symlinkat)(target, dirfd, path);
}

EXPORT int symlink(const char *target, const char *path)
{
	char at[PATH_MAX];

	return emulated_at(AT_FDCWD, path, false, at) ? symlink_ours(target, at) : NEXT(symlink)(target, path);
}

/* File systems of the machine's devices, which the host does not have: the machine mounts them even in a folder of the host. */
static bool is_machines_type(const char *type)
{
	return type && is_string(type, PATH_MAX) && !strcmp(type, "functionfs");
}

/* Where a folder of the host is, without links. */
static bool host_folder(const char *path, char *at)
{
	struct stat st;

	if (!NEXT(realpath)(path, at) || NEXT(stat)(at, &st))
		return false;
	errno = ENOTDIR;
	return S_ISDIR(st.st_mode);
}

EXPORT int mount(const char *source, const char *path, const char *type, unsigned long flags, const void *data)
{
	char at[PATH_MAX];
	struct call call;
	long result = -ENAMETOOLONG;

	if (!emulated_path(AT_FDCWD, path, at)) {
		if (!is_machines_type(type))
			return NEXT(mount)(source, path, type, flags, data);
		if (!host_folder(path, at))
			return -1;
	}
	if (!type || !is_string(type, PATH_MAX) || (source && !is_string(source, PATH_MAX)) || (data && !is_string(data, PATH_MAX)))
		return (int)finish(type ? -EFAULT : -EINVAL);
	if (!begin_call(&call, IO_MOUNT, -1, 0))
		return -1;
	call.slot->args[0] = (int64_t)flags;
	call.slot->length = 0;
	if (add_string(&call, at) && add_string(&call, source ? source : "none") && add_string(&call, type) &&
	    add_string(&call, data ? data : ""))
		result = make_call(&call);
	end_call(&call);
	return (int)finish(result);
}

EXPORT int umount2(const char *path, int flags)
{
	char at[PATH_MAX];

	if (!emulated_at(AT_FDCWD, path, !(flags & UMOUNT_NOFOLLOW), at))
		return NEXT(umount2)(path, flags);
	return (int)finish(path_call(IO_UMOUNT, at, flags, NULL));
}

EXPORT int umount(const char *path)
{
	char at[PATH_MAX];

	return emulated_path(AT_FDCWD, path, at) ? umount2(at, 0) : NEXT(umount)(path);
}
