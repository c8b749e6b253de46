/*
 * /dev/keembay-ipc with firmware that sends back what it gets: one line for each
 * question. Then two processes talk at once, and one is killed that has a channel.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ioctopus/keembay-ipc.h>
#include <linux/dma-heap.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NODE "/dev/keembay-ipc"
#define ROUNDS 200

static int fd;

static void say(const char *question, long result)
{
	if (result < 0)
		printf("%s: %s\n", question, strerrorname_np(errno));
	else
		printf("%s: %ld\n", question, result);
}

static int on_channel(int file, unsigned long request, int id, int node)
{
	struct keembay_ipc_chan chan = { .chan_id = id, .node_id = node };

	return ioctl(file, request, &chan);
}

static int send_to(int id, unsigned int addr, unsigned long long size, int flags)
{
	struct keembay_ipc_send send = {
		.chan_id = id, .node_id = 1, .flags = flags, .vpu_addr = addr, .size = size,
	};

	return ioctl(fd, KEEMBAY_IPC_SEND, &send);
}

static int receive(int id, unsigned int timeout)
{
	struct keembay_ipc_recv recv = { .chan_id = id, .node_id = 1, .timeout_ms = timeout };
	int result = ioctl(fd, KEEMBAY_IPC_RECV, &recv);

	return result < 0 ? result : (int)(recv.vpu_addr + recv.size);
}

static int polled(short events, int timeout)
{
	struct pollfd one = { .fd = fd, .events = events };

	poll(&one, 1, timeout);
	return one.revents;
}

static void ask_channels(void)
{
	say("open 20", on_channel(fd, KEEMBAY_IPC_OPEN_CHANNEL, 20, 1));
	say("open 20 again", on_channel(fd, KEEMBAY_IPC_OPEN_CHANNEL, 20, 1));
	say("open 1024", on_channel(fd, KEEMBAY_IPC_OPEN_CHANNEL, 1024, 1));
	say("open of node 0", on_channel(fd, KEEMBAY_IPC_OPEN_CHANNEL, 21, 0));
	say("close of a closed one", on_channel(fd, KEEMBAY_IPC_CLOSE_CHANNEL, 21, 1));
	say("send to a closed one", send_to(21, 1, 1, 0));
	say("send with a flag", send_to(20, 1, 1, 1));
	say("receive of nothing", receive(20, 0));
	say("receive of nothing for 20 ms", receive(20, 20));
	say("receive from a closed one", receive(21, 0));
	say("unknown request", ioctl(fd, _IO(0xe7, 99)));
	say("bad address", ioctl(fd, KEEMBAY_IPC_SEND, (void *)8));
}

static void ask_messages(void)
{
	struct keembay_ipc_record record = { .vpu_addr = 3, .size = 4 };

	say("send", send_to(20, 1000, 24, 0));
	say("receive", receive(20, KEEMBAY_IPC_FOREVER));
	say("write unbound", write(fd, &record, sizeof record));
	say("bind", on_channel(fd, KEEMBAY_IPC_BIND, 20, 1));
	say("write", write(fd, &record, sizeof record));
	say("write of too much", write(fd, "123456789", 9));
	say("poll", polled(POLLIN, 1000));
	memset(&record, 0, sizeof record);
	say("read", read(fd, &record, sizeof record));
	say("  address", record.vpu_addr);
	say("  size", record.size);
	say("read of too little", read(fd, &record, 7));
	say("poll for room", polled(POLLIN | POLLOUT, 0));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	say("read without waiting", read(fd, &record, sizeof record));
	say("seek", lseek(fd, 0, SEEK_SET));
}

static void ask_payloads(void)
{
	int heap = open("/dev/dma_heap/payload", O_RDONLY);
	struct dma_heap_allocation_data data = { .len = 8192, .fd_flags = O_RDWR | O_CLOEXEC };
	struct keembay_ipc_import import = { .offset = 64 };
	struct keembay_ipc_release release = { 0 };

	say("allocate", ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data));
	import.fd = data.fd;
	say("import", ioctl(fd, KEEMBAY_IPC_DMABUF_IMPORT, &import));
	say("  address", import.vpu_addr);
	release.handle = import.handle;
	say("release", ioctl(fd, KEEMBAY_IPC_DMABUF_RELEASE, &release));
	say("release again", ioctl(fd, KEEMBAY_IPC_DMABUF_RELEASE, &release));
	import.fd = heap;
	say("import of no buffer", ioctl(fd, KEEMBAY_IPC_DMABUF_IMPORT, &import));
	close(data.fd);
	close(heap);
}

static void ask_observation(void)
{
	struct keembay_ipc_info info;
	struct keembay_ipc_stats stats;
	struct keembay_ipc_peek peek = { .index = 0 };
	unsigned char bitmap[2] = { 0xff, 0xff };
	struct keembay_ipc_scan scan = { .count = 10, .bitmap = (unsigned long)bitmap };

	say("info", ioctl(fd, KEEMBAY_IPC_GET_INFO, &info));
	say("  packets", info.pool_slots);
	say("  local region", info.local_vpu_addr);
	say("statistics", ioctl(fd, KEEMBAY_IPC_GET_STATS, &stats));
	say("  sent", stats.tx_ok);
	say("  received", stats.rx_ok);
	say("peek", ioctl(fd, KEEMBAY_IPC_PEEK_PACKET, &peek));
	say("  channel", peek.channel);
	say("  generation", peek.generation);
	usleep(20000);
	say("scan", ioctl(fd, KEEMBAY_IPC_POOL_SCAN, &scan));
	say("  in use", scan.n_allocated);
	say("  bitmap", bitmap[0] | bitmap[1] << 8);
	peek.index = 1 << 20;
	say("peek beyond", ioctl(fd, KEEMBAY_IPC_PEEK_PACKET, &peek));
}

/* Sends, and gets each message back before the next. */
static int talk(int id)
{
	fd = open(NODE, O_RDWR);
	if (on_channel(fd, KEEMBAY_IPC_OPEN_CHANNEL, id, 1) < 0)
		return 1;
	for (int i = 0; i < ROUNDS; i++)
		if (send_to(id, i, id, 0) < 0 || receive(id, KEEMBAY_IPC_FOREVER) != i + id)
			return 2;
	return 0;
}

static void two_at_once(void)
{
	int status, failed = 0;

	fflush(stdout);
	for (int id = 5; id < 7; id++)
		if (fork() == 0)
			_exit(talk(id));
	while (wait(&status) > 0)
		failed |= status;
	say("two processes at once", failed);
}

static void killed(void)
{
	int ready[2], file = open(NODE, O_RDWR);
	char byte;
	pid_t child;

	pipe(ready);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		fd = open(NODE, O_RDWR);
		on_channel(fd, KEEMBAY_IPC_OPEN_CHANNEL, 30, 1);
		write(ready[1], "", 1);
		receive(30, KEEMBAY_IPC_FOREVER);
		_exit(0);
	}
	read(ready[0], &byte, 1);
	say("open what another has", on_channel(file, KEEMBAY_IPC_OPEN_CHANNEL, 30, 1));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	say("open what one had who was killed", on_channel(file, KEEMBAY_IPC_OPEN_CHANNEL, 30, 1));
	close(file);
}

int main(int argc, char **argv)
{
	fd = open(NODE, O_RDWR);
	ask_channels();
	ask_messages();
	ask_payloads();
	ask_observation();
	say("close", on_channel(fd, KEEMBAY_IPC_CLOSE_CHANNEL, 20, 1));
	say("poll of a closed one", polled(POLLIN, 0));
	close(fd);
	if (argc > 1 && strcmp(argv[1], "processes") == 0) {
		two_at_once();
		killed();
	}
	return 0;
}
