/* File actions of posix_spawn: what the C library's records say, and doing it by our own calls. */
#include "spawn-actions.h"
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Absent from older C libraries. */
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from) __attribute__((weak));
int posix_spawn_file_actions_addtcsetpgrp_np(posix_spawn_file_actions_t *actions, int fd) __attribute__((weak));
int close_range(unsigned int first, unsigned int last, int flags);

/* Whether the records of this C library are as above: one of each kind is made, and read. */
static bool compare_records(void)
{
	posix_spawn_file_actions_t made;
	const struct __spawn_action *at;
	bool fit;

	if (posix_spawn_file_actions_init(&made))
		return false;
	fit = !posix_spawn_file_actions_addclose(&made, 3) && !posix_spawn_file_actions_adddup2(&made, 4, 5) &&
	      !posix_spawn_file_actions_addopen(&made, 6, "path", O_RDWR, 0640) && !posix_spawn_file_actions_addchdir_np(&made, "folder") &&
	      !posix_spawn_file_actions_addfchdir_np(&made, 7);
	if (fit && posix_spawn_file_actions_addclosefrom_np)
		fit = !posix_spawn_file_actions_addclosefrom_np(&made, 8);
	if (fit && posix_spawn_file_actions_addtcsetpgrp_np)
		fit = !posix_spawn_file_actions_addtcsetpgrp_np(&made, 9);
	at = made.__actions;
	fit = fit && made.__used >= FCHDIR + 1 && at[CLOSE].is.fd == 3 && at[DUP2].is.dup2.fd == 4 && at[DUP2].is.dup2.newfd == 5 &&
	      at[OPEN].is.open.fd == 6 && !strcmp(at[OPEN].is.open.path, "path") && at[OPEN].is.open.flags == O_RDWR &&
	      at[OPEN].is.open.mode == 0640 && !strcmp(at[CHDIR].is.path, "folder") && at[FCHDIR].is.fd == 7;
	for (int i = 0; fit && i < made.__used; i++)
		fit = at[i].tag == i;
	if (fit && made.__used > CLOSEFROM)
		fit = at[CLOSEFROM].is.fd == 8;
	if (fit && made.__used > TCSETPGRP)
		fit = at[TCSETPGRP].is.fd == 9;
	posix_spawn_file_actions_destroy(&made);
	return fit;
}

bool are_records_known(void)
{
	static int answer = -1;

	if (__atomic_load_n(&answer, __ATOMIC_RELAXED) < 0)
		__atomic_store_n(&answer, compare_records(), __ATOMIC_RELAXED);
	return answer;
}

/* A descriptor that is not open is no error, unless it is none that could be. */
static int apply_close(int fd)
{
	struct rlimit limit;

	if (close(fd) == 0)
		return 0;
	return fd < 0 || raw(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) < 0 || (rlim_t)fd >= limit.rlim_cur ? -1 : 0;
}

static int apply_open(const struct __spawn_action *action)
{
	int fd = action->is.open.fd, made;

	close(fd);
	made = open(action->is.open.path, action->is.open.flags, action->is.open.mode);
	if (made < 0 || made == fd)
		return made;
	return dup2(made, fd) < 0 || close(made) ? -1 : 0;
}

static int apply_dup2(int from, int to)
{
	int flags;

	if (from != to)
		return dup2(from, to);
	/* Onto itself: it stays open in the program. */
	flags = fcntl(from, F_GETFD);
	return flags < 0 ? -1 : fcntl(from, F_SETFD, flags & ~FD_CLOEXEC);
}

int apply_action(const struct __spawn_action *action)
{
	switch ((enum kind)action->tag) {
	case CLOSE:
		return apply_close(action->is.fd);
	case DUP2:
		return apply_dup2(action->is.dup2.fd, action->is.dup2.newfd);
	case OPEN:
		return apply_open(action);
	case CHDIR:
		return chdir(action->is.path);
	case FCHDIR:
		return fchdir(action->is.fd);
	case CLOSEFROM:
		return close_range((unsigned int)action->is.fd, ~0u, 0);
	case TCSETPGRP:
		return tcsetpgrp(action->is.fd, getpgid(0));
	default:
		errno = EINVAL;
		return -1;
	}
}
