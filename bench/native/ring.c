/*
 * How long it takes to hand a slot of the shared memory to the server's addon and
 * to get it back, with nothing done in between: what the way of a native call
 * costs at least. A bare client of native-shims/protocol.h, which spins. The
 * other side is bench/ring-server.mjs. Arguments: the processor to run on, the
 * server's socket.
 */
#include "round.h"
#include "../../native-shims/protocol.h"
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct io_header *header;
static struct io_slot *slot;
static int bell;

static void join_server(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char byte, control[CMSG_SPACE(2 * sizeof(int))];
	struct iovec io = { &byte, 1 };
	struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), fds[2];

	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof address))
		err(1, "%s", path);
	if (recvmsg(fd, &message, MSG_CMSG_CLOEXEC) != 1 || message.msg_controllen != sizeof control)
		errx(1, "%s: no region", path);
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fds);
	header = mmap(NULL, IO_REGION_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
	if (header == MAP_FAILED)
		err(1, "mmap");
	slot = (struct io_slot *)((char *)header + IO_PAGE);
	bell = fds[1];
	slot->tid = (uint32_t)getpid();
	slot->cpu = (uint32_t)sched_getcpu();
}

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("yield");
#endif
}

static void pass(void)
{
	uint64_t one = 1;

	__atomic_store_n(&slot->state, IO_REQUEST, __ATOMIC_RELEASE);
	__atomic_fetch_or(&header->pending[0], 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&header->server.ring_me, __ATOMIC_SEQ_CST) && write(bell, &one, sizeof one) < 0)
		err(1, "doorbell");
	while (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != IO_ANSWER)
		relax();
}

int main(int argc, char **argv)
{
	static const struct work works[] = { { .name = "pass", .run = pass } };

	if (argc != 3)
		errx(2, "usage: ring CPU SOCKET");
	pin_to(argv[1]);
	join_server(argv[2]);
	return measure_rounds(works, COUNT(works));
}
