/*
 * One kind of call each, with what it needs before. Run again and again, each time
 * killed one step further, until it gets through: then its exit status is 0.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/sync_file.h>
#include <linux/udmabuf.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NODE "/dev/dma_heap/system"

static int heap(void)
{
	return open(NODE, O_RDWR | O_CLOEXEC);
}

static int buffer(void)
{
	struct dma_heap_allocation_data d = { .len = 8192, .fd_flags = O_RDWR | O_CLOEXEC };

	return ioctl(heap(), DMA_HEAP_IOCTL_ALLOC, &d) ? -1 : (int)d.fd;
}

static int sync_file(int fd)
{
	struct dma_buf_export_sync_file e = { .flags = DMA_BUF_SYNC_RW };

	return ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &e) ? -1 : e.fd;
}

static int run_open(void)
{
	int fd = heap();

	return fd < 0 || close(fd);
}

static int run_info(void)
{
	struct sync_fence_info *list = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sync_file_info info = { .num_fences = 8, .sync_fence_info = (uintptr_t)list };
	int fd = sync_file(buffer());

	return ioctl(fd, SYNC_IOC_FILE_INFO, &info) || info.num_fences != 1 || !list[0].obj_name[0];
}

static int run_merge(void)
{
	int fd = sync_file(buffer());
	struct sync_merge_data merge = { .name = "both", .fd2 = sync_file(buffer()) };

	return ioctl(fd, SYNC_IOC_MERGE, &merge) || close(merge.fence);
}

static int run_mmap(void)
{
	int fd = buffer();
	char *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED || close(fd))
		return 1;
	at[8191] = 1;
	return munmap(at, 8192);
}

static int run_copies(void)
{
	int fd = buffer(), copy = dup(fd), other = fcntl(fd, F_DUPFD_CLOEXEC, 20);
	struct pollfd ready = { .fd = other, .events = POLLIN };

	return close(fd) || dup2(other, copy) != copy || poll(&ready, 1, 0) != 1 || close(copy) || lseek(other, 0, SEEK_END) != 8192;
}

static int run_stat(void)
{
	struct stat st;

	return stat(NODE, &st) || access(NODE, R_OK) || fstat(buffer(), &st);
}

static int run_udmabuf(void)
{
	int fd = memfd_create("steps", MFD_ALLOW_SEALING), node = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), b;
	struct udmabuf_create c = { .memfd = (uint32_t)fd, .size = 8192 };
	char *at;

	if (ftruncate(fd, 8192) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK))
		return 1;
	b = ioctl(node, UDMABUF_CREATE, &c);
	at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, b, 0);
	if (at == MAP_FAILED || close(b) || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0)
		return 1;
	at[4096] = 1;
	return munmap(at, 8192) || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE);
}

/* A child that got the file from us has to prove that it holds it. */
static int run_fork(void)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	int fd = buffer(), status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) || sync_file(fd) < 0);
	return pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} kinds[] = {
		{ "open", run_open }, { "info", run_info }, { "merge", run_merge }, { "mmap", run_mmap },
		{ "copies", run_copies }, { "stat", run_stat }, { "udmabuf", run_udmabuf }, { "fork", run_fork },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (argc > 1 && !strcmp(argv[1], kinds[i].name))
			return kinds[i].run();
	return 2;
}
