/* /proc/self/fd, /proc/self/fdinfo, /dev/fd and the like: what they say of descriptors of ours. */
#include "preload.h"
#include "mapping.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A number that is all there is; -1 for anything else. */
static int whole_number(const char *at)
{
	long n = 0;

	if (!*at)
		return -1;
	for (; *at >= '0' && *at <= '9' && n < INT_MAX / 10; at++)
		n = 10 * n + (*at - '0');
	return *at ? -1 : (int)n;
}

static const char *behind(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	return path && !strncmp(path, prefix, n) ? path + n : NULL;
}

/* What follows /proc/self/ or another name of our own folder there. */
static const char *in_own_folder(const char *path)
{
	const char *rest = behind(path, "/proc/"), *end;

	if (!rest)
		return NULL;
	if (*rest >= '1' && *rest <= '9') {
		long pid = strtol(rest, (char **)&end, 10);

		return *end == '/' && pid == raw(SYS_getpid) ? end + 1 : NULL;
	}
	end = behind(rest, "self/");
	return end ? end : behind(rest, "thread-self/");
}

bool may_name_descriptor(const char *path)
{
	return door()->open && is_string(path, PATH_MAX) && path[0] == '/' && (path[1] == 'p' || path[1] == 'd');
}

static int ours_only(int fd)
{
	return fd >= 0 && handle_of(fd) ? fd : -1;
}

int descriptor_named(const char *path, bool *is_info)
{
	const char *rest;

	*is_info = false;
	if (!may_name_descriptor(path))
		return -1;
	if (path[1] == 'p') {
		const char *own = in_own_folder(path), *info = behind(own, "fdinfo/");

		*is_info = info != NULL;
		rest = info ? info : behind(own, "fd/");
		return rest ? ours_only(whole_number(rest)) : -1;
	}
	rest = behind(path, "/dev/fd/");
	if (rest)
		return ours_only(whole_number(rest));
	rest = behind(path, "/dev/std");
	if (!rest)
		return -1;
	return ours_only(!strcmp(rest, "in") ? 0 : !strcmp(rest, "out") ? 1 : !strcmp(rest, "err") ? 2 : -1);
}

int descriptor_link(const char *path)
{
	bool is_info;
	int fd = descriptor_named(path, &is_info);

	return is_info ? -1 : fd;
}

int descriptor_info(const char *path)
{
	bool is_info;
	int fd = descriptor_named(path, &is_info);

	return is_info ? fd : -1;
}

/* Values that a program sets become the machine's: the host's are not for it to change. */
bool sets_sysctl(const char *path, int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY && may_name_descriptor(path) && !strncmp(path, "/proc/sys/", 10);
}

const char *merged_text(const char *path)
{
	static const char *const of_kernel[] = { "/proc/devices", "/proc/misc", "/proc/filesystems" };
	const char *own;

	if (!may_name_descriptor(path) || path[1] != 'p')
		return NULL;
	for (size_t i = 0; i < sizeof of_kernel / sizeof *of_kernel; i++)
		if (!strcmp(path, of_kernel[i]))
			return of_kernel[i];
	own = !strcmp(path, "/proc/mounts") ? "mounts" : in_own_folder(path);
	if (!own)
		return NULL;
	return !strcmp(own, "mounts") ? "/proc/self/mounts" : !strcmp(own, "mountinfo") ? "/proc/self/mountinfo" : NULL;
}

int open_merged(const char *path, int flags)
{
	suspect_all();
	return (int)finish(path_call(IO_OPEN_MERGED, merged_text(path), flags, NULL));
}

int open_link(int fd, int flags)
{
	suspect_all();
	return (int)finish(simple_call(IO_REOPEN, fd, handle_of(fd), flags, 0, 0, 0, 0));
}

/* Text as a file that can only be read, at the lowest free number. */
static long text_file(const char *text, size_t length, int flags)
{
	long fd = raw(SYS_memfd_create, "fdinfo", flags & O_CLOEXEC ? MFD_CLOEXEC : 0), again;
	char link[40];

	if (fd < 0)
		return fd;
	raw(SYS_pwrite64, fd, text, length, 0);
	snprintf(link, sizeof link, "/proc/self/fd/%ld", fd);
	again = raw(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
	if (again < 0)
		return fd;
	raw(SYS_dup3, again, fd, flags & O_CLOEXEC);
	raw(SYS_close, again);
	return fd;
}

int open_info(int fd, int flags)
{
	char text[IO_DATA_SIZE];
	struct stat st = { 0 };
	struct call call;
	long result;

	raw(SYS_fstat, fd, &st);
	if (!begin_call(&call, IO_FDINFO, fd, handle_of(fd)))
		return -1;
	call.slot->args[0] = raw(SYS_fcntl, fd, F_GETFD) & FD_CLOEXEC;
	call.slot->args[1] = count_mappings(st.st_ino);
	result = make_call(&call);
	if (result > 0)
		memcpy(text, call.slot->data, (size_t)result < sizeof text ? (size_t)result : sizeof text);
	end_call(&call);
	if (result >= 0)
		result = text_file(text, (size_t)result, flags);
	if (result >= 0)
		remember_foreign((int)result);
	return (int)finish(result);
}

long link_text(int fd, char *out)
{
	struct call call;
	long result;

	if (!begin_call(&call, IO_LINK, fd, handle_of(fd)))
		return -errno;
	result = make_call(&call);
	if (result > IO_DATA_SIZE)
		result = IO_DATA_SIZE;
	if (result >= 0) {
		memcpy(out, call.slot->data, (size_t)result);
		out[result] = 0;
	}
	end_call(&call);
	return result;
}

/* The link of a descriptor, or an emulated one when there is a path. */
static ssize_t read_link(int fd, const char *absolute, char *out, size_t size)
{
	char text[PATH_MAX];
	long n;

	if ((ssize_t)size <= 0) {
		errno = EINVAL;
		return -1;
	}
	n = absolute ? path_call(IO_READLINK, absolute, 0, text) : link_text(fd, text);
	if (n > (long)size)
		n = (long)size;
	if (n > 0 && write_guarded((uintptr_t)out, text, (size_t)n) < (size_t)n)
		n = -EFAULT;
	return finish(n);
}

/* A bare number in the folder /proc/self/fd, which a program lists to find its descriptors. */
static int number_in_folder(int dirfd, const char *path)
{
	char link[32], folder[PATH_MAX];
	long n;

	if (dirfd == AT_FDCWD || !door()->open || !is_string(path, PATH_MAX) || whole_number(path) < 0)
		return -1;
	snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
	n = raw(SYS_readlinkat, AT_FDCWD, link, folder, sizeof folder - 20);
	if (n <= 0)
		return -1;
	snprintf(folder + n, 20, "/%.18s", path);
	return descriptor_link(folder);
}

EXPORT ssize_t readlink(const char *restrict path, char *restrict out, size_t size)
{
	int fd = descriptor_link(path);
	char absolute[PATH_MAX];

	if (fd >= 0)
		return read_link(fd, NULL, out, size);
	if (emulated_at(AT_FDCWD, path, false, absolute))
		return read_link(-1, absolute, out, size);
	return NEXT(readlink)(host_path(AT_FDCWD, path, false, absolute), out, size);
}

EXPORT ssize_t readlinkat(int dirfd, const char *restrict path, char *restrict out, size_t size)
{
	int fd = descriptor_link(path);
	char absolute[PATH_MAX];

	if (fd < 0)
		fd = number_in_folder(dirfd, path);
	if (fd >= 0)
		return read_link(fd, NULL, out, size);
	if (emulated_at(dirfd, path, false, absolute))
		return read_link(-1, absolute, out, size);
	return NEXT(readlinkat)(dirfd, host_path(dirfd, path, false, absolute), out, size);
}

/* What <unistd.h> calls instead under _FORTIFY_SOURCE. */
ssize_t __readlink_chk(const char *path, char *out, size_t size, size_t room);
ssize_t __readlinkat_chk(int dirfd, const char *path, char *out, size_t size, size_t room);

EXPORT ssize_t __readlink_chk(const char *path, char *out, size_t size, size_t room)
{
	return size <= room ? readlink(path, out, size) : NEXT(__readlink_chk)(path, out, size, room);
}

EXPORT ssize_t __readlinkat_chk(int dirfd, const char *path, char *out, size_t size, size_t room)
{
	return size <= room ? readlinkat(dirfd, path, out, size) : NEXT(__readlinkat_chk)(dirfd, path, out, size, room);
}

/* Whether a path leads to something of ours that has a path; then `*result` is what realpath answers. */
static bool real_path(const char *path, char *out, char **result)
{
	char text[PATH_MAX + 1];
	int fd = descriptor_link(path);
	struct stat st;

	if (fd >= 0) {
		long n = link_text(fd, text);

		text[n > 0 ? n : 0] = 0;
	} else if (!emulated_path(AT_FDCWD, path, text)) {
		return false;
	}
	/* A buffer's link looks like a path, but leads nowhere. */
	if (text[0] != '/')
		errno = ENOENT;
	*result = NULL;
	if (text[0] != '/' || stat(text, &st) < 0)
		return true;
	if (fd < 0 && text[strlen(text) - 1] == '/')
		text[strlen(text) - 1] = 0;
	*result = out ? strcpy(out, text) : strdup(text);
	return true;
}

EXPORT char *realpath(const char *restrict path, char *restrict out)
{
	char *result, absolute[PATH_MAX];

	return real_path(path, out, &result) ? result : NEXT(realpath)(host_path(AT_FDCWD, path, true, absolute), out);
}

EXPORT char *canonicalize_file_name(const char *path)
{
	return realpath(path, NULL);
}

char *__realpath_chk(const char *path, char *out, size_t room);

EXPORT char *__realpath_chk(const char *path, char *out, size_t room)
{
	char *result;

	return room >= PATH_MAX && real_path(path, out, &result) ? result : NEXT(__realpath_chk)(path, out, room);
}
