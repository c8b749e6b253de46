/* Requests of io_submit: aio.c, aio-contexts.c. */
#ifndef AIO_H
#define AIO_H

#include "preload.h"
#include <linux/aio_abi.h>
#include <time.h>

/* What io_pgetevents(2) takes instead of a set of signals. */
struct aio_sigset {
	const void *mask;
	size_t size;
};

extern const struct aio_sigset no_sigset;

/* The calls. Results are negative errnos, as libaio has them. `set` NULL: io_getevents. */
long aio_submit(uint64_t id, long count, struct iocb **list);
long aio_getevents(uint64_t id, long least, long most, struct io_event *events, const struct timespec *timeout,
		   const struct aio_sigset *set);
long aio_cancel(uint64_t id, struct iocb *request, struct io_event *result);
long aio_destroy(uint64_t id);

/* ---- aio-contexts.c --------------------------------------------------------------------- */

/* A context of the program's with emulated requests. */
struct aio_context {
	/* 0: the entry is free. */
	uint64_t id;
	/* A descriptor of ours, readable while an emulated request has ended. */
	int waker;
	/* The real context watches the waker by this request, while `armed`. */
	uint32_t armed;
	struct iocb watch;
	/* Emulated requests were under way when last asked. */
	uint32_t has_more;
	/* It has had requests on real files, too. Noted only under --time=warp. */
	uint32_t has_real;
};

/* The one of an id, or NULL. */
struct aio_context *aio_context(uint64_t id);
/* The same, made if need be. NULL: there are too many. */
struct aio_context *make_aio_context(uint64_t id);
void end_aio_context(struct aio_context *context);
/* Requests on real files were submitted. */
void note_real_requests(uint64_t id);
/* Has the real context report when an emulated request ends. */
void arm(struct aio_context *context);
/* The real context has reported. */
void disarm(struct aio_context *context);

#endif
