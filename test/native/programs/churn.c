/*
 * All kinds of calls on nodes, in an order that a seed chooses, with the results
 * checked: churn SEED CALLS [THREADS]. 0 calls: until killed. Writes a byte to
 * standard output after every eighth call when that is no terminal. Says the first
 * wrong result on standard error, and ends with status 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NODE "/dev/dma_heap/system"
#define SIZE 8192
#define KINDS 9

static long calls;
static bool tells;

#define CHECK(what)                                                                                                     \
	do {                                                                                                            \
		if (!(what)) {                                                                                          \
			dprintf(2, "churn: %s is wrong: %s\n", #what, strerror(errno));                                 \
			_exit(1);                                                                                       \
		}                                                                                                       \
	} while (0)

static int buffer(int heap)
{
	struct dma_heap_allocation_data d = { .len = SIZE, .fd_flags = O_RDWR | O_CLOEXEC };

	CHECK(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &d) == 0);
	return (int)d.fd;
}

static int sync_file(int fd)
{
	struct dma_buf_export_sync_file e = { .flags = DMA_BUF_SYNC_RW };

	CHECK(ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &e) == 0);
	return e.fd;
}

static void info(int buf)
{
	struct sync_fence_info list[2];
	struct sync_file_info i = { .num_fences = 2, .sync_fence_info = (uintptr_t)list };
	int fd = sync_file(buf);

	CHECK(ioctl(fd, SYNC_IOC_FILE_INFO, &i) == 0);
	CHECK(i.status == 1 && i.num_fences == 1 && list[0].status == 1);
	close(fd);
}

static void merge(int buf)
{
	int one = sync_file(buf), two = sync_file(buf);
	struct sync_merge_data m = { .name = "churn", .fd2 = two };

	CHECK(ioctl(one, SYNC_IOC_MERGE, &m) == 0);
	CHECK(m.fence != one && m.fence != two);
	close(one);
	close(two);
	close(m.fence);
}

static void map(int buf, unsigned char mark)
{
	unsigned char *a = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0), *b;

	CHECK(a != MAP_FAILED);
	memset(a, mark, SIZE);
	b = mmap(NULL, SIZE / 2, PROT_READ, MAP_SHARED, buf, SIZE / 2);
	CHECK(b != MAP_FAILED && b[0] == mark);
	munmap(a, SIZE);
	munmap(b, SIZE / 2);
}

static void copies(int buf)
{
	int copy = dup(buf), other = fcntl(buf, F_DUPFD_CLOEXEC, 30);

	CHECK(lseek(copy, 0, SEEK_END) == SIZE && lseek(other, 0, SEEK_END) == SIZE);
	close(copy);
	close(other);
}

static void attributes(int buf)
{
	struct stat st;

	CHECK(stat(NODE, &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(fstat(buf, &st) == 0 && st.st_size == SIZE);
	CHECK(access("/dev/dma_heap/no-such", F_OK) == -1 && errno == ENOENT);
}

static void errors(int heap, int buf)
{
	struct dma_heap_allocation_data d = { .len = 0 };
	char c;

	CHECK(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &d) == -1 && errno == EINVAL);
	CHECK(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, (void *)8) == -1 && errno == EFAULT);
	CHECK(ioctl(buf, SYNC_IOC_FILE_INFO, &d) == -1 && errno == ENOTTY);
	CHECK(read(heap, &c, 1) == -1 && errno == EINVAL);
}

static void one(unsigned kind, int heap, int buf, unsigned char mark)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	struct pollfd ready = { .fd = buf, .events = POLLIN | POLLOUT };

	switch (kind) {
	case 0:
		close(open(NODE, O_RDONLY | O_CLOEXEC));
		break;
	case 1:
		close(buffer(heap));
		break;
	case 2:
		CHECK(ioctl(buf, DMA_BUF_IOCTL_SYNC, &sync) == 0);
		sync.flags ^= DMA_BUF_SYNC_END;
		CHECK(ioctl(buf, DMA_BUF_IOCTL_SYNC, &sync) == 0);
		break;
	case 3:
		info(buf);
		break;
	case 4:
		merge(buf);
		break;
	case 5:
		map(buf, mark);
		break;
	case 6:
		copies(buf);
		break;
	case 7:
		CHECK(poll(&ready, 1, -1) == 1 && ready.revents == (POLLIN | POLLOUT));
		attributes(buf);
		break;
	default:
		errors(heap, buf);
	}
}

static void *churn(void *seed)
{
	unsigned state = (unsigned)(uintptr_t)seed * 2654435761u + 1;
	int heap = open(NODE, O_RDWR | O_CLOEXEC), buf = buffer(heap);

	CHECK(heap >= 0);
	for (long i = 0; calls == 0 || i < calls; i++) {
		one(rand_r(&state) / 7 % KINDS, heap, buf, (unsigned char)i);
		if (tells && i % 8 == 7)
			CHECK(write(1, ".", 1) == 1);
	}
	close(buf);
	close(heap);
	return NULL;
}

int main(int argc, char **argv)
{
	long seed = argc > 1 ? atol(argv[1]) : 1, threads = argc > 3 ? atol(argv[3]) : 1;
	pthread_t all[threads];

	calls = argc > 2 ? atol(argv[2]) : 100;
	tells = calls == 0;
	for (long t = 0; t < threads; t++)
		CHECK(pthread_create(&all[t], NULL, churn, (void *)(uintptr_t)(seed + t)) == 0);
	for (long t = 0; t < threads; t++)
		pthread_join(all[t], NULL);
	return 0;
}
