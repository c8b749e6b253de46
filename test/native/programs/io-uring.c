/* Reads 16 bytes of each file by io_uring. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct io_uring_params params;
static int ring;

static void *part(size_t size, off_t which)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, which);
}

int main(int argc, char **argv)
{
	struct io_uring_sqe *request;
	char *sq, *cq, bytes[16];

	ring = (int)syscall(SYS_io_uring_setup, 1, &params);
	if (ring < 0) {
		printf("setup: %s\n", strerrorname_np(errno));
		return 0;
	}
	sq = part(params.sq_off.array + params.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
	cq = part(params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	request = part(params.sq_entries * sizeof *request, IORING_OFF_SQES);
	for (int i = 1; i < argc; i++) {
		unsigned *tail = (unsigned *)(sq + params.sq_off.tail), *head = (unsigned *)(cq + params.cq_off.head);
		struct io_uring_cqe *done = (struct io_uring_cqe *)(cq + params.cq_off.cqes) + (*head & (params.cq_entries - 1));

		memset(request, 0, sizeof *request);
		*request = (struct io_uring_sqe){ .opcode = IORING_OP_READ, .fd = open(argv[i], O_RDWR), .addr = (unsigned long)bytes,
						  .len = sizeof bytes, .off = (__u64)-1 };
		((unsigned *)(sq + params.sq_off.array))[*tail & (params.sq_entries - 1)] = 0;
		__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
		if (request->fd < 0 || syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
			return 1;
		printf("read: %s\n", done->res < 0 ? strerrorname_np(-done->res) : "bytes");
		__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	}
	return 0;
}
