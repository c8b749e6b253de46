/*
 * Calls of all kinds on buffers, sync files and epoll sets. Says for each how it went,
 * and goes on with what it has. Run again and again, with one more service failing.
 * With an argument: one wait for an hour of work.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/sync_file.h>
#include <linux/types.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of test/dma-buf/fence-device.ts. */
struct submit {
	__s32 fd;
	__u32 usage;
	__u32 line;
	__s32 error;
	__u64 duration_ns;
};
#define HOUR (3600ull * 1000000000)
#define SUBMIT _IOW('F', 1, struct submit)

static long told(const char *what, long result)
{
	printf("%s %s\n", what, result < 0 ? strerrorname_np(errno) : "ok");
	return result;
}

static int buffer(int heap)
{
	struct dma_heap_allocation_data d = { .len = 8192, .fd_flags = O_RDWR | O_CLOEXEC };

	return told("alloc", ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &d)) < 0 ? -1 : (int)d.fd;
}

static void submit(int device, int fd, int line, __u64 duration_ns)
{
	struct submit work = { .fd = fd, .usage = 1, .line = line, .duration_ns = duration_ns };

	told("submit", ioctl(device, SUBMIT, &work));
}

int main(int count, char **arguments)
{
	int heap = told("open", open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC));
	int device = told("open", open("/dev/lines", O_RDWR | O_CLOEXEC));
	int fd = buffer(heap), other = buffer(heap), set, merged;
	struct dma_buf_export_sync_file one = { .flags = DMA_BUF_SYNC_RW, .fd = -1 };
	struct dma_buf_export_sync_file two = { .flags = DMA_BUF_SYNC_RW, .fd = -1 };
	struct dma_buf_import_sync_file import = { .flags = DMA_BUF_SYNC_WRITE, .fd = -1 };
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	struct sync_merge_data merge = { .name = "both", .fence = -1 };
	struct sync_fence_info list[4];
	struct sync_file_info info = { .num_fences = 4, .sync_fence_info = (uintptr_t)list };
	struct epoll_event event = { .events = EPOLLIN };
	struct pollfd wait = { .events = POLLIN };
	void *at;

	(void)arguments;
	if (count > 1) {
		submit(device, fd, 0, HOUR);
		told("SYNC", ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync));
		return 0;
	}
	told("name", ioctl(fd, DMA_BUF_SET_NAME, "frame"));
	at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (told("mmap", at == MAP_FAILED ? -1 : 0) == 0)
		memset(at, 1, 8192);
	/* So long that nothing ends before SYNC waits for it, however slow the host is. */
	submit(device, fd, 0, HOUR);
	submit(device, other, 1, HOUR);
	told("export", ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &one));
	told("export", ioctl(other, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &two));
	merge.fd2 = two.fd;
	merged = told("merge", ioctl(one.fd, SYNC_IOC_MERGE, &merge)) < 0 ? -1 : merge.fence;
	told("info", ioctl(merged, SYNC_IOC_FILE_INFO, &info));
	import.fd = merged;
	told("import", ioctl(fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &import));
	set = told("epoll_create1", epoll_create1(EPOLL_CLOEXEC));
	told("epoll_ctl", epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
	told("SYNC", ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync));
	told("epoll_wait", epoll_wait(set, &event, 1, 50));
	wait.fd = merged;
	told("poll", poll(&wait, 1, 50));
	told("dup", dup(merged));
	told("close", close(fd));
	return 0;
}
