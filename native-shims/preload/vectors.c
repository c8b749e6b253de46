/* Vectored reading and writing. */
#include "preload.h"
#include <sys/types.h>
#include <sys/uio.h>

static long vector_call(int fd, uint32_t handle, bool writes, const struct iovec *v, int count, bool positioned, off_t offset, int flags)
{
	struct call call;
	long result;

	if (!begin_call(&call, IO_VECTOR, fd, handle))
		return -1;
	call.slot->args[0] = writes;
	call.slot->args[1] = (int64_t)(uintptr_t)v;
	call.slot->args[2] = count;
	call.slot->args[3] = offset;
	call.slot->args[4] = flags;
	call.slot->args[5] = positioned;
	result = make_call(&call);
	end_call(&call);
	return finish(result);
}

#define VECTOR(name, writes)                                                                                            \
	EXPORT ssize_t name(int fd, const struct iovec *v, int count)                                                   \
	{                                                                                                               \
		uint32_t handle = handle_of(fd);                                                                        \
		return handle ? vector_call(fd, handle, writes, v, count, false, 0, 0) : NEXT(name)(fd, v, count);      \
	}

#define POSITIONED(name, writes)                                                                                        \
	EXPORT ssize_t name(int fd, const struct iovec *v, int count, off_t offset)                                     \
	{                                                                                                               \
		uint32_t handle = handle_of(fd);                                                                        \
		return handle ? vector_call(fd, handle, writes, v, count, true, offset, 0) : NEXT(name)(fd, v, count, offset); \
	}

/* Offset -1 is the file's own position. */
#define WITH_FLAGS(name, writes)                                                                                        \
	EXPORT ssize_t name(int fd, const struct iovec *v, int count, off_t offset, int flags)                          \
	{                                                                                                               \
		uint32_t handle = handle_of(fd);                                                                        \
		return handle ? vector_call(fd, handle, writes, v, count, offset != -1, offset, flags)                  \
			      : NEXT(name)(fd, v, count, offset, flags);                                                \
	}

VECTOR(readv, false)
VECTOR(writev, true)
POSITIONED(preadv, false)
POSITIONED(preadv64, false)
POSITIONED(pwritev, true)
POSITIONED(pwritev64, true)
WITH_FLAGS(preadv2, false)
WITH_FLAGS(preadv64v2, false)
WITH_FLAGS(pwritev2, true)
WITH_FLAGS(pwritev64v2, true)
