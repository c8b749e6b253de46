/* What adbd of Android 14 does with FunctionFS: descriptors with an OS part and
 * the fallback without, BIND read before ENABLE, eight reads of 16384 bytes under
 * way, writes in pieces, a worker that a signal stops, and all of it once more
 * after the cable was pulled. */
#include "gadget.h"
#include <linux/aio_abi.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#define MNT "/tmp/clientadbd"
#define PRODUCT 0x0014
#define READS 8
#define PIECE 16384
#define PAYLOAD (3 * PIECE)

/* What stands before each payload. */
struct message { uint32_t command, arg0, arg1, length, check, magic; };

static int ep0, ep1, ep2, worker_event, monitor_event;
static aio_context_t ctx;
static volatile bool worker_stops;
static long packets, payload_bytes;

static void describe(void)
{
	static const int packet[] = { 64, 512, 1024 };
	static const char name[] = "DeviceInterfaceGUID", guid[] = "{F72FE0D4-CBCB-407D-8814-9ED673D0DD6B}";
	unsigned char compat[11 + 24] = { 0, 35, 0, 0, 0, 1, 0, 4, 0, 1, 0, 0, 1, 'W', 'I', 'N', 'U', 'S', 'B' };
	unsigned char head[11] = { 0, 84, 0, 0, 0, 1, 0, 5, 0, 1, 0 };
	uint16_t name_length = sizeof name;

	begin_block(FUNCTIONFS_DESCRIPTORS_MAGIC_V2);
	add32(FUNCTIONFS_HAS_FS_DESC | FUNCTIONFS_HAS_HS_DESC | FUNCTIONFS_HAS_SS_DESC | FUNCTIONFS_HAS_MS_OS_DESC);
	add32(3);
	add32(3);
	add32(5);
	add32(2);
	for (int speed = 0; speed < 3; speed++) {
		add_interface(2, USB_CLASS_VENDOR_SPEC, 0x42, 1);
		add_endpoint(1 | USB_DIR_OUT, USB_ENDPOINT_XFER_BULK, packet[speed], 0);
		if (speed == 2)
			add_companion(4);
		add_endpoint(2 | USB_DIR_IN, USB_ENDPOINT_XFER_BULK, packet[speed], 0);
		if (speed == 2)
			add_companion(4);
	}
	add(compat, sizeof compat);
	head[1] = (unsigned char)(11 + 14 + sizeof name + sizeof guid);
	add(head, sizeof head);
	add32(14 + sizeof name + sizeof guid);
	add32(1);
	add(&name_length, 2);
	add(name, sizeof name);
	add32(sizeof guid);
	add(guid, sizeof guid);
	end_block("descriptors", ep0);
	write_strings("strings", ep0, "ADB Interface");
}

static void on_signal(int s)
{
	(void)s;
}

static void submit(struct iocb *c, int fd, int op, void *buf, size_t n)
{
	struct iocb *list[1] = { c };

	*c = (struct iocb){ .aio_fildes = (uint32_t)fd, .aio_lio_opcode = (uint16_t)op, .aio_buf = (uintptr_t)buf, .aio_nbytes = n,
			    .aio_flags = IOCB_FLAG_RESFD, .aio_resfd = (uint32_t)worker_event };
	if (syscall(SYS_io_submit, ctx, 1, list) != 1)
		value("worker.submit", "%s", err_name(errno));
}

/* A payload has come: it goes back in pieces, all of them queued by one call. */
static void send_back(const struct message *m, unsigned char *payload)
{
	static struct iocb iocbs[PAYLOAD / PIECE + 1];
	static struct message reply;
	struct iocb *list[PAYLOAD / PIECE + 1];
	long n = 0;

	reply = *m;
	for (size_t at = 0; n == 0 || at < m->length; n++) {
		size_t left = m->length - at, piece = n == 0 ? sizeof reply : left < PIECE ? left : PIECE;

		iocbs[n] = (struct iocb){ .aio_fildes = (uint32_t)ep2, .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_nbytes = piece,
					  .aio_buf = (uintptr_t)(n == 0 ? (void *)&reply : payload + at),
					  .aio_flags = IOCB_FLAG_RESFD, .aio_resfd = (uint32_t)worker_event };
		list[n] = &iocbs[n];
		if (n > 0)
			at += piece;
	}
	if (syscall(SYS_io_submit, ctx, n, list) != n)
		value("worker.send", "%s", err_name(errno));
}

/* Takes a finished read, the reads in their order: a head, or a part of a payload. */
static void received(const void *data, long n)
{
	static struct message head;
	static unsigned char payload[PAYLOAD];
	static size_t have;
	static bool in_payload;

	if (n < 0) {
		in_payload = false;
		have = 0;
		return;
	}
	packets++;
	if (!in_payload) {
		memcpy(&head, data, sizeof head);
		in_payload = n == sizeof head;
		return;
	}
	memcpy(payload + have, data, (size_t)n);
	have += (size_t)n;
	payload_bytes += n;
	if (have < head.length)
		return;
	in_payload = false;
	have = 0;
	send_back(&head, payload);
}

static void *worker(void *v)
{
	static unsigned char bufs[READS][PIECE];
	static struct iocb reads[READS];
	long ends[READS] = { 0 };
	bool ended[READS] = { false };
	int next = 0;

	(void)v;
	for (int i = 0; i < READS; i++)
		submit(&reads[i], ep1, IOCB_CMD_PREAD, bufs[i], PIECE);
	while (!worker_stops) {
		struct io_event e[16];
		struct timespec none = { 0, 0 };
		uint64_t count;
		long n;

		if (read(worker_event, &count, 8) < 0)
			continue;
		n = syscall(SYS_io_getevents, ctx, 0, 16, e, &none);
		for (long i = 0; i < n; i++) {
			struct iocb *c = (struct iocb *)(uintptr_t)e[i].obj;

			if (c < reads || c >= reads + READS)
				continue;
			ends[c - reads] = e[i].res;
			ended[c - reads] = true;
		}
		for (; ended[next]; next = (next + 1) % READS) {
			ended[next] = false;
			received(bufs[next], ends[next]);
			if (ends[next] >= 0)
				submit(&reads[next], ep1, IOCB_CMD_PREAD, bufs[next], PIECE);
		}
	}
	return NULL;
}

/* What the monitor does until the worker has to stop. */
static void monitor(pthread_t *thread)
{
	struct usb_functionfs_event e;
	struct pollfd p[2] = { { .fd = ep0, .events = POLLIN }, { .fd = monitor_event, .events = POLLIN } };
	bool bound = false, enabled = false;

	while (poll(p, 2, bound ? -1 : 5000) > 0 && read(ep0, &e, sizeof e) == sizeof e) {
		char buf[64];

		switch (e.type) {
		case FUNCTIONFS_BIND:
			bound = true;
			value("monitor.event", "BIND");
			break;
		case FUNCTIONFS_ENABLE:
			value("monitor.event", "ENABLE %s", bound && !enabled ? "in turn" : "out of turn");
			enabled = true;
			pthread_create(thread, NULL, worker, NULL);
			break;
		case FUNCTIONFS_SUSPEND:
		case FUNCTIONFS_RESUME:
			break;
		case FUNCTIONFS_SETUP:
			if (e.u.setup.bRequestType & USB_DIR_IN)
				num("monitor.setup_in", write(ep0, "", 0), NULL);
			else
				num("monitor.setup_out", read(ep0, buf, e.u.setup.wLength + 1), "wLength=%u", e.u.setup.wLength);
			break;
		default:
			/* DISABLE is there or not, as the reader is quick or slow. */
			value("monitor.event", "over");
			return;
		}
	}
}

static void *host_thread(void *v)
{
	static unsigned char payload[PAYLOAD + 1], back[PIECE];
	struct message m = { .command = 0x4e584e43, .magic = ~0x4e584e43u }, got;

	(void)v;
	host = -1;
	open_host(PRODUCT);
	for (unsigned length = PAYLOAD; length > PAYLOAD - 3 * 100; length -= 100) {
		unsigned have = 0;

		m.length = length;
		memset(payload, (int)length & 0xff, length);
		bulk(0x02, &m, sizeof m, 5000);
		for (unsigned at = 0; at < length; at += PIECE)
			bulk(0x02, payload + at, length - at < PIECE ? length - at : PIECE, 5000);
		bulk(0x81, &got, sizeof got, 5000);
		while (have < length) {
			long n = bulk(0x81, back, length - have < PIECE ? length - have : PIECE, 5000);

			if (n <= 0 || memcmp(back, payload + have, (size_t)n))
				break;
			have += (unsigned)n;
		}
		say("host.echo: length=%u got=%u right=%u\n", length, got.length, have);
	}
	say_num("host.setup_out", control(0x41, 0x51, 0, 0, payload, 5, 5000));
	say_num("host.setup_in", control(0xc1, 0x52, 0, 0, payload, 5, 5000));
	/* The cable is pulled when the host has had enough. */
	usleep(200000);
	say_num("unbind", put_in_gadget("UDC", "\n"));
	return NULL;
}

static void connection(void)
{
	pthread_t work, hosting;

	worker_stops = false;
	packets = payload_bytes = 0;
	ctx = 0;
	ep0 = fdr("open.ep0", open(MNT "/ep0", O_RDWR), NULL);
	describe();
	ep1 = fdr("open.ep1", open(MNT "/ep1", O_RDONLY), NULL);
	ep2 = fdr("open.ep2", open(MNT "/ep2", O_WRONLY), NULL);
	syscall(SYS_io_setup, 16, &ctx);
	worker_event = eventfd(0, EFD_CLOEXEC);
	monitor_event = eventfd(0, EFD_CLOEXEC);
	bind_gadget();
	pthread_create(&hosting, NULL, host_thread, NULL);
	monitor(&work);
	worker_stops = true;
	while (pthread_tryjoin_np(work, NULL)) {
		pthread_kill(work, SIGUSR1);
		usleep(10000);
	}
	pthread_join(hosting, NULL);
	say_all();
	value("worker.end", "reads=%ld bytes=%ld", packets, payload_bytes);
	syscall(SYS_io_destroy, ctx);
	close(worker_event);
	close(monitor_event);
	close(ep1);
	close(ep2);
	num("close.ep0", close(ep0), NULL);
	close(host);
}

int main(void)
{
	struct sigaction a = { .sa_handler = on_signal };

	alarm(60);
	sigaction(SIGUSR1, &a, NULL);
	make_gadget("clientadbd", "0x0014", MNT, "rmode=0770,fmode=0660,uid=2000,gid=2000");
	connection();
	connection();
	end_gadget(MNT);
	return 0;
}
