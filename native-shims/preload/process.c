/* New processes and programs: they find the server, too. */
#include "environment.h"
#include <stdarg.h>
#include <unistd.h>

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

EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	note_unserved(path);
	WITH_ENVIRONMENT(envp, NEXT(execve)(path, argv, environment_));
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
	WITH_ENVIRONMENT(envp, NEXT(execvpe)(file, argv, environment_));
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	/* Only a regular file can be a program. */
	if (handle_of(fd)) {
		errno = EACCES;
		return -1;
	}
	WITH_ENVIRONMENT(envp, NEXT(fexecve)(fd, argv, environment_));
}

/* Not in the headers of older C libraries. */
int execveat(int dirfd, const char *path, char *const argv[], char *const envp[], int flags);

EXPORT int execveat(int dirfd, const char *path, char *const argv[], char *const envp[], int flags)
{
	WITH_ENVIRONMENT(envp, NEXT(execveat)(dirfd, path, argv, environment_, flags));
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
