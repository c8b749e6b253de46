/* What the server asks of a thread that waits for it. */
#include "client.h"
#include "mapping.h"
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

static int64_t up_install(const struct io_slot *slot)
{
	int fd;
	long n = receive(server.socket, &fd, 1, slot->args[1] ? MSG_CMSG_CLOEXEC : 0);

	STEP();
	if (n < 0)
		return n;
	remember(fd, (uint32_t)slot->args[0], (uint64_t)slot->args[2]);
	return fd;
}

/* A file that this process has not proved to hold is proved by a call inside the call. */
static int64_t up_lookup(int fd)
{
	return raw(SYS_fcntl, fd, F_GETFD) < 0 ? -EBADF : (int64_t)handle_of(fd);
}

/* The file itself, for a driver that keeps its memory. */
static int64_t up_send(int fd, int index)
{
	int64_t handle = up_lookup(fd);
	long n;

	if (handle != 0)
		return handle;
	n = send_fd(fd, index);
	STEP();
	return n < 0 ? n : 0;
}

static int64_t up_map(const struct io_slot *slot)
{
	int fd = (int)slot->args[5];
	long result;

	if (fd < 0) {
		long n = receive(server.socket, &fd, 1, MSG_CMSG_CLOEXEC);

		STEP();
		if (n < 0)
			return n;
	}
	result = map_noted(slot->args, fd, (const struct io_vma *)slot->data);
	STEP();
	if (slot->args[5] < 0)
		raw(SYS_close, fd);
	return result;
}

static int64_t up_watch(const struct io_slot *slot)
{
	int fd;
	long n = receive(server.socket, &fd, 1, MSG_CMSG_CLOEXEC);

	return n < 0 ? n : watch_set((int)slot->args[0], (uint32_t)slot->args[1], fd);
}

/* Many bytes at once, through a memory file: the kernel stops where the program's memory does. */
static int64_t up_through_file(const struct io_slot *slot, long call)
{
	int64_t done = 0, length = slot->args[1];
	int fd;
	long n = receive(server.socket, &fd, 1, MSG_CMSG_CLOEXEC);

	STEP();
	if (n < 0)
		return n;
	while (done < length) {
		n = raw(call, fd, slot->args[0] + done, length - done, done);
		if (n <= 0)
			break;
		done += n;
	}
	raw(SYS_close, fd);
	return done;
}

void do_upcall(struct io_slot *slot, int index)
{
	uint64_t wanted = (uint64_t)slot->args[1];

	switch (slot->up) {
	case IO_UP_READ:
		if (wanted > IO_DATA_SIZE)
			wanted = IO_DATA_SIZE;
		slot->result = (int64_t)read_guarded(slot->data, (uintptr_t)slot->args[0], wanted);
		break;
	case IO_UP_WRITE:
		wanted = slot->length < IO_DATA_SIZE ? slot->length : IO_DATA_SIZE;
		slot->result = (int64_t)write_guarded((uintptr_t)slot->args[0], slot->data, wanted);
		break;
	case IO_UP_INSTALL:
		slot->result = up_install(slot);
		break;
	case IO_UP_CLOSE:
		forget((int)slot->args[0]);
		slot->result = raw(SYS_close, slot->args[0]);
		break;
	case IO_UP_LOOKUP:
		slot->result = up_lookup((int)slot->args[0]);
		break;
	case IO_UP_WAKER:
		slot->result = take_waker(index);
		break;
	case IO_UP_MAP:
		slot->result = up_map(slot);
		break;
	case IO_UP_WATCH:
		slot->result = up_watch(slot);
		break;
	case IO_UP_RESERVE:
		slot->result = reserve_noted((uintptr_t)slot->args[0], (size_t)slot->args[1], (int)slot->args[2]);
		break;
	case IO_UP_UNMAP:
		slot->result = unmap_noted((uintptr_t)slot->args[0], (size_t)slot->args[1]);
		break;
	case IO_UP_HOLD:
		slot->result = hold_inode((int)slot->args[0], (uint64_t)slot->args[1]);
		break;
	case IO_UP_AIO:
		slot->result = take_aio_waker((uint64_t)slot->args[0]);
		break;
	case IO_UP_SEND:
		slot->result = up_send((int)slot->args[0], index);
		break;
	case IO_UP_FILL:
		slot->result = up_through_file(slot, SYS_pwrite64);
		break;
	case IO_UP_DRAIN:
		slot->result = up_through_file(slot, SYS_pread64);
		break;
	default:
		slot->result = -ENOSYS;
	}
}
