/*
 * A client that does not keep to the protocol: random and adversarial words in its
 * slots and header, replies that nobody asked for or that lie, descriptors nobody
 * wants, garbage on the socket, floods of rings and connections. Random, by seed:
 * hostile-protocol SEED ACTS. Its end is always 0: what must hold is on the other
 * side.
 */
#define _GNU_SOURCE
#include "raw-client.h"
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/sync_file.h>
#include <linux/udmabuf.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "harmless.h"

#define NODE "/dev/dma_heap/system"
#define FDS_MAX 64

static unsigned state;
static struct session session;
/* Descriptors that the server sent. */
static int held[FDS_MAX], held_count;

static uint32_t draw(uint32_t below)
{
	state = state * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)(state >> 4) * below) >> 28);
}

static int64_t odd_value(void)
{
	static const int64_t values[] = {
		0, 1, -1, 2, 3, 4, 5, 8, 4095, 4096, -4095, -4096, 0x7fffffff, 0x80000000, 0xffffffff, INT64_MIN, INT64_MAX, 1ll << 53, -(1ll << 53),
		DMA_HEAP_IOCTL_ALLOC, DMA_BUF_IOCTL_SYNC, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, SYNC_IOC_MERGE,
		SYNC_IOC_FILE_INFO, DMA_BUF_SET_NAME_B, -2, -9, -14, -22, -24, 127, 1024, IO_DATA_SIZE, IO_DATA_SIZE + 1,
	};
	uint32_t n = sizeof values / sizeof *values, pick = draw(n + 4);

	return pick < n ? values[pick] : pick == n ? (int64_t)draw(1u << 27) << draw(37) : (int64_t)draw(64);
}

static int some_slot(void)
{
	return (int)(draw(8) ? draw(4) : draw(IO_SLOTS));
}

static void reply(int index)
{
	struct io_slot *slot = &session.slots[index];

	slot->result = odd_value();
	slot->length = (uint32_t)odd_value();
	if (draw(2))
		for (int i = 0; i < 32; i++)
			((int64_t *)slot->data)[i] = odd_value();
	post(&session, index, IO_REPLY);
}

/* Waits a little for the server's next word, and replies to so many up-calls. */
static void converse(int index, int replies)
{
	uint32_t from = IO_REQUEST;

	for (; replies > 0; replies--) {
		uint32_t now = from;

		for (int i = 0; i < 1000 && now == from; i++) {
			sched_yield();
			now = __atomic_load_n(&session.slots[index].state, __ATOMIC_SEQ_CST);
		}
		if (now != IO_UPCALL)
			return;
		reply(index);
		from = IO_REPLY;
	}
}

static void request(int index, uint32_t op)
{
	struct io_slot *slot = &session.slots[index];

	slot->tid = draw(2) ? (uint32_t)getpid() : (uint32_t)odd_value();
	slot->op = op;
	slot->fd = (int32_t)odd_value();
	slot->handle = draw(4) ? draw(12) : (uint32_t)odd_value();
	slot->cpu = (uint32_t)odd_value();
	slot->sleeping = draw(2);
	for (int i = 0; i < IO_ARGS; i++)
		slot->args[i] = odd_value();
	slot->length = (uint32_t)odd_value();
	for (int i = 0; i < 24; i++)
		((int64_t *)slot->data)[i] = odd_value();
	post(&session, index, IO_REQUEST);
}

/* A correct call: files and handles for the others to be used with. */
static void open_properly(int index)
{
	struct io_slot *slot = &session.slots[index];

	memset(slot, 0, 128);
	slot->op = IO_OPEN;
	slot->args[0] = O_RDWR;
	strcpy((char *)slot->data, draw(2) ? NODE : "/dev/udmabuf");
	slot->length = (uint32_t)strlen((char *)slot->data);
	post(&session, index, IO_REQUEST);
	converse(index, 1);
}

static void allocate(int index)
{
	struct io_slot *slot = &session.slots[index];
	struct dma_heap_allocation_data d = { .len = 4096 * draw(5), .fd_flags = draw(2) ? O_RDWR : draw(4) };

	request(index, IO_FSYNC);
	slot->op = IO_IOCTL;
	slot->args[0] = DMA_HEAP_IOCTL_ALLOC;
	slot->args[1] = 4096;
	slot->length = sizeof d;
	slot->handle = draw(6);
	memcpy(slot->data, &d, sizeof d);
	post(&session, index, IO_REQUEST);
	/* Up-calls are answered late, never or wrongly. */
	if (draw(3))
		reply(index);
}

/* What is not a memory file, is none that can be had, or changes while the server has it. */
static int odd_file(void)
{
	int fd;

	if (draw(6) == 0)
		return dup(held_count ? held[draw((uint32_t)held_count)] : session.socket);
	fd = memfd_create("odd", MFD_ALLOW_SEALING);
	if (ftruncate(fd, 4096 * (off_t)(1 + draw(4)) - !draw(4)) == 0 && draw(4))
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | (draw(4) ? 0 : F_SEAL_WRITE));
	if (draw(6) == 0)
		fcntl(fd, F_SETLEASE, F_WRLCK);
	if (draw(6) == 0)
		fchmod(fd, 0);
	return fd;
}

static void hand_over_memory(int index)
{
	struct io_slot *slot = &session.slots[index];
	struct udmabuf_create c = { .offset = draw(3) ? 0 : 4096 * draw(3), .size = 4096 * (draw(3) ? 1 : draw(4)) };
	uint32_t tag = draw(8) ? (uint32_t)index : (uint32_t)some_slot();
	int fd = odd_file();

	request(index, IO_FSYNC);
	slot->op = IO_IOCTL;
	slot->args[0] = UDMABUF_CREATE;
	slot->args[1] = 4096;
	slot->length = sizeof c;
	slot->handle = draw(6);
	memcpy(slot->data, &c, sizeof c);
	if (draw(8))
		send_tagged(&session, &fd, 1, &tag, sizeof tag);
	post(&session, index, IO_REQUEST);
	converse(index, (int)draw(2));
	slot->result = 0;
	post(&session, index, IO_REPLY);
	converse(index, (int)draw(3));
	if (draw(2))
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 16384);
	close(fd);
}

static void scribble(void)
{
	uint32_t *words = (uint32_t *)session.header;

	switch (draw(4)) {
	case 0:
		words[draw(sizeof *session.header / 4)] = (uint32_t)odd_value();
		break;
	case 1:
		for (int w = 0; w < IO_SLOTS / 32; w++)
			session.header->pending[w] = UINT32_MAX;
		ring(&session);
		break;
	case 2:
		session.header->server.ring_me = draw(2);
		break;
	default:
		words[draw(IO_REGION_SIZE / 4)] = (uint32_t)odd_value();
	}
}

static void take_what_was_sent(void)
{
	unsigned char byte;
	int fds[2], n;

	while ((n = receive_fds(session.socket, fds, 2, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, &byte)) >= 0)
		for (int i = 0; i < n; i++) {
			if (held_count == FDS_MAX)
				close(held[--held_count]);
			held[held_count++] = fds[i];
		}
}

static void send_garbage(void)
{
	uint32_t tag = draw(2) ? (uint32_t)some_slot() : (uint32_t)odd_value();
	int fds[253], count = draw(4) ? (int)draw(3) : 253;
	char junk[512];

	memset(junk, (int)draw(256), sizeof junk);
	for (int i = 0; i < count; i++)
		fds[i] = held_count && draw(2) ? held[draw((uint32_t)held_count)] : draw(2) ? session.socket : session.bell;
	if (draw(2))
		send_tagged(&session, fds, count, &tag, sizeof tag);
	else
		send_tagged(&session, fds, count, junk, draw(sizeof junk));
	request((int)(tag % IO_SLOTS), IO_IDENTIFY);
}

static void abuse_bell(void)
{
	uint64_t value;

	switch (draw(4)) {
	case 0:
		for (int i = 0; i < 200; i++)
			ring(&session);
		break;
	case 1:
		/* The flag belongs to the description, which is the server's too. */
		fcntl(session.bell, F_SETFL, draw(2) ? O_NONBLOCK : 0);
		break;
	case 2:
		/* Taken away from under the server, which must not wait for another. */
		ring(&session);
		if (preadv2(session.bell, &(struct iovec){ &value, sizeof value }, 1, -1, RWF_NOWAIT) < 0)
			return;
		break;
	default:
		value = UINT64_MAX - 1;
		fcntl(session.bell, F_SETFL, O_NONBLOCK);
		if (write(session.bell, &value, sizeof value) < 0)
			return;
	}
}

static void use_memory(void)
{
	int fd = held_count ? held[draw((uint32_t)held_count)] : session.file;
	void *at;

	switch (draw(4)) {
	case 0:
		if (ftruncate(session.file, 0) == 0)
			dprintf(2, "the region could be cut\n");
		fallocate(session.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, IO_REGION_SIZE);
		break;
	case 1:
		at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		if (at != MAP_FAILED)
			munmap(at, 4096);
		break;
	case 2: {
		char path[64];
		int again;

		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		again = open(path, (int)draw(4) | (draw(2) ? O_PATH : 0) | O_CLOEXEC | O_NONBLOCK);
		if (again >= 0)
			close(again);
		break;
	}
	default:
		if (held_count)
			close(held[--held_count]);
	}
}

static void start_again(void)
{
	struct session other;

	if (draw(2))
		shutdown(session.socket, (int)draw(3));
	if (draw(2) && open_session(&other) == 0) {
		/* The server has ended the first one. */
		close_session(&session);
		session = other;
		return;
	}
	close_session(&session);
	if (open_session(&session) != 0)
		exit(0);
}

static void act(void);

/* Another process with this one's connection. */
static void share(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < 20; i++)
			request(some_slot(), draw(72));
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void act(void)
{
	uint32_t what = draw(100);

	if (what < 40)
		request(some_slot(), draw(8) ? draw(72) : (uint32_t)odd_value());
	else if (what < 50)
		open_properly(some_slot());
	else if (what < 57)
		allocate(some_slot());
	else if (what < 62)
		hand_over_memory(some_slot());
	else if (what < 72)
		reply(some_slot());
	else if (what < 78)
		scribble();
	else if (what < 84)
		take_what_was_sent();
	else if (what < 89)
		send_garbage();
	else if (what < 93)
		abuse_bell();
	else if (what < 98)
		use_memory();
	else if (what < 99)
		start_again();
	else if (draw(8) == 0)
		share();
}

int main(int argc, char **argv)
{
	long acts = argc > 2 ? atol(argv[2]) : 1000;

	state = argc > 1 ? (unsigned)atol(argv[1]) : 1;
	be_harmless_to_the_host();
	signal(SIGIO, SIG_IGN);
	if (open_session(&session) != 0)
		return 1;
	for (long i = 0; i < acts; i++)
		act();
	return 0;
}
