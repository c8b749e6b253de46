/*
 * posix_spawn. The C library does what a spawn's file actions say past the dynamic
 * linker, so a spawn that opens an emulated path is done here: a copy of this
 * process does the actions by our own calls, and executes the program.
 */
#include "environment.h"
#include "spawn-actions.h"
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static bool opens_emulated(const posix_spawn_file_actions_t *actions)
{
	char absolute[PATH_MAX];
	bool has_moved = false;

	if (!door()->open || !actions || !are_records_known())
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

/* Whether the attributes ask only for what is done here. What later C libraries add is left to them. */
static bool are_attributes_known(const posix_spawnattr_t *attributes)
{
	const short all = POSIX_SPAWN_RESETIDS | POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
			  POSIX_SPAWN_SETSCHEDPARAM | POSIX_SPAWN_SETSCHEDULER | POSIX_SPAWN_USEVFORK | POSIX_SPAWN_SETSID;
	short flags = 0;

	if (attributes)
		posix_spawnattr_getflags(attributes, &flags);
	return !(flags & ~all);
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

static void reset_handlers(const posix_spawnattr_t *attributes, short flags)
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
		if (apply_action(&spawn->actions->__actions[i]) < 0)
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
		if (opens_emulated(actions) && are_attributes_known(attributes)) {						\
			struct spawn spawn = { .file = file, .searches = by_path, .actions = actions,                   \
					       .attributes = attributes, .argv = argv, .envp = envp };                  \
			return spawn_ours(pid, &spawn);                                                                 \
		}                                                                                                       \
		WITH_ENVIRONMENT(envp, NEXT(name)(pid, file, actions, attributes, argv, environment_));                 \
	}

SPAWN(posix_spawn, false)
SPAWN(posix_spawnp, true)
