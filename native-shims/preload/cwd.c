/*
 * The working directory. For one that is emulated the program really works in an
 * empty folder of the server's, whose path tells which it is: so it survives fork
 * and exec, and the real kernel keeps it.
 */
#include "preload.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { UNKNOWN, THEIRS, OURS };

static int whose;

const char *mirrored(const char *real)
{
	size_t n = strlen(door()->folder);

	return !strncmp(real, door()->folder, n) && !strncmp(real + n, "/cwd/", 5) ? real + n + 4 : NULL;
}

bool is_cwd_ours(void)
{
	int known = __atomic_load_n(&whose, __ATOMIC_RELAXED);
	char at[PATH_MAX];

	if (known == UNKNOWN) {
		known = raw(SYS_getcwd, at, sizeof at) > 0 && mirrored(at) ? OURS : THEIRS;
		__atomic_store_n(&whose, known, __ATOMIC_RELAXED);
	}
	return known == OURS;
}

static void moved(void)
{
	__atomic_store_n(&whose, UNKNOWN, __ATOMIC_RELAXED);
}

static int enter(const char *absolute)
{
	char at[PATH_MAX], real[PATH_MAX + sizeof door()->folder + 8];
	long result = path_call(IO_CHDIR, absolute, 0, at);

	if (result < 0)
		return (int)finish(result);
	snprintf(real, sizeof real, "%s/cwd%s", door()->folder, at);
	result = raw(SYS_chdir, real);
	moved();
	return (int)finish(result);
}

EXPORT int chdir(const char *path)
{
	char absolute[PATH_MAX];
	int result;

	if (emulated_path(AT_FDCWD, path, absolute))
		return enter(absolute);
	result = NEXT(chdir)(host_path(AT_FDCWD, path, true, absolute));
	if (result < 0 && (errno == ENOENT || errno == ENOTDIR) && emulated_link(AT_FDCWD, path, absolute))
		return enter(absolute);
	moved();
	return result;
}

EXPORT int fchdir(int fd)
{
	char absolute[PATH_MAX];
	int result;
	long n;

	if (handle_of(fd)) {
		n = link_text(fd, absolute);
		if (n < 0)
			return (int)finish(n);
		return is_listed(absolute) ? enter(absolute) : (int)finish(-ENOTDIR);
	}
	result = NEXT(fchdir)(fd);
	moved();
	return result;
}

/* Where the program works, if that is emulated; then `*error` says whether it still exists. */
static bool our_cwd(char *out, int *error)
{
	char at[PATH_MAX];
	long result;

	if (!door()->open || !is_cwd_ours() || raw(SYS_getcwd, at, sizeof at) <= 0 || !mirrored(at))
		return false;
	strcpy(out, mirrored(at));
	result = path_call(IO_ACCESS, out, 0, NULL);
	*error = result < 0 ? (int)-result : 0;
	return true;
}

EXPORT char *getcwd(char *out, size_t size)
{
	char at[PATH_MAX];
	int error;

	if (!our_cwd(at, &error))
		return NEXT(getcwd)(out, size);
	if (!error && out && size == 0)
		error = EINVAL;
	if (!error && (out || size) && size <= strlen(at))
		error = ERANGE;
	if (error) {
		errno = error;
		return NULL;
	}
	return out ? strcpy(out, at) : strdup(at);
}

EXPORT char *get_current_dir_name(void)
{
	char at[PATH_MAX];
	int error;

	return our_cwd(at, &error) ? getcwd(NULL, 0) : NEXT(get_current_dir_name)();
}

char *__getcwd_chk(char *out, size_t size, size_t room);

EXPORT char *__getcwd_chk(char *out, size_t size, size_t room)
{
	return size <= room ? getcwd(out, size) : NEXT(__getcwd_chk)(out, size, room);
}
