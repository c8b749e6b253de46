/*
 * What a client can reach of another's. "hold": takes a buffer, marks it, and keeps
 * it until standard input ends, then says whether the mark is still there. "try":
 * counts what it gets at without having been given it, all of which must be 0.
 */
#define _GNU_SOURCE
#include "raw-client.h"
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/sync_file.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define NODE "/dev/dma_heap/system"
#define SIZE 8192
#define HANDLES 4096
#define MARK 0x5a

static int hold(void)
{
	struct dma_heap_allocation_data d = { .len = SIZE, .fd_flags = O_RDWR };
	int heap = open(NODE, O_RDWR), kept = 1;
	unsigned char *at;
	char c;

	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &d))
		return 1;
	at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, (int)d.fd, 0);
	memset(at, MARK, SIZE);
	if (write(1, "!", 1) != 1)
		return 1;
	while (read(0, &c, 1) > 0)
		;
	for (int i = 0; i < SIZE; i++)
		kept = kept && at[i] == MARK;
	return kept ? 0 : 1;
}

static struct session s;
/* Up-calls to the last call, and descriptors that came with them. */
static int upcalls, received;

/* Makes a call; up-calls are answered by a number. */
static int64_t call(uint32_t op, uint32_t handle, const int64_t *args, int64_t answer)
{
	struct io_slot *slot = &s.slots[0];
	uint32_t from = IO_REQUEST;

	upcalls = 0;
	slot->tid = (uint32_t)getpid();
	slot->op = op;
	slot->fd = 7;
	slot->handle = handle;
	memcpy(slot->args, args, sizeof slot->args);
	post(&s, 0, IO_REQUEST);
	while (await(&s, 0, from) == IO_UPCALL) {
		unsigned char byte;
		int fds[2], n = receive_fds(s.socket, fds, 2, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, &byte);

		upcalls++;
		for (int i = 0; i < n; i++) {
			received++;
			close(fds[i]);
		}
		slot->result = answer;
		post(&s, 0, from = IO_REPLY);
	}
	return slot->error ? -slot->error : slot->result;
}

static void say(const char *what, int count)
{
	printf("%s: %d\n", what, count);
}

static int try(void)
{
	static const int64_t none[IO_ARGS];
	int64_t map[IO_ARGS] = { 0, SIZE, PROT_READ, MAP_SHARED, 0 }, sync[IO_ARGS] = { DMA_BUF_IOCTL_SYNC, 4096 };
	int64_t export[IO_ARGS] = { DMA_BUF_IOCTL_EXPORT_SYNC_FILE, 4096 };
	int attributes = 0, ends = 0, mappings = 0, requests = 0, exports = 0, known = 0, copy;
	uint32_t tag = 0;

	if (open_session(&s) != 0)
		return 1;
	for (uint32_t handle = 0; handle < HANDLES; handle++) {
		int64_t end[IO_ARGS] = { 0, SEEK_END };

		attributes += call(IO_FSTAT, handle, none, 0) >= 0;
		ends += call(IO_LSEEK, handle, end, 0) >= 0;
		mappings += call(IO_MMAP, handle, map, 4096) >= 0 || upcalls > 0;
		requests += call(IO_IOCTL, handle, sync, 0) >= 0 || upcalls > 0;
		exports += call(IO_IOCTL, handle, export, 0) >= 0 || upcalls > 0;
	}
	say("attributes by a guessed handle", attributes);
	say("sizes by a guessed handle", ends);
	say("mappings by a guessed handle", mappings);
	say("requests by a guessed handle", requests);
	say("files made by a guessed handle", exports);

	/* Files that look like a buffer. */
	copy = memfd_create("ioctopus", MFD_ALLOW_SEALING);
	if (ftruncate(copy, SIZE))
		return 1;
	fcntl(copy, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	send_tagged(&s, &copy, 1, &tag, sizeof tag);
	known += call(IO_IDENTIFY, 0, none, 0) > 0;
	send_tagged(&s, &s.file, 1, &tag, sizeof tag);
	known += call(IO_IDENTIFY, 0, none, 0) > 0;
	/* The place of a descriptor that never comes. */
	known += call(IO_IDENTIFY, 0, none, 0) > 0;
	say("files identified", known);
	say("descriptors received", received);
	return 0;
}

/* The library's own call, whose question for a descriptor in a struct is answered by every number. */
static int lookups(void)
{
	struct io_slot *slot;
	int found = 0, fds[1];
	unsigned char byte;
	uint32_t mine, end;

	if (open_session(&s) != 0)
		return 1;
	/* A file of one's own: a sync file of a buffer, made by the protocol. */
	slot = &s.slots[0];
	memset(slot, 0, 128);
	slot->op = IO_OPEN;
	slot->length = sizeof NODE - 1;
	memcpy(slot->data, NODE, sizeof NODE);
	post(&s, 0, IO_REQUEST);
	if (await(&s, 0, IO_REQUEST) != IO_UPCALL || receive_fds(s.socket, fds, 1, MSG_CMSG_CLOEXEC, &byte) != 1)
		return 1;
	mine = (uint32_t)slot->args[0];
	slot->result = fds[0];
	post(&s, 0, IO_REPLY);
	await(&s, 0, IO_REPLY);
	for (uint32_t guess = 0; guess < HANDLES; guess++) {
		struct dma_heap_allocation_data d = { .len = SIZE, .fd_flags = O_RDWR };
		struct dma_buf_import_sync_file import = { .flags = DMA_BUF_SYNC_RW, .fd = 99 };
		uint32_t buffer = 0;

		slot->op = IO_IOCTL;
		slot->fd = fds[0];
		slot->handle = mine;
		slot->args[0] = DMA_HEAP_IOCTL_ALLOC;
		slot->args[1] = 4096;
		slot->length = sizeof d;
		memcpy(slot->data, &d, sizeof d);
		post(&s, 0, IO_REQUEST);
		for (end = await(&s, 0, IO_REQUEST); end == IO_UPCALL; end = await(&s, 0, IO_REPLY)) {
			if (slot->up == IO_UP_INSTALL) {
				int fd;

				if (receive_fds(s.socket, &fd, 1, MSG_CMSG_CLOEXEC, &byte) != 1)
					return 1;
				close(fd);
				buffer = (uint32_t)slot->args[0];
				slot->result = 50;
			} else {
				slot->result = slot->up == IO_UP_WRITE ? (int64_t)slot->length : slot->args[1];
			}
			post(&s, 0, IO_REPLY);
		}
		if (slot->error || !buffer)
			return 1;
		/* The buffer's descriptor is closed, so its handle is one's own no more; neither is any other. */
		slot->fd = 50;
		slot->handle = buffer;
		slot->args[0] = DMA_BUF_IOCTL_IMPORT_SYNC_FILE;
		slot->length = sizeof import;
		memcpy(slot->data, &import, sizeof import);
		post(&s, 0, IO_REQUEST);
		for (end = await(&s, 0, IO_REQUEST); end == IO_UPCALL; end = await(&s, 0, IO_REPLY)) {
			slot->result = guess;
			post(&s, 0, IO_REPLY);
		}
		found += slot->error == 0;
	}
	say("files found by a guessed answer", found);
	return 0;
}

int main(int argc, char **argv)
{
	return argc > 1 && !strcmp(argv[1], "hold") ? hold() : argc > 1 && !strcmp(argv[1], "lookups") ? lookups() : try();
}
