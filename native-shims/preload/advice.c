/* What a program plans with a file, and that it should reach the disk. */
#include "preload.h"
#include <fcntl.h>
#include <unistd.h>

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
