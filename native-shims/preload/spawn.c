/*
 * posix_spawn. The C library does what a spawn's file actions say past the dynamic
 * linker, so a spawn that opens an emulated path is done here: a copy of this
 * process does the actions by our own calls, and executes the program.
 */
#include "environment.h"
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/*
 * The C library's record of an action, the same since 2.15; are_records_known
 * compares it with what the functions that make records do.
 */
struct __spawn_action {
	int tag;
	union {
		int fd;
		struct {
			int fd, newfd;
		} dup2;
		struct {
			int fd;
			char *path;
			int flags;
			mode_t mode;
		} open;
		char *path;
	} is;
};

enum kind { CLOSE, DUP2, OPEN, CHDIR, FCHDIR, CLOSEFROM, TCSETPGRP, KINDS };

/* Absent from older C libraries. */
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from) __attribute__((weak));
int posix_spawn_file_actions_addtcsetpgrp_np(posix_spawn_file_actions_t *actions, int fd) __attribute__((weak));
int close_range(unsigned int first, unsigned int last, int flags);

/* Whether the records of this C library are as above: one of each kind is made, and read. */
static bool are_records_known(void)
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

/* The answer of are_records_known, once it has been asked. */
static bool known(void)
{
	static int answer = -1;

	if (__atomic_load_n(&answer, __ATOMIC_RELAXED) < 0)
		__atomic_store_n(&answer, are_records_known(), __ATOMIC_RELAXED);
	return answer;
}

static bool opens_emulated(const posix_spawn_file_actions_t *actions)
{
	char absolute[PATH_MAX];
	bool has_moved = false;

	if (!door()->open || !actions || !known())
		return false;
	for (int i = 0; i < actions->__used; i++) {
		const struct __spawn_action *action = &actions->__actions[i];

		has_moved = has_moved || action->tag == CHDIR || action->tag == FCHDIR;
		if (action->tag != OPEN)
			continue;
		/* From a folder that is still to be entered, any path may lead anywhere. */
		if (has_moved && action->is.open.path[0] != '/')
			return true;
		if (emulated_path(AT_FDCWD, action->is.open.path, absolute) ||
		    (access(action->is.open.path, F_OK) < 0 && emulated_link(AT_FDCWD, action->is.open.path, absolute)))
			return true;
	}
	return false;
}

/* What a spawn is asked to do. */
struct spawn {
	const char *file;
	bool searches;
	const posix_spawn_file_actions_t *actions;
	const posix_spawnattr_t *attributes;
	char *const *argv;
	char *const *envp;
	sigset_t mask;
};

/* The functions below run in the child: they return 0, or -1 and errno. */

static int reset_handlers(const posix_spawnattr_t *attributes, short flags)
{
	sigset_t defaults;

	sigemptyset(&defaults);
	if (flags & POSIX_SPAWN_SETSIGDEF)
		posix_spawnattr_getsigdefault(attributes, &defaults);
	for (int i = 1; i < _NSIG; i++) {
		struct { void (*handler)(int); unsigned long flags; void (*restorer)(void); uint64_t mask; } action;

		if (raw(SYS_rt_sigaction, i, NULL, &action, 8) < 0 || action.handler == SIG_DFL)
			continue;
		/* No handler of the parent's may run here; what is ignored stays ignored. */
		if (action.handler == SIG_IGN && !sigismember(&defaults, i))
			continue;
		memset(&action, 0, sizeof action);
		raw(SYS_rt_sigaction, i, &action, NULL, 8);
	}
	return 0;
}

static int apply_attributes(const posix_spawnattr_t *attributes, short flags)
{
	struct sched_param param;
	int policy;
	pid_t group;

	reset_handlers(attributes, flags);
	if (flags & (POSIX_SPAWN_SETSCHEDPARAM | POSIX_SPAWN_SETSCHEDULER)) {
		posix_spawnattr_getschedparam(attributes, &param);
		posix_spawnattr_getschedpolicy(attributes, &policy);
		if (flags & POSIX_SPAWN_SETSCHEDULER ? sched_setscheduler(0, policy, &param) : sched_setparam(0, &param))
			return -1;
	}
	if ((flags & POSIX_SPAWN_SETSID) && setsid() < 0)
		return -1;
	if (flags & POSIX_SPAWN_SETPGROUP) {
		posix_spawnattr_getpgroup(attributes, &group);
		if (setpgid(0, group))
			return -1;
	}
	if (flags & POSIX_SPAWN_RESETIDS) {
		/* By the system itself: the C library would look for other threads. */
		if (finish(raw(SYS_setresuid, -1, getuid(), -1)) || finish(raw(SYS_setresgid, -1, getgid(), -1)))
			return -1;
	}
	return 0;
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

static int apply(const struct __spawn_action *action)
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

/* As execvp, but a file that is no program is not given to a shell. */
static void search(const struct spawn *spawn)
{
	const char *path = getenv("PATH"), *end;
	size_t length = strlen(spawn->file);
	bool denied = false;
	char file[PATH_MAX];

	for (path = path ? path : "/bin:/usr/bin";; path = end + 1) {
		end = strchrnul(path, ':');
		if ((size_t)(end - path) + length + 2 <= sizeof file) {
			char *at = mempcpy(file, path, (size_t)(end - path));

			if (at > file)
				*at++ = '/';
			memcpy(at, spawn->file, length + 1);
			execve(file, spawn->argv, spawn->envp);
			if (errno == EACCES)
				denied = true;
			else if (errno != ENOENT && errno != ENOTDIR && errno != ESTALE && errno != ENODEV && errno != ETIMEDOUT)
				return;
		}
		if (!*end)
			break;
	}
	errno = denied ? EACCES : ENOENT;
}

static void run_child(const struct spawn *spawn)
{
	sigset_t mask = spawn->mask;
	short flags = 0;

	if (spawn->attributes)
		posix_spawnattr_getflags(spawn->attributes, &flags);
	if (apply_attributes(spawn->attributes, flags))
		return;
	for (int i = 0; i < spawn->actions->__used; i++)
		if (apply(&spawn->actions->__actions[i]) < 0)
			return;
	if (flags & POSIX_SPAWN_SETSIGMASK)
		posix_spawnattr_getsigmask(spawn->attributes, &mask);
	raw(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
	if (spawn->searches && !strchr(spawn->file, '/') && *spawn->file)
		search(spawn);
	else
		execve(spawn->file, spawn->argv, spawn->envp);
}

/*
 * The child tells its error by memory that both have, so that no descriptor is in
 * the way of the actions; the parent goes on when the child executes or ends.
 */
static int spawn_ours(pid_t *pid, struct spawn *spawn)
{
	uint64_t all = ~0ull;
	long page = raw(SYS_mmap, NULL, IO_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), child;
	int *error = (int *)page, result;

	if (is_error(page))
		return ENOMEM;
	sigemptyset(&spawn->mask);
	raw(SYS_rt_sigprocmask, SIG_BLOCK, &all, &spawn->mask, 8);
	child = raw(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
	if (child == 0) {
		errno = 0;
		run_child(spawn);
		*error = errno ? errno : ECHILD;
		raw(SYS_exit_group, 127);
	}
	result = child < 0 ? (int)-child : *error;
	if (child > 0 && result)
		raw(SYS_wait4, child, NULL, 0, NULL);
	else if (child > 0 && pid)
		*pid = (pid_t)child;
	raw(SYS_rt_sigprocmask, SIG_SETMASK, &spawn->mask, NULL, 8);
	raw(SYS_munmap, page, IO_PAGE);
	if (result == 0)
		report("posix_spawn(\"%s\") = 0, process %ld", spawn->file, child);
	return result;
}

#define SPAWN(name, by_path)                                                                                            \
	EXPORT int name(pid_t *restrict pid, const char *restrict file, const posix_spawn_file_actions_t *actions,      \
			const posix_spawnattr_t *restrict attributes, char *const argv[restrict], char *const envp[restrict]) \
	{                                                                                                               \
		if (opens_emulated(actions)) {                                                                          \
			struct spawn spawn = { .file = file, .searches = by_path, .actions = actions,                   \
					       .attributes = attributes, .argv = argv, .envp = envp };                  \
			return spawn_ours(pid, &spawn);                                                                 \
		}                                                                                                       \
		WITH_ENVIRONMENT(envp, NEXT(name)(pid, file, actions, attributes, argv, environment_));                 \
	}

SPAWN(posix_spawn, false)
SPAWN(posix_spawnp, true)
