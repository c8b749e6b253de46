/*
 * A client that lies about the descriptors that it gets, each lie in a mode of its
 * own: closes one before the call that made it has ended, and says so or not;
 * keeps one and says that it could not have it; floods the server with its own.
 */
#define _GNU_SOURCE
#include "raw-client.h"
#include <errno.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>

#define NODE "/dev/dma_heap/system"
#define FLOOD 200

static struct session s;

/* Another call, before which the server sees what has ended. */
static void another_call(void)
{
	s.slots[1].op = IO_FSYNC;
	post(&s, 1, IO_REQUEST);
	await(&s, 1, IO_REQUEST);
}

/*
 * Goes through with the call of slot 0. When a descriptor comes: keeps it, or has
 * closed it by the call's next question; answers its number or an errno. The handle
 * of the file, or 0.
 */
static uint32_t go_through(bool keep, bool admit)
{
	struct io_slot *slot = &s.slots[0];
	uint32_t handle = 0, from = IO_REQUEST;
	int fd = -1;

	post(&s, 0, IO_REQUEST);
	while (await(&s, 0, from) == IO_UPCALL) {
		if (fd >= 0 && !keep) {
			close(fd);
			another_call();
			fd = -1;
		}
		slot->result = slot->up == IO_UP_READ ? (int64_t)slot->args[1] : slot->up == IO_UP_WRITE ? (int64_t)slot->length : 0;
		if (slot->up == IO_UP_INSTALL) {
			unsigned char byte;

			receive_fds(s.socket, &fd, 1, MSG_CMSG_CLOEXEC, &byte);
			handle = (uint32_t)slot->args[0];
			slot->result = admit ? fd : -EMFILE;
		}
		post(&s, 0, from = IO_REPLY);
	}
	return slot->error ? 0 : handle;
}

static uint32_t open_node(bool keep, bool admit)
{
	struct io_slot *slot = &s.slots[0];

	slot->op = IO_OPEN;
	slot->args[0] = O_RDWR;
	slot->length = sizeof NODE - 1;
	memcpy(slot->data, NODE, sizeof NODE);
	return go_through(keep, admit);
}

static uint32_t allocate(uint32_t heap, bool keep, bool admit)
{
	struct dma_heap_allocation_data d = { .len = 8192, .fd_flags = O_RDWR };
	struct io_slot *slot = &s.slots[0];

	slot->op = IO_IOCTL;
	slot->fd = 3;
	slot->handle = heap;
	slot->args[0] = DMA_HEAP_IOCTL_ALLOC;
	slot->args[1] = 4096;
	slot->length = sizeof d;
	memcpy(slot->data, &d, sizeof d);
	return go_through(keep, admit);
}

/* The number is taken first, then written to the program, and only then gets its file. */
static uint32_t export_fence(uint32_t buffer)
{
	struct dma_buf_export_sync_file e = { .flags = DMA_BUF_SYNC_RW };
	struct io_slot *slot = &s.slots[0];

	slot->op = IO_IOCTL;
	slot->fd = 4;
	slot->handle = buffer;
	slot->args[0] = DMA_BUF_IOCTL_EXPORT_SYNC_FILE;
	slot->args[1] = 4096;
	slot->length = sizeof e;
	memcpy(slot->data, &e, sizeof e);
	return go_through(false, true);
}

/* Descriptors for slots that are none, several at a time, and for a call that asks for none. */
static void flood(void)
{
	for (uint32_t i = 0; i < FLOOD; i++) {
		int fds[2] = { s.file, s.bell };
		uint32_t tag = i % 2 ? i : UINT32_MAX - i;

		send_tagged(&s, fds, i % 4 < 2 ? 1 : 2, &tag, sizeof tag);
		if (i % 16 == 15) {
			s.slots[0].op = IO_IDENTIFY;
			post(&s, 0, IO_REQUEST);
			await(&s, 0, IO_REQUEST);
		}
	}
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	uint32_t heap;
	char c;

	if (open_session(&s) != 0 || (heap = open_node(true, true)) == 0)
		return 1;
	if (!strcmp(mode, "closed"))
		export_fence(allocate(heap, true, true));
	else if (!strcmp(mode, "closed-buffer"))
		allocate(heap, false, true);
	else if (!strcmp(mode, "closed-and-denied"))
		allocate(heap, false, false);
	else if (!strcmp(mode, "denied"))
		allocate(heap, true, false);
	else
		flood();
	if (write(1, "!", 1) != 1)
		return 1;
	return read(0, &c, 1) == 0 ? 0 : 1;
}
