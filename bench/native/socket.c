/*
 * How long a message and its answer take between two processes over a Unix
 * SEQPACKET socket pair: what a system call would cost at least, were the server
 * reached through a socket. Arguments: the processors of this process and its peer.
 */
#include "round.h"
#include <sys/socket.h>

static int ends[2];

static void pass(ssize_t n)
{
	if (n != sizeof(uint64_t))
		err(1, "socket");
}

static void answer(void)
{
	uint64_t message;

	close(ends[0]);
	while (read(ends[1], &message, sizeof message) == sizeof message)
		pass(write(ends[1], &message, sizeof message));
}

static void ask(void)
{
	uint64_t message = 0;

	pass(write(ends[0], &message, sizeof message));
	pass(read(ends[0], &message, sizeof message));
}

int main(int argc, char **argv)
{
	static const struct work works[] = { { .name = "ask", .run = ask } };

	if (argc != 3)
		errx(2, "usage: socket CPU PEER_CPU");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends))
		err(1, "socketpair");
	start_peer(argv[2], answer);
	close(ends[1]);
	pin_to(argv[1]);
	return measure_rounds(works, COUNT(works));
}
