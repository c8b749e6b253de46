/* What the AIO examples of the kernel's tools do with FunctionFS: `simple` has a
 * transfer in each direction under way, `multibuff` two groups of 128 to the
 * host; both are told by an eventfd. */
#include "gadget.h"
#include <linux/aio_abi.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/syscall.h>

#define MNT "/tmp/clientaio"
#define PRODUCT 0x0012
#define BUFFER 8192
#define ROUNDS 4
#define GROUP 128

static int ep0, ep1, ep2, evfd;
static bool ready;
static aio_context_t ctx;

static void describe(void)
{
	begin_block(FUNCTIONFS_DESCRIPTORS_MAGIC_V2);
	add32(FUNCTIONFS_HAS_FS_DESC | FUNCTIONFS_HAS_HS_DESC);
	add32(3);
	add32(3);
	for (int speed = 0; speed < 2; speed++) {
		add_interface(2, USB_CLASS_VENDOR_SPEC, 0, 0);
		add_endpoint(1 | USB_DIR_IN, USB_ENDPOINT_XFER_BULK, speed ? 512 : 0, 0);
		add_endpoint(2 | USB_DIR_OUT, USB_ENDPOINT_XFER_BULK, speed ? 512 : 0, 0);
	}
	end_block("descriptors", ep0);
	write_strings("strings", ep0, "AIO Test");
}

static void one_event(void)
{
	struct usb_functionfs_event e;
	struct pollfd p = { .fd = ep0, .events = POLLIN };

	if (poll(&p, 1, 0) != 1 || read(ep0, &e, sizeof e) != sizeof e)
		return;
	switch (e.type) {
	case FUNCTIONFS_SETUP:
		if (e.u.setup.bRequestType & USB_DIR_IN)
			num("setup.in", write(ep0, NULL, 0), NULL);
		else
			num("setup.out", read(ep0, NULL, 0), NULL);
		break;
	case FUNCTIONFS_ENABLE:
		ready = true;
		break;
	case FUNCTIONFS_DISABLE:
		ready = false;
		break;
	}
}

/* Waits for events of ep0 or the end of transfers; says whether those have ended. */
static bool wait_for_any(void)
{
	struct timeval tv = { 10, 0 };
	uint64_t count;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(ep0, &set);
	FD_SET(evfd, &set);
	if (select((ep0 > evfd ? ep0 : evfd) + 1, &set, NULL, NULL, &tv) <= 0)
		return false;
	if (FD_ISSET(ep0, &set))
		one_event();
	return ready && FD_ISSET(evfd, &set) && read(evfd, &count, 8) == 8;
}

static void prepare(struct iocb *c, int fd, int op, void *buf)
{
	*c = (struct iocb){ .aio_fildes = (uint32_t)fd, .aio_lio_opcode = (uint16_t)op, .aio_buf = (uintptr_t)buf, .aio_nbytes = BUFFER,
			    .aio_flags = IOCB_FLAG_RESFD, .aio_resfd = (uint32_t)evfd };
}

static void *simple_host(void *v)
{
	static unsigned char in[BUFFER], out[BUFFER];
	long got = 0, sent = 0;

	(void)v;
	open_host(PRODUCT);
	for (int i = 0; i < ROUNDS; i++) {
		got += bulk(0x81, in, BUFFER, 5000);
		sent += bulk(0x02, out, BUFFER, 5000);
	}
	say("simple.host: in=%ld out=%ld\n", got, sent);
	return NULL;
}

/* One request in each direction, made again when it has ended. */
static void simple(void)
{
	static unsigned char in[BUFFER], out[BUFFER];
	struct iocb to_host, from_host, *list[1];
	bool sends = false, receives = false;
	long sent = 0, received = 0;
	pthread_t t;

	num("simple.setup", syscall(SYS_io_setup, 2, &ctx), NULL);
	pthread_create(&t, NULL, simple_host, NULL);
	while (sent < ROUNDS || received < ROUNDS) {
		struct io_event e[2];
		long n = wait_for_any() ? syscall(SYS_io_getevents, ctx, 1, 2, e, NULL) : 0;

		for (long i = 0; i < n; i++) {
			if (e[i].res != BUFFER)
				value("simple.bad", "res=%lld", (long long)e[i].res);
			if (e[i].obj == (uintptr_t)&to_host) {
				sends = false;
				sent++;
			} else {
				receives = false;
				received++;
			}
		}
		if (!ready)
			continue;
		if (!sends && sent < ROUNDS) {
			prepare(&to_host, ep1, IOCB_CMD_PWRITE, in);
			list[0] = &to_host;
			sends = syscall(SYS_io_submit, ctx, 1, list) == 1;
		}
		if (!receives && received < ROUNDS) {
			prepare(&from_host, ep2, IOCB_CMD_PREAD, out);
			list[0] = &from_host;
			receives = syscall(SYS_io_submit, ctx, 1, list) == 1;
		}
	}
	pthread_join(t, NULL);
	say_all();
	value("simple.gadget", "in=%ld out=%ld", sent, received);
	num("simple.destroy", syscall(SYS_io_destroy, ctx), NULL);
}

static void *multi_host(void *v)
{
	static unsigned char in[BUFFER];
	long got = 0;

	(void)v;
	for (int i = 0; i < 2 * GROUP; i++)
		got += bulk(0x81, in, BUFFER, 5000);
	value("multi.host", "in=%ld", got);
	return NULL;
}

/* Two groups are queued at once; the host takes both, and then nothing: the third is cut off. */
static void multi(void)
{
	static unsigned char buf[BUFFER];
	static struct iocb iocbs[3][GROUP];
	struct iocb *list[GROUP];
	long done = 0, cut = 0, n;
	uint64_t count = 0;
	pthread_t t;

	ctx = 0;
	num("multi.setup", syscall(SYS_io_setup, 3 * GROUP, &ctx), NULL);
	for (int group = 0; group < 3; group++) {
		for (int i = 0; i < GROUP; i++) {
			prepare(&iocbs[group][i], ep1, IOCB_CMD_PWRITE, buf);
			list[i] = &iocbs[group][i];
		}
		num("multi.submit", syscall(SYS_io_submit, ctx, GROUP, list), NULL);
	}
	pthread_create(&t, NULL, multi_host, NULL);
	pthread_join(t, NULL);
	unbind_gadget();
	while (done + cut < 3 * GROUP) {
		struct io_event e[GROUP];

		n = syscall(SYS_io_getevents, ctx, 1, GROUP, e, NULL);
		for (long i = 0; i < n; i++) {
			done += e[i].res == BUFFER;
			cut += e[i].res == -ESHUTDOWN;
		}
	}
	value("multi.gadget", "done=%ld cut_off=%ld", done, cut);
	n = read(evfd, &count, 8);
	num("multi.eventfd", n, "count=%llu", (unsigned long long)count);
	num("multi.destroy", syscall(SYS_io_destroy, ctx), NULL);
}

int main(void)
{
	alarm(60);
	make_gadget("clientaio", "0x0012", MNT, NULL);
	ep0 = fdr("open.ep0", open(MNT "/ep0", O_RDWR), NULL);
	describe();
	ep1 = fdr("open.ep1", open(MNT "/ep1", O_RDWR), NULL);
	ep2 = fdr("open.ep2", open(MNT "/ep2", O_RDWR), NULL);
	evfd = eventfd(0, 0);
	bind_gadget();
	simple();
	multi();
	close(host);
	close(ep1);
	close(ep2);
	close(ep0);
	end_gadget(MNT);
	return 0;
}
