/* What the parts of posix_spawn share: the C library's records of file actions. */
#ifndef SPAWN_ACTIONS_H
#define SPAWN_ACTIONS_H

#include "preload.h"
#include <spawn.h>
#include <sys/types.h>

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

/* Whether the records of this C library are as above. */
bool are_records_known(void);
/* Does an action, in the child: 0, or -1 and errno. */
int apply_action(const struct __spawn_action *action);

#endif
