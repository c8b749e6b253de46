/* What posix_spawn does with a file. Prints a line per question; the answers are the same for every file that keeps bytes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *path, *name, *folder, *self;
static posix_spawn_file_actions_t actions;
static posix_spawnattr_t attributes;
static char *no_environment[] = { "MARK=passed", "PATH=/usr/bin:/bin", NULL };

static void content(void)
{
	char bytes[512];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, bytes, sizeof bytes - 1);

	bytes[n > 0 ? n : 0] = 0;
	printf("%s%s", bytes, n > 0 && bytes[n - 1] == '\n' ? "" : "\n");
	close(fd);
	close(open(path, O_WRONLY | O_TRUNC));
}

static void begin(void)
{
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
}

static void run(const char *question, const char *file, char **argv, int by_path)
{
	int status = -1, result;
	pid_t pid = -1;

	fflush(stdout);
	result = (by_path ? posix_spawnp : posix_spawn)(&pid, file, &actions, &attributes, argv, no_environment);
	if (result == 0)
		waitpid(pid, &status, 0);
	printf("%s: %s, status %d, no child is left: %d, written: ", question, result ? strerrorname_np(result) : "0", status,
	       waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	content();
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
}

#define SHELL(text) (char *[]){ "sh", "-c", text, NULL }
#define OUT(fd, flags) posix_spawn_file_actions_addopen(&actions, fd, path, flags, 0600)

static void files(void)
{
	begin();
	OUT(1, O_WRONLY);
	run("standard output", "/bin/sh", SHELL("echo hello $MARK"), 0);

	begin();
	OUT(1, O_WRONLY);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	run("and error", "sh", SHELL("echo out; echo err >&2"), 1);

	begin();
	OUT(7, O_RDWR);
	posix_spawn_file_actions_adddup2(&actions, 7, 1);
	posix_spawn_file_actions_addclose(&actions, 7);
	run("dup2 and close", "sh", SHELL("echo moved; ls /proc/self/fd | grep -c 7"), 1);

	begin();
	OUT(7, O_WRONLY | O_CLOEXEC);
	posix_spawn_file_actions_adddup2(&actions, 7, 7);
	run("dup2 onto itself keeps it open", "sh", SHELL("echo kept >&7"), 1);

	begin();
	OUT(1, O_WRONLY);
	posix_spawn_file_actions_addclose(&actions, 55);
	run("closing what is not open", "sh", SHELL("echo fine"), 1);

	begin();
	OUT(1, O_WRONLY);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	run("closefrom", "sh", SHELL("ls /proc/self/fd | tr '\\n' ' '"), 1);

	begin();
	posix_spawn_file_actions_addchdir_np(&actions, folder);
	posix_spawn_file_actions_addopen(&actions, 1, name, O_WRONLY, 0);
	run("chdir, and a relative path", "sh", SHELL("pwd | wc -l"), 1);
}

static void failures(void)
{
	begin();
	OUT(1, O_WRONLY);
	run("no such program", "/no/such/program", SHELL("x"), 0);

	begin();
	OUT(1, O_WRONLY);
	run("no such program in PATH", "no-such-program", SHELL("x"), 1);

	begin();
	OUT(1, O_WRONLY);
	run("a program that is none", "/etc/passwd", SHELL("x"), 1);

	begin();
	OUT(1, O_WRONLY | O_DIRECTORY);
	run("an open that fails", "sh", SHELL("echo x"), 1);

	begin();
	OUT(1, O_WRONLY);
	posix_spawn_file_actions_adddup2(&actions, 77, 3);
	run("a dup2 that fails", "sh", SHELL("echo x"), 1);

	begin();
	OUT(1, O_WRONLY);
	posix_spawn_file_actions_addchdir_np(&actions, "/no/such/folder");
	run("a chdir that fails", "sh", SHELL("echo x"), 1);
}

static void handler(int signal)
{
	(void)signal;
}

static void attribute(void)
{
	sigset_t set;

	begin();
	OUT(1, O_WRONLY);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
	run("setsid", self, (char *[]){ "self", "leader", NULL }, 0);

	begin();
	OUT(1, O_WRONLY);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setpgroup(&attributes, 0);
	run("setpgroup", self, (char *[]){ "self", "leader", NULL }, 0);

	signal(SIGUSR1, handler);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGALRM, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	begin();
	OUT(1, O_WRONLY);
	run("signals pass on", self, (char *[]){ "self", "signals", NULL }, 0);

	begin();
	OUT(1, O_WRONLY);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	posix_spawnattr_setsigdefault(&attributes, &set);
	sigaddset(&set, SIGTERM);
	posix_spawnattr_setsigmask(&attributes, &set);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	run("signals are set", self, (char *[]){ "self", "signals", NULL }, 0);
	sigprocmask(SIG_SETMASK, NULL, &set);
	printf("the parent's mask stays: %d %d\n", sigismember(&set, SIGHUP), sigismember(&set, SIGTERM));
}

static int show(const char *what)
{
	if (!strcmp(what, "leader")) {
		printf("group %d, session %d\n", getpgrp() == getpid(), getsid(0) == getpid());
	} else {
		sigset_t mask;

		sigprocmask(SIG_SETMASK, NULL, &mask);
		printf("blocked %d %d %d, ignored %d %d %d\n", sigismember(&mask, SIGHUP), sigismember(&mask, SIGUSR2),
		       sigismember(&mask, SIGTERM), signal(SIGUSR1, SIG_DFL) == SIG_IGN, signal(SIGUSR2, SIG_DFL) == SIG_IGN,
		       signal(SIGALRM, SIG_DFL) == SIG_IGN);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return show(argv[1]);
	self = argv[0];
	folder = argv[1];
	name = argv[2];
	path = argv[3];
	files();
	failures();
	attribute();
	return 0;
}
