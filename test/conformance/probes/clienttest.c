/* What ffs-test of the kernel's tools does with FunctionFS: descriptors in both
 * formats, a thread for each endpoint that moves 8192 bytes at a time, and ep0
 * read event by event, setups too, which the next read then acts upon. */
#include "gadget.h"

#define MNT "/tmp/clienttest"
#define PRODUCT 0x0011
#define BUFFER 8192
#define ROUNDS 4

static int ep0, ep1, ep2;
/* How each thread ended: the first result that was no success, and what it had moved until then. */
static struct ended { long ret; int err; long moved; bool wrong; } source, sink;

/* i modulo 63, as pattern 1 of the tool. */
static void fill(unsigned char *buf)
{
	for (int i = 0; i < BUFFER; i++)
		buf[i] = (unsigned char)(i % 63);
}

static bool is_filled(const unsigned char *buf, long n)
{
	for (long i = 0; i < n; i++)
		if (buf[i] != i % 63)
			return false;
	return true;
}

static void *source_thread(void *v)
{
	static unsigned char buf[BUFFER];

	(void)v;
	fill(buf);
	for (;;) {
		long n = write(ep1, buf, BUFFER);

		if (n <= 0) {
			source.ret = n;
			source.err = n < 0 ? errno : 0;
			return NULL;
		}
		source.moved += n;
	}
}

static void *sink_thread(void *v)
{
	static unsigned char buf[BUFFER];

	(void)v;
	for (;;) {
		long n = read(ep2, buf, BUFFER);

		if (n <= 0) {
			sink.ret = n;
			sink.err = n < 0 ? errno : 0;
			return NULL;
		}
		if (!is_filled(buf, n))
			sink.wrong = true;
		sink.moved += n;
	}
}

/* The host reads and writes what the threads give and take, and asks something in the end. */
static void *host_thread(void *v)
{
	static unsigned char in[BUFFER], out[BUFFER];
	char reply[8];
	bool right = true;
	long got = 0, sent = 0;

	(void)v;
	open_host(PRODUCT);
	fill(out);
	for (int i = 0; i < ROUNDS; i++) {
		long n = bulk(0x81, in, BUFFER, 5000);

		if (n > 0) {
			got += n;
			right = right && is_filled(in, n);
		}
		n = bulk(0x02, out, BUFFER, 5000);
		if (n > 0)
			sent += n;
	}
	say("host.moved: in=%ld right=%d out=%ld\n", got, right, sent);
	say_num("host.vendor_in", control(0xc1, 0x31, 5, 0, reply, 8, 5000));
	return NULL;
}

/* The main loop of the tool. */
static void read_events(void)
{
	struct usb_functionfs_event e[4];

	for (;;) {
		ssize_t n = read(ep0, e, sizeof e);

		if (n <= 0) {
			num("ep0.read", n, NULL);
			return;
		}
		for (size_t i = 0; i < (size_t)n / sizeof *e; i++) {
			/* BIND is there or not, as the reader is quick or slow. */
			if (e[i].type == FUNCTIONFS_BIND)
				continue;
			value("ep0.event", "%s", event_name(e[i].type));
		}
	}
}

static void clean_up(const char *name, int fd)
{
	long n = ioctl(fd, FUNCTIONFS_FIFO_STATUS);

	num(name, n, NULL);
	if (n > 0)
		ioctl(fd, FUNCTIONFS_FIFO_FLUSH);
	close(fd);
}

static void describe(bool legacy)
{
	begin_block(legacy ? FUNCTIONFS_DESCRIPTORS_MAGIC : FUNCTIONFS_DESCRIPTORS_MAGIC_V2);
	if (!legacy)
		add32(FUNCTIONFS_HAS_FS_DESC | FUNCTIONFS_HAS_HS_DESC | FUNCTIONFS_HAS_SS_DESC);
	add32(3);
	add32(3);
	if (!legacy)
		add32(5);
	for (int speed = 0; speed < (legacy ? 2 : 3); speed++) {
		static const int packet[] = { 0, 512, 1024 };

		add_interface(2, USB_CLASS_VENDOR_SPEC, 0, 0);
		add_endpoint(1 | USB_DIR_IN, USB_ENDPOINT_XFER_BULK, packet[speed], 0);
		if (speed == 2)
			add_companion(0);
		add_endpoint(2 | USB_DIR_OUT, USB_ENDPOINT_XFER_BULK, packet[speed], speed > 0);
		if (speed == 2)
			add_companion(0);
	}
	end_block(legacy ? "descriptors.v1" : "descriptors.v2", ep0);
}

static void run(bool legacy)
{
	pthread_t threads[3];

	source = sink = (struct ended){ 0 };
	host = -1;
	ep0 = fdr("open.ep0", open("ep0", O_RDWR), NULL);
	describe(legacy);
	write_strings("strings", ep0, "Source/Sink");
	ep1 = fdr("open.ep1", open("ep1", O_RDWR), NULL);
	ep2 = fdr("open.ep2", open("ep2", O_RDWR), NULL);
	pthread_create(&threads[0], NULL, source_thread, NULL);
	pthread_create(&threads[1], NULL, sink_thread, NULL);
	bind_gadget();
	pthread_create(&threads[2], NULL, host_thread, NULL);
	read_events();
	pthread_join(threads[2], NULL);
	say_all();
	/* The host goes away while both threads wait for it. */
	usleep(200000);
	unbind_gadget();
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	num("source.end", source.ret, "errno=%s moved=%ld", err_name(source.err), source.moved);
	num("sink.end", sink.ret, "errno=%s moved=%ld wrong=%d", err_name(sink.err), sink.moved, sink.wrong);
	fcntl(ep1, F_SETFL, O_NONBLOCK);
	fcntl(ep2, F_SETFL, O_NONBLOCK);
	clean_up("ep1.fifo", ep1);
	clean_up("ep2.fifo", ep2);
	close(host);
	close(ep0);
}

int main(void)
{
	alarm(60);
	make_gadget("clienttest", "0x0011", MNT, NULL);
	if (chdir(MNT))
		return 1;
	run(false);
	run(true);
	if (chdir("/"))
		return 1;
	end_gadget(MNT);
	return 0;
}
