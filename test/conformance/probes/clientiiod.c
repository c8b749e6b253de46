/* What iiod of libiio does with FunctionFS: pipes of two endpoints that share a
 * number, opened and closed by control requests, and messages with a head of 8
 * bytes on them, by AIO that a stop cancels. The host answers for libiio. */
#include "gadget.h"
#include <linux/aio_abi.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#define MNT "/tmp/clientiiod"
#define PRODUCT 0x0013
#define PIPES 3
#define BLOCK (256 * 1024)

enum { RESET_PIPES, OPEN_PIPE, CLOSE_PIPE };
enum { OP_RESPONSE, OP_PRINT };

/* What stands before each message. */
struct iiod_command { uint16_t client_id; uint8_t op, dev; int32_t code; };

static int ep0, stop;
static pthread_t pipe_thread;
static bool has_pipe;

static struct pipe { aio_context_t ctx; int in, out, event; long moved; long last; } pipe0;

static void describe(void)
{
	static const int packet[] = { 64, 512, 1024 };

	begin_block(FUNCTIONFS_DESCRIPTORS_MAGIC_V2);
	add32(FUNCTIONFS_HAS_FS_DESC | FUNCTIONFS_HAS_HS_DESC | FUNCTIONFS_HAS_SS_DESC);
	add32(2 * PIPES + 1);
	add32(2 * PIPES + 1);
	add32(4 * PIPES + 1);
	for (int speed = 0; speed < 3; speed++) {
		add_interface(2 * PIPES, USB_CLASS_COMM, 0, 0);
		for (int p = 0; p < PIPES; p++)
			for (int out = 0; out < 2; out++) {
				add_endpoint((p + 1) | (out ? USB_DIR_OUT : USB_DIR_IN), USB_ENDPOINT_XFER_BULK, packet[speed], 0);
				if (speed == 2)
					add_companion(0);
			}
	}
	end_block("descriptors", ep0);
	write_strings("strings", ep0, "IIO");
}

/* One transfer: until it has ended, or the pipe is stopped, which cancels it. */
static long transfer(struct pipe *p, int fd, int op, void *buf, size_t n)
{
	struct iocb c = { .aio_fildes = (uint32_t)fd, .aio_lio_opcode = (uint16_t)op, .aio_buf = (uintptr_t)buf, .aio_nbytes = n,
			  .aio_flags = IOCB_FLAG_RESFD, .aio_resfd = (uint32_t)p->event }, *list[1] = { &c };
	struct pollfd polled[2] = { { .fd = p->event, .events = POLLIN }, { .fd = stop, .events = POLLIN } };
	struct io_event e = { 0 };
	uint64_t count;

	if (syscall(SYS_io_submit, p->ctx, 1, list) != 1)
		return -errno;
	poll(polled, 2, -1);
	if (!(polled[0].revents & POLLIN) && (polled[1].revents & POLLIN)) {
		long r = syscall(SYS_io_cancel, p->ctx, &c, &e);

		num("pipe.cancel", r, NULL);
	}
	if (read(p->event, &count, 8) < 0)
		poll(polled, 1, -1);
	return syscall(SYS_io_getevents, p->ctx, 1, 1, &e, NULL) == 1 ? (long)e.res : -errno;
}

/* Answers each message by as many bytes as it asks for, until the pipe is stopped. */
static void *serve(void *v)
{
	static unsigned char data[BLOCK];
	struct pipe *p = v;

	for (;;) {
		struct iiod_command c;
		long n = transfer(p, p->out, IOCB_CMD_PREAD, &c, sizeof c);

		if (n != sizeof c) {
			p->last = n;
			return NULL;
		}
		c.op = OP_RESPONSE;
		transfer(p, p->in, IOCB_CMD_PWRITE, &c, sizeof c);
		memset(data, c.code & 0xff, sizeof data);
		n = transfer(p, p->in, IOCB_CMD_PWRITE, data, (size_t)c.code);
		p->moved += n;
	}
}

static void close_pipe(void)
{
	uint64_t one = 1;

	if (!has_pipe)
		return;
	if (write(stop, &one, 8) == 8)
		pthread_join(pipe_thread, NULL);
	if (read(stop, &one, 8) < 0)
		exit(4);
	syscall(SYS_io_destroy, pipe0.ctx);
	close(pipe0.in);
	close(pipe0.out);
	close(pipe0.event);
	has_pipe = false;
	value("pipe.end", "moved=%ld last=%ld", pipe0.moved, pipe0.last);
}

static int open_pipe(int number)
{
	char path[64];

	if (number >= PIPES)
		return -1;
	pipe0 = (struct pipe){ .event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	snprintf(path, sizeof path, MNT "/ep%d", 2 * number + 1);
	pipe0.in = fdr("pipe.in", open(path, O_WRONLY), NULL);
	snprintf(path, sizeof path, MNT "/ep%d", 2 * number + 2);
	pipe0.out = fdr("pipe.out", open(path, O_RDONLY), NULL);
	syscall(SYS_io_setup, 1, &pipe0.ctx);
	has_pipe = !pthread_create(&pipe_thread, NULL, serve, &pipe0);
	return 0;
}

/* The thread that serves ep0: each event is acknowledged, though only a request needs it. */
static void *usb_thread(void *v)
{
	struct usb_functionfs_event e;
	struct pollfd p = { .fd = ep0, .events = POLLIN };

	(void)v;
	while (poll(&p, 1, -1) == 1 && read(ep0, &e, sizeof e) == sizeof e) {
		if (e.type == FUNCTIONFS_UNBIND)
			break;
		if (e.type == FUNCTIONFS_SETUP && e.u.setup.bRequestType == 0x41) {
			value("usb.request", "%u value=%u", e.u.setup.bRequest, e.u.setup.wValue);
			if (e.u.setup.bRequest != OPEN_PIPE)
				close_pipe();
			else if (open_pipe(e.u.setup.wValue))
				break;
		}
		if (read(ep0, NULL, 0) < 0 && errno != EINVAL)
			num("usb.acknowledge", -1, NULL);
	}
	return NULL;
}

/* The controller has given the first pipe the endpoints 0x81 and 0x02. */
static void host_side(void)
{
	static unsigned char data[BLOCK];
	struct iiod_command c = { .op = OP_PRINT, .code = BLOCK };
	long got = 0;

	say_num("host.reset_pipes", control(0x41, RESET_PIPES, 0, 0, NULL, 0, 1000));
	say_num("host.open_pipe", control(0x41, OPEN_PIPE, 0, 0, NULL, 0, 1000));
	for (int i = 0; i < 3; i++) {
		bulk(0x02, &c, sizeof c, 5000);
		bulk(0x81, &c, sizeof c, 5000);
		say("host.response: op=%u code=%d\n", c.op, c.code);
		while (got < (i + 1) * BLOCK) {
			long n = bulk(0x81, data, 16384, 5000);

			if (n <= 0)
				break;
			got += n;
		}
	}
	say("host.got: %ld last=0x%x\n", got, data[0]);
	say_num("host.close_pipe", control(0x41, CLOSE_PIPE, 0, 0, NULL, 0, 1000));
	say_num("host.open_last", control(0x41, OPEN_PIPE, PIPES - 1, 0, NULL, 0, 1000));
	say_num("host.reset_again", control(0x41, RESET_PIPES, 0, 0, NULL, 0, 1000));
	say_num("host.open_too_many", control(0x41, OPEN_PIPE, PIPES, 0, NULL, 0, 300));
}

int main(void)
{
	pthread_t usb;

	alarm(60);
	stop = eventfd(0, EFD_NONBLOCK);
	make_gadget("clientiiod", "0x0013", MNT, NULL);
	ep0 = fdr("open.ep0", open(MNT "/ep0", O_RDWR), NULL);
	describe();
	pthread_create(&usb, NULL, usb_thread, NULL);
	bind_gadget();
	open_host(PRODUCT);
	host_side();
	pthread_join(usb, NULL);
	say_all();
	close(host);
	unbind_gadget();
	close(ep0);
	end_gadget(MNT);
	return 0;
}
