/*
 * Requests under way, one for each thread of the loop, in memory that JavaScript sees as doubles: what fuse-native does not hand on,
 * or not exactly. src/doors/fuse/shim.ts has the same words.
 */
#ifndef REQUESTS_H
#define REQUESTS_H

#include "libfuse2.h"
#include <node_api.h>
#include <stdbool.h>

/* Threads, and so requests at a time. The ones beyond wait in the kernel. */
#define REQUESTS_MAX 4096

enum word {
	/* By the kernel, before the operation: */
	WORD_INTERRUPTED, /* a signal came for the caller, or it was killed */
	WORD_PID,	  /* the calling thread */
	/* By the operation, before JavaScript is asked: */
	WORD_HANDLE, /* fuse_file_info.fh, or -1 */
	WORD_FLAGS,  /* open(2) flags of the file as they are now */
	/* Times: given to utimens, and the answer of getattr */
	WORD_ATIME_SEC,
	WORD_ATIME_NSEC,
	WORD_MTIME_SEC,
	WORD_MTIME_NSEC,
	WORD_CTIME_SEC,
	WORD_CTIME_NSEC,
	WORDS = 16,
};

/* The calling thread's own, within an operation. */
extern _Thread_local volatile double *request;
extern _Thread_local unsigned int request_number;

extern double requests[REQUESTS_MAX][WORDS];

/* The function behind a symbol of libfuse, of the version that it came with; NULL when that is not there. */
void *libfuse(const char *symbol, const char *version);

/* Calls JavaScript from any thread: something was interrupted, or the loop has ended. */
void notify(void);

/* For the operations: false when JavaScript must not be asked any more. */
bool enter(void);
void leave(void);

extern unsigned int operations_inside;
extern bool operations_stopped;
extern bool loop_ended;

#endif
