/*
 * A program that makes every call with every kind of wrong argument, while another
 * of its threads takes the memory away and changes what stands there: random, by
 * seed. hostile-calls SEED CALLS. What the calls answer does not matter here; that
 * they do, and that no signal comes of it, does.
 */
#include "hostile.h"
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#ifndef SYNC_IOC_SET_DEADLINE
#define SYNC_IOC_SET_DEADLINE _IOC(_IOC_WRITE, '>', 5, 16)
#endif

static uint32_t some_request(void)
{
	static const uint32_t known[] = {
		DMA_HEAP_IOCTL_ALLOC, DMA_BUF_IOCTL_SYNC, DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B, DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
		DMA_BUF_IOCTL_IMPORT_SYNC_FILE, SYNC_IOC_MERGE, SYNC_IOC_FILE_INFO, SYNC_IOC_SET_DEADLINE, FIOCLEX, FIONCLEX, FIONBIO, FIOASYNC,
		FIONREAD, FIOQSIZE, 1, 2,
	};

	switch (draw(4)) {
	case 0:
		return _IOC(draw(4), "bH>T"[draw(4)], draw(16), draw(1 << 14));
	case 1:
		return draw(1u << 27) << draw(6);
	default:
		return known[draw(sizeof known / sizeof *known)];
	}
}

static void call_ioctl(void)
{
	int64_t words[12];
	struct dma_heap_allocation_data d = { .len = draw(1 << 16), .fd_flags = O_RDWR };

	for (int i = 0; i < 12; i++)
		words[i] = odd_value();
	if (draw(3) == 0) {
		/* One that can succeed, so that there is something to work on. */
		if (ioctl(some_fd(), DMA_HEAP_IOCTL_ALLOC, &d) == 0)
			keep((int)d.fd);
		return;
	}
	ioctl(some_fd(), (unsigned long)some_request() | (draw(4) ? 0 : (unsigned long)draw(1 << 16) << 32), pointer(words, sizeof words));
}

static void call_map(void)
{
	size_t length = (size_t)(draw(2) ? odd_value() : draw(1 << 16));
	int flags = (draw(2) ? MAP_SHARED : (int)odd_value()) & ~(MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE);
	void *at = mmap(pointer(NULL, 0), length, (int)draw(8), flags, some_fd(), draw(2) ? 0 : (off_t)odd_value());

	if (at != MAP_FAILED)
		munmap(at, length);
}

static void call_bytes(void)
{
	int fd = some_fd();
	size_t length = (size_t)odd_value();

	switch (draw(8)) {
	case 0:
		if (read(fd, pointer(NULL, 0), length) < 0)
			return;
		break;
	case 1:
		if (write(fd, pointer(NULL, 0), length) < 0)
			return;
		break;
	case 2:
		if (pread(fd, pointer(NULL, 0), length, odd_value()) < 0)
			return;
		break;
	case 3:
		if (pwrite(fd, pointer(NULL, 0), length, odd_value()) < 0)
			return;
		break;
	case 4:
		lseek(fd, odd_value(), (int)draw(7) - 1);
		break;
	case 5:
		if (ftruncate(fd, odd_value()))
			return;
		break;
	case 6:
		fallocate(fd, (int)odd_value(), odd_value(), odd_value());
		break;
	default:
		fsync(fd);
	}
}

static void call_control(void)
{
	int command = (int)(draw(2) ? draw(40) : 1024 + draw(20)), fd = some_fd();
	int made = fcntl(fd, command, (long)odd_value());

	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		keep(made);
}

static void call_path(void)
{
	static const char *const paths[] = {
		"/dev/dma_heap/system", "/dev/dma_heap", "/dev/dma_heap/", "/dev/dma_heap/../dma_heap/system", "/dev/dma_heap/no-such", "/dev/dma_heap/system/below",
	};
	const char *path = paths[draw(6)];
	struct stat st;

	switch (draw(6)) {
	case 0:
		stat(path, draw(2) ? &st : pointer(NULL, 0));
		break;
	case 1:
		fstat(some_fd(), draw(2) ? &st : pointer(NULL, 0));
		break;
	case 2:
		if (access(path, (int)odd_value()))
			break;
		break;
	case 3:
		open((const char *)(uintptr_t)(draw(2) ? 8 : 0xffff800000000000), O_RDWR);
		break;
	default:
		keep(open(path, (draw(2) ? O_RDWR : (int)odd_value()) & ~(O_CREAT | O_TMPFILE)));
	}
}

static void call_poll(void)
{
	struct pollfd entries[8];

	for (int i = 0; i < 8; i++)
		entries[i] = (struct pollfd){ .fd = some_fd(), .events = (short)odd_value() };
	poll(entries, draw(9), 0);
}

static void call_copies(void)
{
	int fd = some_fd();

	if (draw(2))
		keep(dup(fd));
	else if (draw(2))
		close(fds[draw(FDS)]);
	else
		dup2(fd, fds[draw(FDS)]);
}

int main(int argc, char **argv)
{
	static void (*const kinds[])(void) = { call_ioctl, call_ioctl, call_ioctl, call_map, call_bytes, call_control, call_path, call_poll, call_copies };

	return be_hostile(argc, argv, kinds, sizeof kinds / sizeof *kinds);
}
