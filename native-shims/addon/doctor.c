/* What "ioctopus doctor" tries of the host, as the library and the server do it. A negative result is an errno. */
#include "addon.h"
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

/* tryOwnMemory(): reads memory of this process by process_vm_readv, as the library does for a program. */
static napi_value try_own_memory(napi_env env, napi_callback_info info)
{
	static const char there[] = "here";
	char here[sizeof there] = { 0 };
	struct iovec local = { here, sizeof here }, remote = { (void *)there, sizeof there };

	(void)info;
	if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != sizeof here)
		return outcome(env, -1);
	return number(env, strcmp(here, there) == 0 ? 0 : -EIO);
}

/* What is known of the other end of a socket: about its process, which is this one, and a pidfd of that. */
static int try_peer(int fd)
{
	struct ucred who = { 0 };
	socklen_t length = sizeof who;
	int pidfd;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) != 0)
		return -errno;
	if (who.pid != getpid())
		return -ESRCH;
	length = sizeof pidfd;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) != 0)
		pidfd = (int)syscall(SYS_pidfd_open, who.pid, 0);
	if (pidfd < 0)
		return -errno;
	close(pidfd);
	return 0;
}

/* tryPeer(): whether a socket tells who is at its other end, so that its end can be watched. */
static napi_value try_peer_of_pair(napi_env env, napi_callback_info info)
{
	int ends[2], result;

	(void)info;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return outcome(env, -1);
	result = try_peer(ends[0]);
	close(ends[0]);
	close(ends[1]);
	return number(env, result);
}

/* From linux/dma-heap.h, which the headers of older distributions do not have. */
struct dma_heap_allocation_data {
	uint64_t len;
	uint32_t fd, fd_flags;
	uint64_t heap_flags;
};
#define DMA_HEAP_IOCTL_ALLOC _IOWR('H', 0, struct dma_heap_allocation_data)

static int use_heap(int heap)
{
	/* Not on the stack: the library reads it in another way. */
	static struct dma_heap_allocation_data data;
	char *at;
	int result = 0;

	data = (struct dma_heap_allocation_data){ .len = 4096, .fd_flags = O_RDWR | O_CLOEXEC };
	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) != 0)
		return -errno;
	at = mmap(NULL, data.len, PROT_READ | PROT_WRITE, MAP_SHARED, (int)data.fd, 0);
	if (at == MAP_FAILED) {
		result = -errno;
	} else {
		at[0] = 1;
		munmap(at, data.len);
	}
	close((int)data.fd);
	return result;
}

/* tryHeap(path): opens a heap, allocates and maps a buffer, and closes both; in a process under the preload library. */
static napi_value try_heap(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	size_t argc = 1;
	char path[256];
	int heap, result;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	napi_get_value_string_utf8(env, argv[0], path, sizeof path, NULL);
	heap = open(path, O_RDWR | O_CLOEXEC);
	if (heap < 0)
		return outcome(env, -1);
	result = use_heap(heap);
	close(heap);
	return number(env, result);
}

napi_value init_doctor(napi_env env, napi_value exports)
{
	static const struct method methods[] = {
		{ "tryOwnMemory", try_own_memory },
		{ "tryPeer", try_peer_of_pair },
		{ "tryHeap", try_heap },
	};

	return EXPORT(env, exports, methods);
}
