/*
 * Listing folders. A stream of an emulated folder is our own. One of a real folder
 * is the C library's; when that has come to its end, extra-names.c goes on.
 */
#include "preload.h"
#include "extra-names.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC 0x6e616d65736f6672ull
#define ROOM 32768

/* The C library's begins with the descriptor, too, and then has sizes: never this number. */
struct stream {
	int fd;
	int unused;
	uint64_t magic;
	size_t at, have;
	off_t position;
	/* A program may copy a whole struct dirent of the last record. */
	char records[ROOM + sizeof(struct dirent)];
};

static struct stream *our_stream(DIR *dir)
{
	struct stream *s = (struct stream *)dir;

	return s && s->magic == MAGIC ? s : NULL;
}

static ssize_t list_ours(int fd, uint32_t handle, void *out, size_t size)
{
	return simple_call(IO_GETDENTS, fd, handle, (int64_t)(uintptr_t)out, (int64_t)size, 0, 0, 0);
}

static struct dirent *next_ours(struct stream *s)
{
	struct dirent *entry;

	if (s->at >= s->have) {
		long n = list_ours(s->fd, handle_of(s->fd), s->records, ROOM);

		/* A folder that has been removed has no names. */
		if (n < 0 && n != -ENOENT)
			errno = (int)-n;
		if (n <= 0)
			return NULL;
		s->at = 0;
		s->have = (size_t)n;
	}
	entry = (struct dirent *)(s->records + s->at);
	s->at += entry->d_reclen;
	s->position = entry->d_off;
	return entry;
}

static DIR *stream_of(int fd)
{
	struct stream *s = calloc(1, sizeof *s);

	if (s) {
		s->fd = fd;
		s->magic = MAGIC;
	}
	return (DIR *)s;
}

static DIR *open_stream(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : stream_of(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

EXPORT DIR *opendir(const char *path)
{
	char absolute[PATH_MAX];
	DIR *dir;

	if (emulated_path(AT_FDCWD, path, absolute))
		return open_stream(absolute);
	dir = NEXT(opendir)(host_path(AT_FDCWD, path, true, absolute));
	if (dir)
		remember_foreign(dirfd(dir));
	else if ((errno == ENOENT || errno == ENOTDIR) && emulated_link(AT_FDCWD, path, absolute))
		return open_stream(absolute);
	return dir;
}

EXPORT DIR *fdopendir(int fd)
{
	struct stat st;

	if (!handle_of(fd))
		return NEXT(fdopendir)(fd);
	if (fstat(fd, &st) < 0)
		return NULL;
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return NULL;
	}
	return stream_of(fd);
}

#define READDIR(name, type)                                                                                             \
	EXPORT type *name(DIR *dir)                                                                                     \
	{                                                                                                               \
		struct stream *ours = our_stream(dir);                                                                  \
		type *entry;                                                                                            \
		int e = errno;                                                                                          \
		if (ours)                                                                                               \
			return (type *)next_ours(ours);                                                                 \
		errno = 0;                                                                                              \
		entry = NEXT(name)(dir);                                                                                \
		if (!entry && errno)                                                                                    \
			return NULL;                                                                                    \
		errno = e;                                                                                              \
		return entry || !door()->open ? entry : (type *)next_extra(dir);                                        \
	}

READDIR(readdir, struct dirent)
READDIR(readdir64, struct dirent64)

static int read_into(DIR *dir, struct dirent *room, struct dirent **result)
{
	struct dirent *entry;
	int e = errno, error;

	errno = 0;
	entry = readdir(dir);
	error = errno;
	errno = e;
	*result = entry ? room : NULL;
	if (entry)
		memcpy(room, entry, entry->d_reclen < sizeof *room ? entry->d_reclen : sizeof *room);
	return entry ? 0 : error;
}

int readdir_r(DIR *dir, struct dirent *room, struct dirent **result);
int readdir64_r(DIR *dir, struct dirent64 *room, struct dirent64 **result);

EXPORT int readdir_r(DIR *dir, struct dirent *room, struct dirent **result)
{
	return read_into(dir, room, result);
}

EXPORT int readdir64_r(DIR *dir, struct dirent64 *room, struct dirent64 **result)
{
	return read_into(dir, (struct dirent *)room, (struct dirent **)result);
}

EXPORT void seekdir(DIR *dir, long position)
{
	struct stream *ours = our_stream(dir);

	drop_extra(dir);
	if (!ours) {
		NEXT(seekdir)(dir, position);
		return;
	}
	lseek(ours->fd, position, SEEK_SET);
	ours->at = ours->have = 0;
	ours->position = position;
}

EXPORT void rewinddir(DIR *dir)
{
	if (our_stream(dir)) {
		seekdir(dir, 0);
		return;
	}
	drop_extra(dir);
	NEXT(rewinddir)(dir);
}

EXPORT long telldir(DIR *dir)
{
	struct stream *ours = our_stream(dir);

	return ours ? ours->position : NEXT(telldir)(dir);
}

EXPORT int dirfd(DIR *dir)
{
	struct stream *ours = our_stream(dir);

	return ours ? ours->fd : NEXT(dirfd)(dir);
}

EXPORT int closedir(DIR *dir)
{
	struct stream *ours = our_stream(dir);
	int fd;

	if (!ours) {
		drop_extra(dir);
		suspect_all();
		return NEXT(closedir)(dir);
	}
	fd = ours->fd;
	ours->magic = 0;
	free(ours);
	return close(fd);
}

EXPORT ssize_t getdents64(int fd, void *out, size_t size)
{
	uint32_t handle = handle_of(fd);

	return handle ? finish(list_ours(fd, handle, out, size)) : NEXT(getdents64)(fd, out, size);
}
