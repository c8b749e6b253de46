/*
 * Which epoll descriptor has which set of the server (epoll.c), and when a set ends:
 * with our read end of its pipe, which is closed with the last descriptor that
 * watches it.
 */
#include "client.h"
#include <fcntl.h>
#include <sys/epoll.h>

/* Sets that a process can have. */
#define WATCHES 1024

struct watch {
	/* The read end; 0 is a free entry, -1 one that is being made. */
	int fd;
	uint32_t set;
	/* A descriptor that watched it when we last looked. */
	int epfd;
};

static struct watch watches[WATCHES];
/* Entries from here on were never used. */
static int watches_end;

static uint64_t marker(uint32_t set)
{
	return (uint64_t)IO_EPOLL_MAGIC << 32 | set;
}

/* Whether a descriptor watches a set. The truth is in the kernel: all epoll descriptors share one inode. */
static bool watches_it(int epfd, const struct watch *w)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = marker(w->set) };

	return raw(SYS_epoll_ctl, epfd, EPOLL_CTL_MOD, w->fd, &event) == 0;
}

#define EACH_WATCH(w)                                                                                                   \
	for (struct watch *w = watches, *end_ = watches + __atomic_load_n(&watches_end, __ATOMIC_ACQUIRE); w < end_; w++)       \
		if (__atomic_load_n(&w->fd, __ATOMIC_ACQUIRE) > 0)

static void keep(struct watch *w, uint32_t set, int epfd)
{
	int end = __atomic_load_n(&watches_end, __ATOMIC_RELAXED);

	w->set = set;
	w->epfd = epfd;
	while (end <= w - watches &&
	       !__atomic_compare_exchange_n(&watches_end, &end, (int)(w - watches) + 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

static void drop(struct watch *w)
{
	end_own(&w->fd);
	__atomic_store_n(&w->fd, 0, __ATOMIC_RELEASE);
}

long watch_set(int epfd, uint32_t set, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = marker(set) };
	struct watch *w = watches;
	long result;
	int none = 0;

	while (w < watches + WATCHES && !__atomic_compare_exchange_n(&w->fd, &none, -1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		none = 0;
		w++;
	}
	if (w == watches + WATCHES) {
		raw(SYS_close, fd);
		return -ENOSPC;
	}
	make_own(fd, &w->fd);
	result = raw(SYS_epoll_ctl, epfd, EPOLL_CTL_ADD, w->fd, &event);
	if (result == 0)
		keep(w, set, epfd);
	else
		drop(w);
	return result;
}

uint32_t set_of(int epfd)
{
	EACH_WATCH(w)
		if (w->epfd == epfd && watches_it(epfd, w))
			return w->set;
	EACH_WATCH(w)
		if (watches_it(epfd, w)) {
			w->epfd = epfd;
			return w->set;
		}
	return 0;
}

/* ---- the end of a descriptor ------------------------------------------------------ */

struct entry {
	uint64_t ino;
	int64_t next;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* Another descriptor that watches a set; -1 when there is none. */
static int another(const struct watch *w)
{
	char buffer[2048] __attribute__((aligned(8)));
	long fd = raw(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n;
	int found = fd < 0 ? w->epfd : -1;

	while (fd >= 0 && found < 0 && (n = raw(SYS_getdents64, fd, buffer, sizeof buffer)) > 0) {
		for (long at = 0; at < n && found < 0; at += ((struct entry *)(buffer + at))->length) {
			const char *name = ((struct entry *)(buffer + at))->name;
			int number = 0;

			while (*name >= '0' && *name <= '9')
				number = 10 * number + *name++ - '0';
			if (!*name && watches_it(number, w))
				found = number;
		}
	}
	if (fd >= 0)
		raw(SYS_close, fd);
	return found;
}

/* A set without a descriptor ends with our read end. */
static void look_after(struct watch *w)
{
	int other;

	if (watches_it(w->epfd, w))
		return;
	other = another(w);
	if (other >= 0) {
		w->epfd = other;
		return;
	}
	drop(w);
}

void epoll_closed(int fd)
{
	EACH_WATCH(w)
		if (w->epfd == fd)
			look_after(w);
}

void epolls_changed(void)
{
	EACH_WATCH(w)
		look_after(w);
}
