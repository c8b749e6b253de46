/* New processes and programs: they find the server, too. */
#include "preload.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

EXPORT pid_t fork(void)
{
	pid_t pid = NEXT(fork)();

	STEP();
	if (pid > 0)
		report("fork() = %d", pid);
	return pid;
}

/* A vfork child shares our memory but not the descriptors, so that the table would lie to one of the two. */
EXPORT pid_t vfork(void)
{
	return fork();
}

/* What a program started by us must have in its environment. */
static const char *const needed[] = { IO_ENVIRONMENT "=", "LD_PRELOAD=" };
#define NEEDED 2

static const char *find(char *const *environment, const char *name)
{
	for (; environment && *environment; environment++)
		if (!strncmp(*environment, name, strlen(name)))
			return *environment;
	return NULL;
}

static char *own[NEEDED];

__attribute__((constructor)) static void keep_environment(void)
{
	if (!getenv(IO_ENVIRONMENT))
		return;
	for (int i = 0; i < NEEDED; i++) {
		const char *value = find(environ, needed[i]);

		own[i] = value ? strdup(value) : NULL;
	}
}

/*
 * Calls exec with an environment that leads to the server, for programs that pass
 * one of their own making. The copy is on the stack: exec may be called after
 * fork in a threaded program, where there is no heap.
 */
#define WITH_ENVIRONMENT(given, use)                                                                                    \
	do {                                                                                                            \
		size_t n_ = 0, missing_ = 0;                                                                            \
		while ((given) && (given)[n_])                                                                          \
			n_++;                                                                                           \
		char *all_[n_ + NEEDED + 1];                                                                            \
		for (size_t i_ = 0; i_ < n_; i_++)                                                                      \
			all_[i_] = (given)[i_];                                                                         \
		for (int i_ = 0; i_ < NEEDED; i_++)                                                                     \
			if (own[i_] && !find(given, needed[i_]))                                                        \
				all_[n_ + missing_++] = own[i_];                                                        \
		all_[n_ + missing_] = NULL;                                                                             \
		char *const *environment_ = missing_ ? all_ : (given);                                                  \
		return use;                                                                                             \
	} while (0)

EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	WITH_ENVIRONMENT(envp, NEXT(execve)(path, argv, environment_));
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
	WITH_ENVIRONMENT(envp, NEXT(execvpe)(file, argv, environment_));
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	WITH_ENVIRONMENT(envp, NEXT(fexecve)(fd, argv, environment_));
}

EXPORT int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

EXPORT int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

/* The forms that take their arguments one by one. */
#define COLLECT(first, ap)                                                                                              \
	size_t count = 1;                                                                                               \
	va_start(ap, first);                                                                                            \
	while (va_arg(ap, char *))                                                                                      \
		count++;                                                                                                \
	va_end(ap);                                                                                                     \
	char *argv[count + 1];                                                                                          \
	argv[0] = (char *)first;                                                                                        \
	va_start(ap, first);                                                                                            \
	for (size_t i = 1; i <= count; i++)                                                                             \
		argv[i] = va_arg(ap, char *)

EXPORT int execl(const char *path, const char *first, ...)
{
	va_list ap;

	COLLECT(first, ap);
	va_end(ap);
	return execve(path, argv, environ);
}

EXPORT int execlp(const char *file, const char *first, ...)
{
	va_list ap;

	COLLECT(first, ap);
	va_end(ap);
	return execvpe(file, argv, environ);
}

EXPORT int execle(const char *path, const char *first, ...)
{
	va_list ap;
	char *const *envp;

	COLLECT(first, ap);
	envp = va_arg(ap, char *const *);
	va_end(ap);
	return execve(path, argv, envp);
}
