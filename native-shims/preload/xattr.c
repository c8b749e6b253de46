/* Extended attributes by path, as programs look at them that list folders. */
#include "preload.h"
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>

static ssize_t ask(const char *absolute, uint32_t kind, const char *name, void *value, size_t size, int flags)
{
	struct call call;
	long result;

	if (!begin_call(&call, IO_XATTR, -1, 0))
		return -1;
	attach(&call, absolute, strlen(absolute));
	call.slot->args[0] = kind;
	call.slot->args[1] = (int64_t)(uintptr_t)name;
	call.slot->args[2] = (int64_t)(uintptr_t)value;
	call.slot->args[3] = (int64_t)size;
	call.slot->args[4] = flags;
	result = make_call(&call);
	end_call(&call);
	return finish(result);
}

#define GET(function, follow)                                                                                           \
	EXPORT ssize_t function(const char *path, const char *name, void *value, size_t size)                           \
	{                                                                                                               \
		char at[PATH_MAX];                                                                                      \
		if (emulated_at(AT_FDCWD, path, follow, at))                                                            \
			return ask(at, IO_GETXATTR, name, value, size, (follow) ? 0 : AT_SYMLINK_NOFOLLOW);             \
		return NEXT(function)(host_path(AT_FDCWD, path, follow, at), name, value, size);                        \
	}

#define LIST(function, follow)                                                                                          \
	EXPORT ssize_t function(const char *path, char *list, size_t size)                                              \
	{                                                                                                               \
		char at[PATH_MAX];                                                                                      \
		if (emulated_at(AT_FDCWD, path, follow, at))                                                            \
			return ask(at, IO_LISTXATTR, NULL, list, size, (follow) ? 0 : AT_SYMLINK_NOFOLLOW);             \
		return NEXT(function)(host_path(AT_FDCWD, path, follow, at), list, size);                               \
	}

GET(getxattr, true)
GET(lgetxattr, false)
LIST(listxattr, true)
LIST(llistxattr, false)
