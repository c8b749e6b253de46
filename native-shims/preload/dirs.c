/*
 * Listing folders. A stream of an emulated folder is our own. One of a real folder
 * is the C library's; when that has come to its end, the names follow that the
 * machine has there and the host has not.
 */
#include "preload.h"
#include "dirs.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
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

ssize_t list_ours(int fd, uint32_t handle, void *out, size_t size)
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

/* ---- names of the machine behind those of a real folder --------------------------- */

struct extra {
	struct extra *next;
	DIR *dir;
	int index;
	struct dirent entry;
};

static struct extra *extras;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct extra *extra_of(DIR *dir, bool make)
{
	struct extra *x;

	pthread_mutex_lock(&lock);
	for (x = extras; x && x->dir != dir; x = x->next)
		;
	if (!x && make && (x = calloc(1, sizeof *x))) {
		x->dir = dir;
		x->next = extras;
		extras = x;
	}
	pthread_mutex_unlock(&lock);
	return x;
}

static void drop_extra(DIR *dir)
{
	struct extra *x;

	if (!__atomic_load_n(&extras, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&lock);
	for (struct extra **at = &extras; (x = *at); at = &x->next)
		if (x->dir == dir) {
			*at = x->next;
			free(x);
			break;
		}
	pthread_mutex_unlock(&lock);
}

static bool on_host(int fd, const char *name)
{
	struct stat st;

	return raw(SYS_newfstatat, fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static struct dirent *next_extra(DIR *dir)
{
	char link[40], path[2 * PATH_MAX], name[NAME_MAX + 1];
	int e = errno, fd = dirfd(dir);
	struct extra *x;
	struct stat st;
	long n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = raw(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
	path[n > 0 ? n : 0] = 0;
	if (n <= 0 || !listed_child(path, 0, name))
		return NULL;
	x = extra_of(dir, true);
	while (x && listed_child(path, x->index, name)) {
		x->index++;
		if (on_host(fd, name))
			continue;
		snprintf(path + n, sizeof path - (size_t)n, "/%s", name);
		if (lstat(path, &st) == 0) {
			x->entry.d_ino = st.st_ino;
			x->entry.d_type = (unsigned char)IFTODT(st.st_mode);
			x->entry.d_reclen = sizeof x->entry;
			strcpy(x->entry.d_name, name);
			errno = e;
			return &x->entry;
		}
		path[n] = 0;
	}
	errno = e;
	return NULL;
}

/* ---- the functions ---------------------------------------------------------------- */

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
