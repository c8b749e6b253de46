/* What a program started by us must have in its environment, whatever its maker passes on. */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include "preload.h"

/* The server's place, and ourselves in LD_PRELOAD. */
#define NEEDED 2

/* Entries of an environment, which may be NULL. */
size_t environment_count(char *const *given);
/* Bytes that `complete_environment` needs for text. */
size_t environment_text(char *const *given);
/* The environment itself if nothing is missing, else a copy in `entries` with what is missing; new text goes to `text`. */
char *const *complete_environment(char *const *given, char **entries, char *text);

/*
 * Calls exec with an environment that leads to the server. The copy is on the
 * stack: exec may be called after fork in a threaded program, where there is no
 * heap.
 */
#define WITH_ENVIRONMENT(given, use)                                                                                    \
	do {                                                                                                            \
		char *entries_[environment_count(given) + NEEDED + 1], text_[environment_text(given)];                  \
		char *const *environment_ = door()->open ? complete_environment(given, entries_, text_) : (given);      \
		return use;                                                                                             \
	} while (0)

#endif
