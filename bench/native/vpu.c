/*
 * How long a message to the VPU of the board keembay and back takes, for a program
 * under the launcher. Argument: the processor to run on.
 */
#include "round.h"
#include <fcntl.h>
#include <ioctopus/keembay-ipc.h>
#include <sys/ioctl.h>

#define CHANNEL 20

static int node;

static void message(void)
{
	struct keembay_ipc_record record = { .vpu_addr = 0x90000000, .size = 64 };

	if (write(node, &record, sizeof record) != sizeof record || read(node, &record, sizeof record) != sizeof record)
		err(1, "/dev/keembay-ipc");
}

int main(int argc, char **argv)
{
	static const struct work works[] = { { .name = "message", .run = message } };
	struct keembay_ipc_chan chan = { .chan_id = CHANNEL, .node_id = 1 };

	if (argc != 2)
		errx(2, "usage: vpu CPU");
	node = open("/dev/keembay-ipc", O_RDWR);
	if (node < 0 || ioctl(node, KEEMBAY_IPC_OPEN_CHANNEL, &chan) || ioctl(node, KEEMBAY_IPC_BIND, &chan))
		err(1, "/dev/keembay-ipc");
	pin_to(argv[1]);
	return measure_rounds(works, COUNT(works));
}
