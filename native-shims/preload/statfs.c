/* statfs(2) and its kin: of which kind the file system is. */
#include "preload.h"
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

static int statfs_ours(int fd, uint32_t handle, const char *absolute, struct statfs *out)
{
	struct statfs s = { 0 };
	struct call call;
	long result;

	if (!begin_call(&call, IO_STATFS, fd, handle))
		return -1;
	if (absolute)
		attach(&call, absolute, strlen(absolute));
	result = make_call(&call);
	s.f_type = call.slot->args[0];
	s.f_bsize = s.f_frsize = call.slot->args[1];
	s.f_namelen = call.slot->args[2];
	s.f_flags = call.slot->args[4];
	memcpy(&s.f_fsid, &call.slot->args[3], sizeof s.f_fsid);
	end_call(&call);
	if (result >= 0 && write_guarded((uintptr_t)out, &s, sizeof s) < sizeof s)
		result = -EFAULT;
	return (int)finish(result);
}

static void to_statvfs(struct statvfs *out, const struct statfs *in)
{
	memset(out, 0, sizeof *out);
	out->f_bsize = out->f_frsize = (unsigned long)in->f_bsize;
	memcpy(&out->f_fsid, &in->f_fsid, sizeof in->f_fsid);
	out->f_namemax = (unsigned long)in->f_namelen;
	/* Without ST_VALID, as the C library has it. */
	out->f_flag = (unsigned long)in->f_flags & ~0x20ul;
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
