/*
 * Memory files and their lives: made here, handed to programs re-opened, watched
 * until the last description anywhere is gone. Numbers are descriptors; a
 * negative result is an errno.
 */
#include "addon.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The limit on descriptors, and how many below it files and connections leave to Node and to short-lived ones. */
static rlim_t file_limit = RLIM_INFINITY;
#define SPARE 64

/* A descriptor for the long run: closed again, and EMFILE, when it is one of the last. */
static int for_long(int fd)
{
	if (fd < 0 || (rlim_t)fd + SPARE < file_limit)
		return fd;
	close(fd);
	errno = EMFILE;
	return -1;
}

/*
 * memfd(name, size). A file with a size keeps it for good: a program that has it
 * cannot make the server fault by cutting it.
 */
static napi_value memfd(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	size_t argc = 2;
	char name[249];
	double size = 0;
	int fd;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	napi_get_value_string_utf8(env, argv[0], name, sizeof name, NULL);
	napi_get_value_double(env, argv[1], &size);
	fd = for_long(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
	if (fd >= 0 && size > 0 &&
	    (ftruncate(fd, (off_t)size) != 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)) {
		int e = errno;

		close(fd);
		errno = e;
		fd = -1;
	}
	return outcome(env, fd);
}

/* reopen(fd, flags): another description of the same inode, close-on-exec. */
static napi_value reopen(napi_env env, napi_callback_info info)
{
	double a[2];
	char path[64];

	numbers(env, info, a, 2);
	snprintf(path, sizeof path, "/proc/self/fd/%d", (int)a[0]);
	return outcome(env, for_long(open(path, (int)a[1] | O_CLOEXEC)));
}

static napi_value close_fd(napi_env env, napi_callback_info info)
{
	double a[1];

	numbers(env, info, a, 1);
	return outcome(env, close((int)a[0]));
}

/* identity(fd): [st_dev, st_ino]. */
static napi_value identity(napi_env env, napi_callback_info info)
{
	double a[1];
	struct stat st;
	napi_value out;

	numbers(env, info, a, 1);
	if (fstat((int)a[0], &st) != 0)
		return outcome(env, -1);
	napi_create_array_with_length(env, 2, &out);
	napi_set_element(env, out, 0, number(env, (double)st.st_dev));
	napi_set_element(env, out, 1, number(env, (double)st.st_ino));
	return out;
}

/* map(fd, length, offset): the file's memory as an ArrayBuffer, until unmap. */
static napi_value map(napi_env env, napi_callback_info info)
{
	double a[3];
	napi_value out;
	int64_t total;
	void *at;

	numbers(env, info, a, 3);
	at = mmap(NULL, (size_t)a[1], PROT_READ | PROT_WRITE, MAP_SHARED, (int)a[0], (off_t)a[2]);
	if (at == MAP_FAILED)
		return outcome(env, -1);
	if (napi_create_external_arraybuffer(env, at, (size_t)a[1], NULL, NULL, &out) != napi_ok) {
		munmap(at, (size_t)a[1]);
		return number(env, -ENOTSUP);
	}
	/* It is no memory that the garbage collector could free, and so no reason for it to run. */
	napi_adjust_external_memory(env, -(int64_t)a[1], &total);
	return out;
}

/* unmap(buffer): whoever still holds it sees an empty one. */
static napi_value unmap(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	size_t argc = 1, length;
	int64_t total;
	void *at;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	napi_get_arraybuffer_info(env, argv[0], &at, &length);
	napi_adjust_external_memory(env, (int64_t)length, &total);
	napi_detach_arraybuffer(env, argv[0]);
	return outcome(env, munmap(at, length));
}

/* seals(fd): F_GET_SEALS. */
static napi_value seals(napi_env env, napi_callback_info info)
{
	double a[1];

	numbers(env, info, a, 1);
	return outcome(env, fcntl((int)a[0], F_GET_SEALS));
}

static napi_value file_size(napi_env env, napi_callback_info info)
{
	double a[1];
	struct stat st;

	numbers(env, info, a, 1);
	return fstat((int)a[0], &st) != 0 ? outcome(env, -1) : number(env, (double)st.st_size);
}

/* allocate(fd, offset, length): makes the pages of a range that are not there. */
static napi_value allocate(napi_env env, napi_callback_info info)
{
	double a[3];

	numbers(env, info, a, 3);
	return outcome(env, fallocate((int)a[0], FALLOC_FL_KEEP_SIZE, (off_t)a[1], (off_t)a[2]));
}

/*
 * soleHolder(fd): whether no description of the file is open but this one, and
 * nothing maps it but through this one. A write lease is granted exactly then.
 */
static napi_value sole_holder(napi_env env, napi_callback_info info)
{
	double a[1];
	napi_value out;
	int granted;

	numbers(env, info, a, 1);
	granted = fcntl((int)a[0], F_SETLEASE, F_WRLCK) == 0;
	if (granted)
		fcntl((int)a[0], F_SETLEASE, F_UNLCK);
	napi_get_boolean(env, granted, &out);
	return out;
}

static napi_value inotify(napi_env env, napi_callback_info info)
{
	(void)info;
	return outcome(env, inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
}

/* watch(inotify, fd, mask): the watch descriptor. The inode is watched, not the description. */
static napi_value watch(napi_env env, napi_callback_info info)
{
	double a[3];
	char path[64];

	numbers(env, info, a, 3);
	snprintf(path, sizeof path, "/proc/self/fd/%d", (int)a[1]);
	return outcome(env, inotify_add_watch((int)a[0], path, (uint32_t)a[2]));
}

static napi_value unwatch(napi_env env, napi_callback_info info)
{
	double a[2];

	numbers(env, info, a, 2);
	return outcome(env, inotify_rm_watch((int)a[0], (int)a[1]));
}

/* watchEvents(inotify): pairs of watch descriptor and mask, as many as one read gives; null when there is none. */
static napi_value watch_events(napi_env env, napi_callback_info info)
{
	static char buffer[64 * 1024] __attribute__((aligned(8)));
	double a[1];
	napi_value out = NULL;
	ssize_t n;
	uint32_t count = 0;

	numbers(env, info, a, 1);
	n = read((int)a[0], buffer, sizeof buffer);
	if (n <= 0) {
		napi_get_null(env, &out);
		return out;
	}
	napi_create_array(env, &out);
	for (char *p = buffer; p < buffer + n;) {
		struct inotify_event *e = (struct inotify_event *)p;

		napi_set_element(env, out, count++, number(env, e->wd));
		napi_set_element(env, out, count++, number(env, e->mask));
		p += sizeof *e + e->len;
	}
	return out;
}

static napi_value event(napi_env env, napi_callback_info info)
{
	(void)info;
	return outcome(env, for_long(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)));
}

/* signal(eventfd): makes it readable. A program may have filled it, or have it wait: it is readable then, too. */
static napi_value signal_event(napi_env env, napi_callback_info info)
{
	double a[1];
	uint64_t one = 1;
	struct pollfd room = { .events = POLLOUT };

	numbers(env, info, a, 1);
	room.fd = (int)a[0];
	if (poll(&room, 1, 0) != 1)
		return outcome(env, 0);
	return outcome(env, (int)write((int)a[0], &one, sizeof one));
}

/* now(): CLOCK_MONOTONIC in nanoseconds, and realtime(): CLOCK_REALTIME in seconds. */
static napi_value now(napi_env env, napi_callback_info info)
{
	struct timespec t;

	(void)info;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return number(env, (double)t.tv_sec * 1e9 + (double)t.tv_nsec);
}

/* raiseFileLimit(): the soft limit on descriptors becomes the hard one. Returns it. */
static napi_value raise_file_limit(napi_env env, napi_callback_info info)
{
	struct rlimit limit;

	(void)info;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return outcome(env, -1);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return outcome(env, -1);
	file_limit = limit.rlim_cur;
	return number(env, (double)limit.rlim_cur);
}

napi_value init_files(napi_env env, napi_value exports)
{
	static const struct method methods[] = {
		{ "memfd", memfd }, { "reopen", reopen }, { "close", close_fd }, { "identity", identity }, { "map", map },
		{ "unmap", unmap }, { "soleHolder", sole_holder }, { "inotify", inotify }, { "watch", watch },
		{ "unwatch", unwatch }, { "watchEvents", watch_events }, { "event", event }, { "signal", signal_event },
		{ "now", now }, { "seals", seals }, { "fileSize", file_size }, { "allocate", allocate }, { "raiseFileLimit", raise_file_limit },
	};

	return EXPORT(env, exports, methods);
}
