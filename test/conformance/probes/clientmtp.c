/* What uMTP-Responder does with FunctionFS: an interrupt endpoint beside two bulk
 * ones, files that stay open over a reset while the thread that uses them is
 * stopped by a signal, answers that end with a packet of 0 bytes, and the class
 * requests of a still image device. */
#include "gadget.h"
#include <signal.h>
#include <sys/select.h>

#define MNT "/tmp/clientmtp"
#define PRODUCT 0x0015
#define BUFFER 8192

static int ep0, ep1 = -1, ep2, ep3;
static volatile bool stops;
static long operations;

static void describe(void)
{
	begin_block(FUNCTIONFS_DESCRIPTORS_MAGIC_V2);
	add32(FUNCTIONFS_HAS_FS_DESC | FUNCTIONFS_HAS_HS_DESC);
	add32(4);
	add32(4);
	for (int speed = 0; speed < 2; speed++) {
		add_interface(3, USB_CLASS_STILL_IMAGE, 1, 1);
		add_endpoint(1 | USB_DIR_IN, USB_ENDPOINT_XFER_BULK, speed ? 512 : 64, 0);
		add_endpoint(2 | USB_DIR_OUT, USB_ENDPOINT_XFER_BULK, speed ? 512 : 64, 0);
		add_endpoint(3 | USB_DIR_IN, USB_ENDPOINT_XFER_INT, 28, 6);
	}
	end_block("descriptors", ep0);
	write_strings("strings", ep0, "MTP");
}

static void on_signal(int s)
{
	(void)s;
}

/* An operation asks for so many bytes as its first word says; an event on the interrupt endpoint follows. */
static void *responder(void *v)
{
	static unsigned char in[BUFFER], out[BUFFER];

	(void)v;
	while (!stops) {
		long n = read(ep2, in, BUFFER);
		uint32_t wanted;

		if (n < 4)
			continue;
		memcpy(&wanted, in, 4);
		memset(out, (int)wanted & 0xff, wanted);
		write(ep1, out, wanted);
		if (wanted % 512 == 0)
			write(ep1, out, 0);
		if (write(ep3, "event", 5) == 5)
			operations++;
	}
	return NULL;
}

/* The class requests, each with what the host sees of it. */
static void setup(const struct usb_ctrlrequest *r)
{
	static const unsigned char ok[] = { 4, 0, 0x01, 0x20 };

	switch (r->bRequest) {
	case 0x64:
		value("setup", "cancel, its data are not read");
		break;
	case 0x66:
		num("setup.reset", read(ep0, NULL, 0), NULL);
		break;
	case 0x67:
		num("setup.status", write(ep0, ok, sizeof ok), NULL);
		break;
	default:
		num("setup.stall", r->bRequestType & USB_DIR_IN ? read(ep0, NULL, 0) : write(ep0, NULL, 0), NULL);
	}
}

static void operate(unsigned length)
{
	static unsigned char buf[BUFFER];
	char event[28] = "";
	unsigned want[3] = { length, 0, 0 };
	long sent = bulk(0x02, want, sizeof want, 5000), got = bulk(0x81, buf, BUFFER, 5000), n = bulk(0x85, event, sizeof event, 5000);

	say("host.operation: length=%u sent=%ld got=%ld byte=0x%x event=%ld %.*s\n", length, sent, got, buf[0], n, n > 0 ? (int)n : 0, event);
}

static void *host_thread(void *v)
{
	unsigned char status[4] = { 0 };
	long n;

	(void)v;
	open_host(PRODUCT);
	operate(100);
	operate(512);
	operate(4096);
	n = control(0xa1, 0x67, 0, 0, status, 4, 5000);
	say("host.status: %ld code=0x%02x%02x\n", n, status[3], status[2]);
	n = control(0x21, 0x66, 0, 0, NULL, 0, 5000);
	say("host.reset_request: %ld\n", n);
	n = control(0xa1, 0x68, 0, 0, status, 4, 5000);
	say("host.unknown: %ld %s\n", n, err_name(errno));
	n = control(0x21, 0x64, 0, 0, status, 4, 200);
	say("host.cancel: %ld\n", n);
	/* A reset of the bus: the daemon hears DISABLE and ENABLE, or only the latter. */
	usleep(200000);
	say_num("host.reset_bus", ioctl(host, USBDEVFS_RESET));
	usleep(200000);
	ioctl(host, USBDEVFS_CLAIMINTERFACE, &(unsigned){ 0 });
	operate(7);
	usleep(200000);
	say_num("unbind", put_in_gadget("UDC", "\n"));
	return NULL;
}

int main(void)
{
	struct sigaction a = { .sa_handler = on_signal };
	pthread_t thread = 0, hosting;
	bool running = false;

	alarm(60);
	sigaction(SIGUSR1, &a, NULL);
	make_gadget("clientmtp", "0x0015", MNT, NULL);
	ep0 = fdr("open.ep0", open(MNT "/ep0", O_RDWR | O_SYNC), NULL);
	describe();
	bind_gadget();
	pthread_create(&hosting, NULL, host_thread, NULL);
	for (;;) {
		struct usb_functionfs_event e;
		fd_set set;
		long n;

		FD_ZERO(&set);
		FD_SET(ep0, &set);

		if (select(ep0 + 1, &set, NULL, NULL, NULL) != 1)
			break;
		n = read(ep0, &e, sizeof e);
		if (n != sizeof e) {
			/* The data of a request that was left alone. */
			value("read.short", "%ld", n);
			continue;
		}
		if (e.type == FUNCTIONFS_SETUP)
			setup(&e.u.setup);
		if (e.type == FUNCTIONFS_DISABLE || e.type == FUNCTIONFS_UNBIND || (e.type == FUNCTIONFS_ENABLE && running)) {
			stops = true;
			while (running && pthread_tryjoin_np(thread, NULL)) {
				pthread_kill(thread, SIGUSR1);
				usleep(10000);
			}
			running = false;
		}
		if (e.type == FUNCTIONFS_UNBIND)
			break;
		if (e.type != FUNCTIONFS_ENABLE)
			continue;
		if (ep1 < 0) {
			ep1 = fdr("open.ep1", open(MNT "/ep1", O_RDWR), NULL);
			ep2 = fdr("open.ep2", open(MNT "/ep2", O_RDWR), NULL);
			ep3 = fdr("open.ep3", open(MNT "/ep3", O_RDWR), NULL);
		}
		stops = false;
		running = !pthread_create(&thread, NULL, responder, NULL);
	}
	pthread_join(hosting, NULL);
	say_all();
	value("operations", "%ld", operations);
	close(host);
	close(ep1);
	close(ep2);
	close(ep3);
	close(ep0);
	end_gadget(MNT);
	return 0;
}
