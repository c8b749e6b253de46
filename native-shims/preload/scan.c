/* scandir and glob, which list folders inside the C library. */
#include "preload.h"
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* All names that the filter lets through, sorted; takes the stream. */
static int scan(DIR *dir, struct dirent ***list, int (*filter)(const struct dirent *),
		int (*compare)(const struct dirent **, const struct dirent **))
{
	struct dirent **names = NULL, *entry;
	size_t count = 0, room = 0;
	int e = errno, error;

	if (!dir)
		return -1;
	errno = 0;
	while ((entry = readdir(dir))) {
		struct dirent *copy;

		if (filter && !filter(entry)) {
			errno = 0;
			continue;
		}
		if (count == room) {
			struct dirent **more = realloc(names, (room = room ? 2 * room : 16) * sizeof *names);

			if (!more)
				break;
			names = more;
		}
		copy = malloc(entry->d_reclen);
		if (!copy)
			break;
		names[count++] = memcpy(copy, entry, entry->d_reclen);
		errno = 0;
	}
	error = errno;
	closedir(dir);
	if (error) {
		while (count > 0)
			free(names[--count]);
		free(names);
		errno = error;
		return -1;
	}
	errno = e;
	if (compare && count > 0)
		qsort(names, count, sizeof *names, (int (*)(const void *, const void *))compare);
	*list = names;
	return (int)count;
}

EXPORT int scandir(const char *restrict path, struct dirent ***restrict list, int (*filter)(const struct dirent *),
		   int (*compare)(const struct dirent **, const struct dirent **))
{
	return door()->open ? scan(opendir(path), list, filter, compare) : NEXT(scandir)(path, list, filter, compare);
}

EXPORT int scandir64(const char *restrict path, struct dirent64 ***restrict list, int (*filter)(const struct dirent64 *),
		     int (*compare)(const struct dirent64 **, const struct dirent64 **))
{
	if (!door()->open)
		return NEXT(scandir64)(path, list, filter, compare);
	return scan(opendir(path), (struct dirent ***)list, (int (*)(const struct dirent *))filter,
		    (int (*)(const struct dirent **, const struct dirent **))compare);
}

EXPORT int scandirat(int dirfd, const char *restrict path, struct dirent ***restrict list, int (*filter)(const struct dirent *),
		     int (*compare)(const struct dirent **, const struct dirent **))
{
	int fd;

	if (!door()->open)
		return NEXT(scandirat)(dirfd, path, list, filter, compare);
	fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -1 : scan(fdopendir(fd), list, filter, compare);
}

static void *glob_open(const char *path)
{
	return opendir(path);
}

static struct dirent *glob_read(void *dir)
{
	return readdir(dir);
}

static void glob_close(void *dir)
{
	closedir(dir);
}

static int glob_lstat(const char *restrict path, struct stat *restrict out)
{
	return lstat(path, out);
}

static int glob_stat(const char *restrict path, struct stat *restrict out)
{
	return stat(path, out);
}

/* The C library takes functions to list by, if a program has none of its own. */
EXPORT int glob(const char *restrict pattern, int flags, int (*on_error)(const char *, int), glob_t *restrict out)
{
	int result;

	if (!door()->open || (flags & GLOB_ALTDIRFUNC))
		return NEXT(glob)(pattern, flags, on_error, out);
	out->gl_opendir = glob_open;
	out->gl_readdir = glob_read;
	out->gl_closedir = glob_close;
	out->gl_lstat = glob_lstat;
	out->gl_stat = glob_stat;
	result = NEXT(glob)(pattern, flags | GLOB_ALTDIRFUNC, on_error, out);
	out->gl_flags &= ~GLOB_ALTDIRFUNC;
	return result;
}

EXPORT int glob64(const char *restrict pattern, int flags, int (*on_error)(const char *, int), glob64_t *restrict out)
{
	return glob(pattern, flags, on_error, (glob_t *)out);
}
