/* Streams of emulated files: what the C library opens. See streams.c for what it does then. */
#include "preload.h"
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <unistd.h>

/* The C library looks at so many letters of a mode. */
#define MODE_LETTERS 7

/* Flags of open(2) for a mode, or -1: it begins with none of r, w, a. */
static int flags_of(const char *mode)
{
	int access, flags = 0;

	switch (mode[0]) {
	case 'r':
		access = O_RDONLY;
		break;
	case 'w':
		access = O_WRONLY;
		flags = O_CREAT | O_TRUNC;
		break;
	case 'a':
		access = O_WRONLY;
		flags = O_CREAT | O_APPEND;
		break;
	default:
		return -1;
	}
	for (int i = 1; i < MODE_LETTERS && mode[i]; i++) {
		if (mode[i] == '+')
			access = O_RDWR;
		else if (mode[i] == 'x')
			flags |= O_EXCL;
		else if (mode[i] == 'e')
			flags |= O_CLOEXEC;
	}
	return access | flags;
}

/* A mode without the letters that have done their work when the file is open, or that would map it. */
static const char *without(const char *letters, const char *mode, char *out)
{
	int n = 0;

	for (int i = 0; i < MODE_LETTERS && mode[i]; i++)
		if (!strchr(letters, mode[i]))
			out[n++] = mode[i];
	out[n] = 0;
	return out;
}

/* The C library asks the real descriptor about the access mode and O_APPEND of ours. */
static FILE *stream_of(int fd, uint32_t handle, const char *mode)
{
	long flags = simple_call(IO_FCNTL, fd, handle, F_GETFL, 0, 0, 0, 0);
	int wanted = flags_of(mode);
	char plain[MODE_LETTERS + 1];

	if (flags < 0 || wanted < 0) {
		errno = flags < 0 ? (int)-flags : EINVAL;
		return NULL;
	}
	if (((flags & O_ACCMODE) == O_RDONLY && (wanted & O_ACCMODE) != O_RDONLY) ||
	    ((flags & O_ACCMODE) == O_WRONLY && (wanted & O_ACCMODE) != O_WRONLY)) {
		errno = EINVAL;
		return NULL;
	}
	raw(SYS_fcntl, fd, F_SETFL, flags & O_APPEND);
	if ((wanted & O_APPEND) && !(flags & O_APPEND)) {
		long result = simple_call(IO_FCNTL, fd, handle, F_SETFL, flags | O_APPEND, 0, 0, 0);

		if (result < 0) {
			errno = (int)-result;
			return NULL;
		}
	}
	return NEXT(fdopen)(fd, without("mx", mode, plain));
}

/* Where a stream that only appends begins. False: the file cannot be a stream. */
static bool go_to_end(int fd, int flags)
{
	return (flags & (O_APPEND | O_ACCMODE)) != (O_APPEND | O_WRONLY) || lseek(fd, 0, SEEK_END) >= 0 || errno == ESPIPE;
}

static FILE *fopen_ours(const char *absolute, const char *mode)
{
	int flags = flags_of(mode), fd;
	uint32_t handle;
	FILE *stream;

	if (flags < 0) {
		errno = EINVAL;
		return NULL;
	}
	fd = open(absolute, flags, 0666);
	if (fd < 0)
		return NULL;
	handle = handle_of(fd);
	/* What /proc says of a descriptor is a text file of the host. */
	if (!handle)
		stream = NEXT(fdopen)(fd, mode);
	else
		stream = go_to_end(fd, flags) ? stream_of(fd, handle, mode) : NULL;
	if (!stream) {
		int e = errno;

		close(fd);
		errno = e;
	}
	return stream;
}

/* What the next library answered for a path that we did not take for ours. */
static FILE *opened(FILE *stream, const char *path, const char *mode)
{
	char absolute[PATH_MAX];

	if (stream)
		remember_foreign(fileno_unlocked(stream));
	else if ((errno == ENOENT || errno == ENOTDIR) && emulated_link(AT_FDCWD, path, absolute))
		return fopen_ours(absolute, mode);
	return stream;
}

/* As far as open(2) is concerned. */
static int writes(const char *mode)
{
	return mode[0] == 'r' && !strchr(mode, '+') ? O_RDONLY : O_RDWR;
}

#define FOPEN(name)                                                                                                     \
	EXPORT FILE *name(const char *restrict path, const char *restrict mode)                                         \
	{                                                                                                               \
		char absolute[PATH_MAX];                                                                                \
		bool info;                                                                                              \
		if (emulated_path(AT_FDCWD, path, absolute))                                                            \
			return fopen_ours(absolute, mode);                                                              \
		if (descriptor_named(path, &info) >= 0 || merged_text(path) || sets_sysctl(path, writes(mode)))         \
			return fopen_ours(path, mode);                                                              \
		return opened(NEXT(name)(path, mode), path, mode);                                                      \
	}

FOPEN(fopen)
FOPEN(fopen64)

/* setmntent(3) opens inside the C library. */
EXPORT FILE *setmntent(const char *path, const char *mode)
{
	FILE *stream;

	if (!merged_text(path))
		return NEXT(setmntent)(path, mode);
	stream = fopen(path, "re");
	if (stream)
		__fsetlocking(stream, FSETLOCKING_BYCALLER);
	return stream;
}

EXPORT FILE *fdopen(int fd, const char *mode)
{
	uint32_t handle = handle_of(fd);

	return handle ? stream_of(fd, handle, mode) : NEXT(fdopen)(fd, mode);
}

/*
 * The stream keeps its number. The C library does what it does to the stream with a
 * file that is always there; then the emulated one takes that file's place.
 */
static FILE *freopen_ours(const char *path, const char *mode, FILE *stream)
{
	int flags = flags_of(mode), number, fd;
	char plain[MODE_LETTERS + 1];

	fflush(stream);
	number = fileno_unlocked(stream);
	fd = flags < 0 ? -1 : open(path, flags, 0666);
	if (fd >= 0 && !go_to_end(fd, flags)) {
		int e = errno;

		close(fd);
		fd = -1;
		errno = e;
	}
	if (fd < 0) {
		int e = flags < 0 ? EINVAL : errno;

		/* Closes the stream, which is what is left to do. */
		forget(number);
		NEXT(freopen)("", "r", stream);
		errno = e;
		return NULL;
	}
	forget(number);
	if (!NEXT(freopen)("/dev/null", without("mx", mode, plain), stream)) {
		close(fd);
		return NULL;
	}
	if (number >= 0) {
		dup3(fd, number, flags & O_CLOEXEC);
		close(fd);
	} else {
		close(fileno_unlocked(stream));
		stream->_fileno = fd;
	}
	return stream;
}

static FILE *freopened(const char *path, const char *mode, FILE *stream, FILE *(*next)(const char *, const char *, FILE *))
{
	int number = fileno_unlocked(stream);
	char absolute[PATH_MAX];
	FILE *result;

	if (!path && handle_of(number)) {
		/* The same file with another mode: it is opened again. */
		snprintf(absolute, sizeof absolute, "/proc/self/fd/%d", number);
		return freopen_ours(absolute, mode, stream);
	}
	if (path && (emulated_path(AT_FDCWD, path, absolute) ||
		     (access(path, F_OK) < 0 && errno == ENOENT && emulated_link(AT_FDCWD, path, absolute))))
		return freopen_ours(absolute, mode, stream);
	forget(number);
	result = next(path, mode, stream);
	if (result)
		forget(fileno_unlocked(result));
	return result;
}

EXPORT FILE *freopen(const char *restrict path, const char *restrict mode, FILE *restrict stream)
{
	return freopened(path, mode, stream, NEXT(freopen));
}

EXPORT FILE *freopen64(const char *restrict path, const char *restrict mode, FILE *restrict stream)
{
	return freopened(path, mode, stream, NEXT(freopen64));
}

EXPORT int fclose(FILE *stream)
{
	suspect_all();
	return NEXT(fclose)(stream);
}
