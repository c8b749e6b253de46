/* io_submit and its like on files of the kernel's own making. */
#include "probe.h"
#include <linux/aio_abi.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

#define GADGET "/sys/kernel/config/usb_gadget/aio"

static aio_context_t ctx;
static char buf[64];

static long submit(struct iocb *c)
{
	struct iocb *list[1] = { c };

	return syscall(SYS_io_submit, ctx, 1, list);
}

static long events(long least, long most, struct io_event *e, int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	return syscall(SYS_io_getevents, ctx, least, most, e, &t);
}

/* Submits, and prints how each of its events ended. */
static void ask(const char *name, struct iocb c)
{
	struct io_event e[4];
	long n;

	num(name, submit(&c), NULL);
	n = events(0, 4, e, 0);
	for (long i = 0; i < n; i++)
		value(name, "event res=%lld %s data=%llx", (long long)e[i].res, e[i].res < 0 ? err_name((int)-e[i].res) : "",
		      (unsigned long long)e[i].data);
}

static struct iocb request(int op, int fd, const void *p, size_t n, long offset)
{
	return (struct iocb){ .aio_lio_opcode = (uint16_t)op, .aio_fildes = (uint32_t)fd, .aio_buf = (uintptr_t)p, .aio_nbytes = n,
			      .aio_offset = offset, .aio_data = 0xfedcba9876543210 };
}

static void every_operation(const char *kind, int fd)
{
	static const struct { const char *name; int op; } ops[] = {
		{ "pread", IOCB_CMD_PREAD }, { "fsync", IOCB_CMD_FSYNC }, { "fdsync", IOCB_CMD_FDSYNC }, { "noop", IOCB_CMD_NOOP }, { "four", 4 },
	};
	char name[64];
	struct iocb c;
	struct io_event e[1];
	struct iovec v[2] = { { buf, 2 }, { buf + 16, 30 } };

	for (unsigned i = 0; i < sizeof ops / sizeof *ops; i++) {
		bool reads = ops[i].op == IOCB_CMD_PREAD;

		snprintf(name, sizeof name, "%s.%s", kind, ops[i].name);
		c = request(ops[i].op, fd, reads ? buf : NULL, reads ? 32 : 0, 0);
		num(name, submit(&c), NULL);
		if (events(0, 1, e, ops[i].op == IOCB_CMD_PREAD ? 0 : 100) == 0)
			events(1, 1, e, 20);
	}
	snprintf(name, sizeof name, "%s.read", kind);
	ask(name, request(IOCB_CMD_PREAD, fd, buf, 32, 0));
	snprintf(name, sizeof name, "%s.read_at_2", kind);
	ask(name, request(IOCB_CMD_PREAD, fd, buf, 32, 2));
	snprintf(name, sizeof name, "%s.readv", kind);
	ask(name, request(IOCB_CMD_PREADV, fd, v, 2, 0));
	snprintf(name, sizeof name, "%s.readv_none", kind);
	ask(name, request(IOCB_CMD_PREADV, fd, v, 0, 0));
	snprintf(name, sizeof name, "%s.readv_many", kind);
	ask(name, request(IOCB_CMD_PREADV, fd, v, 1025, 0));
	snprintf(name, sizeof name, "%s.readv_nowhere", kind);
	ask(name, request(IOCB_CMD_PREADV, fd, (void *)16, 1, 0));
	snprintf(name, sizeof name, "%s.read_nowhere", kind);
	ask(name, request(IOCB_CMD_PREAD, fd, (void *)16, 32, 0));
	snprintf(name, sizeof name, "%s.read_kernel", kind);
	ask(name, request(IOCB_CMD_PREAD, fd, (void *)(1ul << 62), 32, 0));
	snprintf(name, sizeof name, "%s.read_negative", kind);
	ask(name, request(IOCB_CMD_PREAD, fd, buf, 32, -1));
	snprintf(name, sizeof name, "%s.read_long", kind);
	ask(name, request(IOCB_CMD_PREAD, fd, buf, (size_t)-1, 0));
	snprintf(name, sizeof name, "%s.poll_out", kind);
	ask(name, request(IOCB_CMD_POLL, fd, (void *)POLLOUT, 0, 0));
	snprintf(name, sizeof name, "%s.poll_many", kind);
	ask(name, request(IOCB_CMD_POLL, fd, (void *)0x10001, 0, 0));
	snprintf(name, sizeof name, "%s.poll_length", kind);
	ask(name, request(IOCB_CMD_POLL, fd, (void *)POLLIN, 1, 0));
	for (unsigned flag = 1; flag <= 0x80; flag <<= 1) {
		snprintf(name, sizeof name, "%s.rw_flag_%x", kind, flag);
		c = request(IOCB_CMD_PREAD, fd, buf, 4, 0);
		c.aio_rw_flags = (int)flag;
		ask(name, c);
	}
	snprintf(name, sizeof name, "%s.append_or_not", kind);
	c = request(IOCB_CMD_PREAD, fd, buf, 4, 0);
	c.aio_rw_flags = 0x30;
	ask(name, c);
	for (int class = 0; class < 8; class++) {
		snprintf(name, sizeof name, "%s.ioprio_%d", kind, class);
		c = request(IOCB_CMD_PREAD, fd, buf, 4, 0);
		c.aio_flags = IOCB_FLAG_IOPRIO;
		c.aio_reqprio = (int16_t)(class << 13 | 4);
		ask(name, c);
	}
	snprintf(name, sizeof name, "%s.unknown_flag", kind);
	c = request(IOCB_CMD_PREAD, fd, buf, 4, 0);
	c.aio_flags = 0x80;
	ask(name, c);
	snprintf(name, sizeof name, "%s.reserved", kind);
	c = request(IOCB_CMD_PREAD, fd, buf, 4, 0);
	c.aio_reserved2 = 1;
	ask(name, c);
	snprintf(name, sizeof name, "%s.resfd_closed", kind);
	c = request(77, fd, buf, 4, 0);
	c.aio_flags = IOCB_FLAG_RESFD;
	c.aio_resfd = 999;
	ask(name, c);
	snprintf(name, sizeof name, "%s.resfd_itself", kind);
	c.aio_resfd = (uint32_t)fd;
	ask(name, c);
}

static void writing(int fd)
{
	struct iovec v[2] = { { "0x", 2 }, { "34", 2 } };

	ask("write.plain", request(IOCB_CMD_PWRITE, fd, "0x12\n", 5, 0));
	ask("write.shown", request(IOCB_CMD_PREAD, fd, buf, 32, 0));
	value("write.text", "%.5s", buf);
	ask("write.vectors", request(IOCB_CMD_PWRITEV, fd, v, 2, 0));
	ask("write.wrong", request(IOCB_CMD_PWRITE, fd, "x", 1, 0));
	ask("write.none", request(IOCB_CMD_PWRITE, fd, "", 0, 0));
	ask("write.nowhere", request(IOCB_CMD_PWRITE, fd, (void *)16, 5, 0));
}

static void nothing(int sig)
{
	(void)sig;
}

static void waiting(int fd)
{
	struct iocb c = request(IOCB_CMD_POLL, fd, (void *)POLLPRI, 0, 0), other = c;
	struct io_event e[4];
	struct sigaction sa = { .sa_handler = nothing };
	struct itimerval soon = { .it_value = { 0, 100000 } };
	int bell = eventfd(0, EFD_NONBLOCK);
	uint64_t told = 0;

	num("wait.submit", submit(&c), NULL);
	num("wait.nothing", events(1, 4, e, 20), NULL);
	num("wait.cancel_other", syscall(SYS_io_cancel, ctx, &other, e), NULL);
	other.aio_key = 1;
	num("wait.cancel_bad_key", syscall(SYS_io_cancel, ctx, &other, e), NULL);
	num("wait.cancel_nowhere", syscall(SYS_io_cancel, ctx, (void *)16, e), NULL);
	num("wait.cancel_bad_context", syscall(SYS_io_cancel, 16, &c, e), NULL);
	num("wait.cancel", syscall(SYS_io_cancel, ctx, &c, e), NULL);
	num("wait.cancelled", events(1, 4, e, 1000), NULL);
	value("wait.cancelled", "res=%lld", (long long)e[0].res);
	num("wait.cancel_again", syscall(SYS_io_cancel, ctx, &c, e), NULL);
	c.aio_flags = IOCB_FLAG_RESFD;
	c.aio_resfd = (uint32_t)bell;
	c.aio_key = 99;
	num("wait.submit_with_bell", submit(&c), NULL);
	value("wait.key", "%u", c.aio_key);
	num("wait.bell_silent", read(bell, &told, sizeof told), NULL);
	syscall(SYS_io_cancel, ctx, &c, e);
	num("wait.cancelled_with_bell", events(1, 4, e, 1000), NULL);
	num("wait.bell", read(bell, &told, sizeof told), NULL);
	value("wait.bell_count", "%llu", (unsigned long long)told);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	num("wait.signal", syscall(SYS_io_getevents, ctx, 1, 4, e, NULL), NULL);
	num("wait.submit_last", submit(&c), NULL);
}

int main(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	struct io_event e[4];
	struct iocb good, bad, *list[3];
	aio_context_t other = 0, used = 1;
	int fd, device, socket_fd, state;

	alarm(60);
	num("setup.none", syscall(SYS_io_setup, 0, &other), NULL);
	num("setup.nowhere", syscall(SYS_io_setup, 1, NULL), NULL);
	num("setup.not_zero", syscall(SYS_io_setup, 1, &used), NULL);
	num("setup.too_many", syscall(SYS_io_setup, 0x10001, &other), NULL);
	num("setup.far_too_many", syscall(SYS_io_setup, 8388608, &other), NULL);
	num("setup", syscall(SYS_io_setup, 4, &ctx), NULL);
	mkdir(GADGET, 0755);
	fd = open(GADGET "/idVendor", O_RDWR);
	device = open("/dev/dma_heap/system", O_RDWR);
	socket_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	state = open("/sys/class/udc/dummy_udc.0/state", O_RDONLY);
	bind(socket_fd, (struct sockaddr *)&address, sizeof address);
	every_operation("configfs", fd);
	every_operation("sysfs", state);
	every_operation("device", device);
	every_operation("folder", open("/sys/class/udc", O_RDONLY));
	every_operation("socket", socket_fd);
	every_operation("closed", 999);
	every_operation("path", open(GADGET "/idVendor", O_PATH));
	writing(fd);
	ask("read_only.write", request(IOCB_CMD_PWRITE, state, "x", 1, 0));
	ask("write_only.read", request(IOCB_CMD_PREAD, open(GADGET "/idVendor", O_WRONLY), buf, 1, 0));
	waiting(state);

	good = request(IOCB_CMD_PREAD, fd, buf, 8, 0);
	bad = request(IOCB_CMD_PREAD, 999, buf, 8, 0);
	list[0] = &good;
	list[1] = &bad;
	list[2] = &good;
	num("list.stops", syscall(SYS_io_submit, ctx, 3, list), NULL);
	list[1] = NULL;
	num("list.null", syscall(SYS_io_submit, ctx, 3, list), NULL);
	num("list.events", events(2, 4, e, 1000), NULL);
	num("list.nowhere", syscall(SYS_io_submit, ctx, 1, (void *)16), NULL);
	num("list.empty", syscall(SYS_io_submit, ctx, 0, NULL), NULL);
	num("list.negative", syscall(SYS_io_submit, ctx, -1, list), NULL);
	num("list.bad_context", syscall(SYS_io_submit, ctx + 1, 1, list), NULL);
	num("events.more_than", syscall(SYS_io_getevents, ctx, 2, 1, e, NULL), NULL);
	num("events.negative", syscall(SYS_io_getevents, ctx, -1, 1, e, NULL), NULL);
	num("events.bad_timeout", syscall(SYS_io_getevents, ctx, 0, 1, e, (void *)16), NULL);
	num("events.bad_context", syscall(SYS_io_getevents, 16, 0, 1, e, NULL), NULL);
	num("events.submit", syscall(SYS_io_submit, ctx, 1, list), NULL);
	num("events.nowhere", syscall(SYS_io_getevents, ctx, 1, 1, (void *)16, NULL), NULL);
	num("events.still_there", events(1, 1, e, 1000), NULL);
	num("destroy.bad", syscall(SYS_io_destroy, 16), NULL);
	num("destroy", syscall(SYS_io_destroy, ctx), NULL);
	num("destroy.again", syscall(SYS_io_destroy, ctx), NULL);
	num("destroyed.submit", syscall(SYS_io_submit, ctx, 1, list), NULL);
	return 0;
}
