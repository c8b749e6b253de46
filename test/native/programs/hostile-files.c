/*
 * The same for the calls that every file and every mapping has, while signals come
 * all the time. hostile-files SEED CALLS.
 */
#include "hostile.h"
#include <linux/dma-heap.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <time.h>

static int results;

/* The answer does not matter. */
static void ignore(long result)
{
	results += result < 0;
}

static void make_buffer(void)
{
	struct dma_heap_allocation_data d = { .len = PAGE * (1 + draw(4)), .fd_flags = O_RDWR };

	if (ioctl(some_fd(), DMA_HEAP_IOCTL_ALLOC, &d) == 0)
		keep((int)d.fd);
}

static void call_vectors(void)
{
	struct iovec pieces[4];
	int count = draw(3) ? (int)draw(5) : (int)odd_value(), fd = some_fd();
	void *at;

	for (int i = 0; i < 4; i++)
		pieces[i] = (struct iovec){ pointer(NULL, 0), draw(2) ? draw(256) : (size_t)odd_value() };
	at = pointer(pieces, sizeof pieces);
	switch (draw(4)) {
	case 0:
		return ignore(readv(fd, at, count));
	case 1:
		return ignore(writev(fd, at, count));
	case 2:
		return ignore(preadv2(fd, at, count, odd_value(), (int)odd_value()));
	default:
		return ignore(pwritev2(fd, at, count, odd_value(), (int)odd_value()));
	}
}

static void call_two_files(void)
{
	int from = some_fd(), to = some_fd();
	size_t length = draw(2) ? draw(8192) : (size_t)odd_value();
	void *one = draw(2) ? NULL : pointer(NULL, 0), *other = draw(2) ? NULL : pointer(NULL, 0);
	unsigned flags = draw(4) ? draw(16) | SPLICE_F_NONBLOCK : (unsigned)odd_value() | SPLICE_F_NONBLOCK;

	switch (draw(4)) {
	case 0:
		return ignore(sendfile(to, from, one, length));
	case 1:
		return ignore(splice(from, one, to, other, length, flags));
	case 2:
		return ignore(tee(from, to, length, flags));
	default:
		return ignore(copy_file_range(from, one, to, other, length, draw(8) ? 0 : (unsigned)odd_value()));
	}
}

static void call_poll(void)
{
	struct timespec soon = { 0, draw(200000) };
	struct pollfd entries[16];
	void *at;

	for (int i = 0; i < 16; i++)
		entries[i] = (struct pollfd){ some_fd(), (short)(draw(2) ? POLLIN : odd_value()), 0 };
	at = pointer(entries, sizeof entries);
	if (draw(2))
		ignore(ppoll(entries, draw(17), &soon, NULL));
	else
		ignore(ppoll(at, draw(4) ? draw(17) : (nfds_t)odd_value() & 0xffff, &soon, NULL));
}

static void call_select(void)
{
	struct timeval soon = { 0, draw(200) };
	fd_set sets[3];

	for (int i = 0; i < 3; i++) {
		FD_ZERO(&sets[i]);
		for (int k = 0; k < 6; k++) {
			int fd = some_fd();

			if (fd >= 0 && fd < FD_SETSIZE)
				FD_SET(fd, &sets[i]);
		}
	}
	ignore(select(draw(4) ? FD_SETSIZE : (int)draw(FD_SETSIZE), &sets[0], draw(2) ? &sets[1] : pointer(&sets[1], sizeof *sets), draw(2) ? NULL : &sets[2], &soon));
}

static void call_epoll(void)
{
	struct epoll_event event = { .events = (uint32_t)(draw(2) ? EPOLLIN | draw(2) * EPOLLET : odd_value()), .data.u64 = (uint64_t)odd_value() };

	switch (draw(4)) {
	case 0:
		return keep(epoll_create1(draw(2) ? EPOLL_CLOEXEC : 0));
	case 1:
	case 2:
		return ignore(epoll_ctl(some_fd(), 1 + (int)draw(4), some_fd(), draw(2) ? &event : pointer(&event, sizeof event)));
	default:
		return ignore(epoll_wait(some_fd(), pointer(NULL, 0), draw(4) ? (int)draw(20) : (int)odd_value(), (int)draw(2)));
	}
}

/* A mapping, and everything that can be done to one. */
static void call_mapping(void)
{
	size_t length = PAGE * (1 + draw(4)), part = PAGE * draw((uint32_t)(length / PAGE)), next = PAGE * (1 + draw(6));
	char *at = mmap(NULL, length, (int)draw(4), draw(3) ? MAP_SHARED : MAP_PRIVATE, some_fd(), 0), *other;

	if (at == MAP_FAILED)
		return;
	ignore(msync(at, draw(2) ? length : (size_t)odd_value(), (int)draw(8)));
	/* Not those that make or break the host's memory. */
	ignore(madvise(at + part, PAGE, (int)draw(draw(2) ? 5 : 26)));
	ignore(mprotect(at, PAGE, (int)draw(4)));
	ignore(mincore(at, length, pointer(NULL, 0)));
	other = mremap(at, length, next, draw(2) ? MREMAP_MAYMOVE : (int)draw(8) & ~(MREMAP_FIXED | MREMAP_DONTUNMAP));
	munmap(other == MAP_FAILED ? at : other, other == MAP_FAILED ? length : next);
}

static void call_links(void)
{
	char path[64], text[64];
	struct stat st;
	struct statfs fs;

	snprintf(path, sizeof path, draw(4) ? "/proc/self/fd%s/%d" : "/proc/thread-self/fd%s/%d", draw(2) ? "" : "info", some_fd());
	switch (draw(6)) {
	case 0:
		return keep(open(path, (draw(2) ? O_RDWR : (int)odd_value()) & ~(O_CREAT | O_TMPFILE)));
	case 1:
		return ignore(readlink(path, draw(2) ? text : pointer(NULL, 0), draw(2) ? sizeof text : (size_t)odd_value()));
	case 2:
		return ignore(stat(path, draw(2) ? &st : pointer(NULL, 0)));
	case 3:
		return ignore(access(path, (int)draw(9)));
	case 4:
		return ignore(statfs(path, draw(2) ? &fs : pointer(NULL, 0)));
	default:
		return ignore(fstatfs(some_fd(), draw(2) ? &fs : pointer(NULL, 0)));
	}
}

static void call_locks(void)
{
	struct flock lock = { .l_type = (short)draw(4), .l_whence = (short)draw(4), .l_start = odd_value(), .l_len = odd_value() };
	struct timespec times[2] = { { odd_value(), odd_value() }, { 0, UTIME_NOW } };
	int fd = some_fd();

	switch (draw(6)) {
	case 0:
		return ignore(flock(fd, (int)draw(16) | LOCK_NB));
	case 1:
		return ignore(fcntl(fd, draw(2) ? F_SETLK : F_GETLK, draw(2) ? &lock : pointer(&lock, sizeof lock)));
	case 2:
		return ignore(fgetxattr(fd, pointer("user.a", 7), pointer(NULL, 0), (size_t)odd_value()));
	case 3:
		return ignore(fsetxattr(fd, "user.a", pointer(NULL, 0), (size_t)odd_value(), (int)draw(4)));
	case 4:
		return ignore(futimens(fd, times));
	default:
		return ignore(posix_fadvise(fd, odd_value(), odd_value(), (int)draw(9)));
	}
}

/* A descriptor goes through a socket and comes back. */
static void call_messages(void)
{
	int ends[2], fd = some_fd();
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec piece = { &byte, 1 };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		return;
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	if (sendmsg(ends[0], &message, MSG_DONTWAIT) == 1 && draw(4)) {
		message.msg_controllen = sizeof control;
		if (recvmsg(ends[1], &message, MSG_DONTWAIT) == 1 && CMSG_FIRSTHDR(&message)) {
			memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
			keep(fd);
		}
	}
	close(ends[0]);
	close(ends[1]);
}

static void call_copies(void)
{
	int fd = some_fd();

	if (draw(2))
		keep(dup(fd));
	else if (draw(8))
		ignore(dup2(fd, fds[draw(FDS)]));
	else
		ignore(close_range((unsigned)some_fd(), (unsigned)some_fd(), 1u << 5));
}

static void on_signal(int number)
{
	(void)number;
	ignore(lseek(fds[0], 0, SEEK_CUR));
}

int main(int argc, char **argv)
{
	static void (*const kinds[])(void) = {
		make_buffer, make_buffer, call_vectors, call_two_files, call_poll, call_select, call_epoll,
		call_mapping, call_links, call_locks, call_messages, call_copies,
	};
	struct itimerval often = { { 0, 900 }, { 0, 900 } };

	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_signal, .sa_flags = SA_RESTART }, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	return be_hostile(argc, argv, kinds, sizeof kinds / sizeof *kinds);
}
