/* Calls on the files of a function that mean nothing there, pointers that lead nowhere, and programs that are
 * killed while they wait: its own, its daemon, its host. */
#include "gadget.h"
#include <linux/aio_abi.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define MNT "/tmp/abuse"
static int ep0 = -1, in = -1, out = -1;

static void sleep_ms(int ms)
{
	usleep((useconds_t)ms * 1000);
}

static void describe(void)
{
	begin_block(FUNCTIONFS_DESCRIPTORS_MAGIC_V2);
	add32(FUNCTIONFS_HAS_FS_DESC | FUNCTIONFS_HAS_HS_DESC);
	add32(3);
	add32(3);
	for (int i = 0; i < 2; i++) {
		add_interface(2, 255, 0, 0);
		add_endpoint(0x81, 2, i ? 512 : 64, 0);
		add_endpoint(0x02, 2, i ? 512 : 64, 0);
	}
	end_block("descriptors", ep0);
	write_strings("strings", ep0, "abuse");
}

static void drain(const char *name)
{
	struct usb_functionfs_event e;
	struct pollfd p = { ep0, POLLIN, 0 };
	printf("%s:", name);
	for (int i = 0; i < 8 && poll(&p, 1, 300) > 0 && read(ep0, &e, sizeof e) == sizeof e; i++)
		printf(" %s", event_name(e.type));
	printf("\n");
	fflush(stdout);
}

static void st(const char *name, const char *path)
{
	struct stat s;
	int r = lstat(path, &s);
	num(name, r, "mode=0%o nlink=%ld size=%ld blksize=%ld blocks=%ld", r ? 0 : s.st_mode, r ? 0 : (long)s.st_nlink, r ? 0 : (long)s.st_size,
		r ? 0 : (long)s.st_blksize, r ? 0 : (long)s.st_blocks);
}

static void tree(void)
{
	struct statfs f;
	int r, fd;
	st("tree.root", MNT);
	st("tree.ep0", MNT "/ep0");
	st("tree.ep1", MNT "/ep1");
	r = statfs(MNT, &f);
	num("tree.statfs", r, "type=%lx bsize=%ld blocks=%ld namelen=%ld", (long)f.f_type, (long)f.f_bsize, (long)f.f_blocks, (long)f.f_namelen);
	r = statfs(MNT "/ep1", &f);
	num("tree.statfs_ep1", r, "type=%lx", (long)f.f_type);
	num("tree.mkdir", mkdir(MNT "/d", 0755), NULL);
	num("tree.mkdir_again", mkdir(MNT "/ep1", 0755), NULL);
	num("tree.mknod", mknod(MNT "/n", S_IFIFO | 0644, 0), NULL);
	num("tree.symlink", symlink("x", MNT "/s"), NULL);
	num("tree.link", link(MNT "/ep1", MNT "/l"), NULL);
	num("tree.unlink", unlink(MNT "/ep1"), NULL);
	num("tree.unlink_none", unlink(MNT "/none"), NULL);
	num("tree.rename", rename(MNT "/ep1", MNT "/ep9"), NULL);
	num("tree.rename_none", rename(MNT "/none", MNT "/ep9"), NULL);
	num("tree.rmdir", rmdir(MNT), NULL);
	num("tree.rmdir_ep1", rmdir(MNT "/ep1"), NULL);
	num("tree.chmod", chmod(MNT "/ep1", 0640), NULL);
	st("tree.chmodded", MNT "/ep1");
	num("tree.chmod_root", chmod(MNT, 0711), NULL);
	st("tree.root_chmodded", MNT);
	num("tree.chown", chown(MNT "/ep1", 5, 6), NULL);
	num("tree.truncate", truncate(MNT "/ep1", 5), NULL);
	num("tree.truncate0", truncate(MNT "/ep1", 0), NULL);
	num("tree.truncate_neg", truncate(MNT "/ep1", -1), NULL);

	num("tree.getxattr", getxattr(MNT "/ep1", "user.x", &f, 8), NULL);
	num("tree.listxattr", listxattr(MNT "/ep1", (char *)&f, 8), NULL);

	
	num("tree.utime", utimensat(AT_FDCWD, MNT "/ep1", NULL, 0), NULL);
	fdr("tree.excl", open(MNT "/ep1", O_RDWR | O_CREAT | O_EXCL, 0600), NULL);
	fd = fdr("tree.creat", open(MNT "/ep1", O_RDWR | O_CREAT, 0600), NULL);
	close(fd);
	fd = fdr("tree.trunc", open(MNT "/ep1", O_RDWR | O_TRUNC), NULL);
	close(fd);
	fd = fdr("tree.append", open(MNT "/ep1", O_RDWR | O_APPEND), NULL);
	close(fd);
	fd = fdr("tree.direct", open(MNT "/ep1", O_RDWR | O_DIRECT), NULL);
	close(fd);
	fdr("tree.directory", open(MNT "/ep1", O_RDONLY | O_DIRECTORY), NULL);
	fdr("tree.below", open(MNT "/ep1/x", O_RDONLY), NULL);
	fdr("tree.tmpfile", open(MNT, O_RDWR | O_TMPFILE, 0600), NULL);
	fdr("tree.dir_write", open(MNT, O_RDWR), NULL);
	num("tree.access_x", access(MNT "/ep1", X_OK), NULL);
	num("tree.access_w", access(MNT "/ep1", W_OK), NULL);
}

static void other_calls(const char *who, int fd)
{
	char name[64], b[16];
	struct iovec v[2] = { { b, 8 }, { (void *)1, 8 } };
	struct iovec none[1] = { { b, 0 } };
	int n = 0, p[2], null = open("/dev/null", O_RDWR), f;
	loff_t off = 0;
	struct flock fl = { .l_type = F_WRLCK };
#define N(x) (snprintf(name, sizeof name, "%s.%s", who, x), name)
	num(N("preadv"), preadv(fd, none, 1, 0), NULL);
	num(N("pwritev"), pwritev(fd, none, 1, 0), NULL);
	num(N("preadv2_cur"), preadv2(fd, none, 1, -1, 0), NULL);
	num(N("preadv2_nowait"), preadv2(fd, none, 1, -1, RWF_NOWAIT), NULL);
	num(N("preadv2_hipri"), preadv2(fd, none, 1, -1, RWF_HIPRI), NULL);
	num(N("preadv2_unknown"), preadv2(fd, none, 1, -1, 0x4000), NULL);
	num(N("pwritev2_append"), pwritev2(fd, none, 1, -1, RWF_APPEND), NULL);
	num(N("readv_1025"), syscall(SYS_readv, fd, none, 1025), NULL);
	num(N("readv_badvec"), syscall(SYS_readv, fd, 1, 1), NULL);
	num(N("writev_neg"), syscall(SYS_writev, fd, none, -1), NULL);
	v[0].iov_len = (size_t)-1;
	num(N("readv_neglen"), readv(fd, v, 2), NULL);
	num(N("read_huge_kernel"), syscall(SYS_read, fd, 0xffff800000000000ul, 16), NULL);
	num(N("write_huge_kernel"), syscall(SYS_write, fd, 0xffff800000000000ul, 16), NULL);
	num(N("read_wrap"), syscall(SYS_read, fd, b, (size_t)-1), NULL);
	num(N("fionread"), ioctl(fd, 0x541b, &n), NULL);
	num(N("fionbio"), ioctl(fd, 0x5421, &n), NULL);
	n = 1;
	num(N("fionbio_on"), ioctl(fd, 0x5421, &n), NULL);
	num(N("getfl"), fcntl(fd, F_GETFL), NULL);
	num(N("fioasync"), ioctl(fd, 0x5452, &n), NULL);
	num(N("setfl_direct"), fcntl(fd, F_SETFL, O_NONBLOCK | O_DIRECT), NULL);
	num(N("setfl_async"), fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC), NULL);
	num(N("getfl2"), fcntl(fd, F_GETFL), NULL);
	num(N("figetbsz"), ioctl(fd, 2, &n), NULL);
	num(N("fibmap"), ioctl(fd, 1, &n), NULL);
	num(N("ficlone"), ioctl(fd, 0x40049409, null), NULL);
	num(N("tcgets"), ioctl(fd, 0x5401, b), NULL);
	num(N("fallocate"), fallocate(fd, 0, 0, 4096), NULL);
	num(N("fdatasync"), fdatasync(fd), NULL);
	num(N("sync_range"), sync_file_range(fd, 0, 1, 0), NULL);
	num(N("fadvise"), posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL), NULL);
	num(N("readahead"), readahead(fd, 0, 4096), NULL);
	num(N("flock"), flock(fd, LOCK_EX | LOCK_NB), NULL);
	num(N("unflock"), flock(fd, LOCK_UN), NULL);
	num(N("setlk"), fcntl(fd, F_SETLK, &fl), NULL);
	num(N("seals"), fcntl(fd, F_GET_SEALS), NULL);
	num(N("pipe_sz"), fcntl(fd, F_GETPIPE_SZ), NULL);
	num(N("getdents"), syscall(SYS_getdents64, fd, b, 16), NULL);
	num(N("fchdir"), fchdir(fd), NULL);
	pipe(p);
	write(p[1], "pipe", 4);
	num(N("splice_to"), splice(p[0], NULL, fd, NULL, 4, SPLICE_F_NONBLOCK), NULL);
	num(N("splice_from"), splice(fd, NULL, p[1], NULL, 4, SPLICE_F_NONBLOCK), NULL);
	num(N("splice_off"), splice(fd, &off, p[1], NULL, 4, SPLICE_F_NONBLOCK), NULL);
	f = open("/tmp/abuse.file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	write(f, "file", 4);
	off = 0;
	num(N("sendfile_to"), sendfile(fd, f, &off, 4), NULL);
	num(N("sendfile_from"), sendfile(f, fd, NULL, 4), NULL);
	num(N("recv"), recv(fd, b, 4, MSG_DONTWAIT), NULL);
	num(N("listen"), listen(fd, 1), NULL);
	num(N("mmap"), mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0, NULL);
	num(N("mmap_private"), mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0, NULL);
	num(N("seek_cur"), lseek(fd, 0, SEEK_CUR), NULL);
	num(N("seek_data"), lseek(fd, 0, SEEK_DATA), NULL);
	num(N("seek_bad"), lseek(fd, 0, 99), NULL);
	close(p[0]);
	close(p[1]);
	close(f);
	close(null);
	unlink("/tmp/abuse.file");
}

static aio_context_t ctx;

static void sub(const char *name, struct iocb c)
{
	static struct iocb kept[64];
	static int at;
	struct iocb *k = &kept[at++], *list[1] = { k };
	struct timespec t = { 0, 300 * 1000000 };
	struct io_event e[4];
	long n;
	*k = c;
	num(name, syscall(SYS_io_submit, ctx, 1, list), NULL);
	n = syscall(SYS_io_getevents, ctx, 0, 4, e, &(struct timespec){ 0 });
	if (!n)
		n = syscall(SYS_io_getevents, ctx, 1, 4, e, &t);
	for (long i = 0; i < n; i++)
		value(name, "res=%s", e[i].res < 0 ? err_name((int)-e[i].res) : "ok");
}

static void aio(const char *who, int fd)
{
	char name[64];
	static char b[512];
	struct iovec bad[2] = { { b, 8 }, { (void *)1, 8 } };
	struct iocb base = { .aio_fildes = (uint32_t)fd, .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_buf = (uintptr_t)b, .aio_nbytes = 8 }, c;
	int ev = eventfd(0, 0);
#define S(x, ...) (c = base, __VA_ARGS__, snprintf(name, sizeof name, "%s.aio_%s", who, x), sub(name, c))
	S("reserved2", c.aio_reserved2 = 1);
	S("rwflags", c.aio_rw_flags = 0x4000);
	S("nowait", c.aio_rw_flags = RWF_NOWAIT);
	S("prio", c.aio_flags = IOCB_FLAG_IOPRIO, c.aio_reqprio = 0x1000);
	S("prio_bad", c.aio_flags = IOCB_FLAG_IOPRIO, c.aio_reqprio = -1);
	S("flags", c.aio_flags = 0x80);
	S("resfd_bad", c.aio_flags = IOCB_FLAG_RESFD, c.aio_resfd = 999);
	S("resfd_none", c.aio_flags = IOCB_FLAG_RESFD, c.aio_resfd = (uint32_t)fd);
	S("resfd", c.aio_flags = IOCB_FLAG_RESFD, c.aio_resfd = (uint32_t)ev);
	S("fsync", c.aio_lio_opcode = IOCB_CMD_FSYNC);
	S("fsync0", c.aio_lio_opcode = IOCB_CMD_FSYNC, c.aio_buf = 0, c.aio_nbytes = 0);
	S("fdsync0", c.aio_lio_opcode = IOCB_CMD_FDSYNC, c.aio_buf = 0, c.aio_nbytes = 0);
	S("poll", c.aio_lio_opcode = IOCB_CMD_POLL, c.aio_buf = POLLOUT, c.aio_nbytes = 0);
	S("poll_big", c.aio_lio_opcode = IOCB_CMD_POLL, c.aio_buf = 0x10000);
	S("noop", c.aio_lio_opcode = IOCB_CMD_NOOP);
	S("opcode", c.aio_lio_opcode = 99);
	S("neg", c.aio_nbytes = (uint64_t)-1);
	S("offneg", c.aio_offset = -5);
	S("off", c.aio_offset = 5);
	S("vec_bad", c.aio_lio_opcode = IOCB_CMD_PWRITEV, c.aio_buf = (uintptr_t)bad, c.aio_nbytes = 2);
	S("vec_null", c.aio_lio_opcode = IOCB_CMD_PREADV, c.aio_buf = 0, c.aio_nbytes = 1);
	S("vec_1025", c.aio_lio_opcode = IOCB_CMD_PREADV, c.aio_buf = (uintptr_t)bad, c.aio_nbytes = 1025);
	S("vec_0", c.aio_lio_opcode = IOCB_CMD_PWRITEV, c.aio_buf = (uintptr_t)bad, c.aio_nbytes = 0);
	S("null", c.aio_buf = 0);
	S("kernel", c.aio_buf = 0xffff800000000000ul);
	{
		struct iocb a = base, *two[3] = { &a, (struct iocb *)1, &a };
		struct io_event e[4];
		a.aio_rw_flags = 0;
		snprintf(name, sizeof name, "%s.aio_list_bad", who);
		num(name, syscall(SYS_io_submit, ctx, 3, two), NULL);
		sleep_ms(100);
		num(name, syscall(SYS_io_getevents, ctx, 0, 4, e, &(struct timespec){ 0 }), NULL);
		num(name, syscall(SYS_io_submit, ctx, 1, (void *)1), NULL);
		num(name, syscall(SYS_io_submit, ctx, -1, two), NULL);
		num(name, syscall(SYS_io_submit, ctx + 4096, 1, two), NULL);
		num(name, syscall(SYS_io_submit, 0ul, 1, two), NULL);
		num(name, syscall(SYS_io_getevents, ctx, -1, 4, e, NULL), NULL);
		num(name, syscall(SYS_io_getevents, ctx, 5, 4, e, NULL), NULL);
		num(name, syscall(SYS_io_getevents, ctx, 0, -1, e, NULL), NULL);
		num(name, syscall(SYS_io_getevents, ctx, 1, 4, e, (void *)1), NULL);
		num(name, syscall(SYS_io_getevents, ctx, 1, 4, e, &(struct timespec){ 0, 1000000000 }), NULL);
		num(name, syscall(SYS_io_cancel, ctx, &a, e), NULL);
		num(name, syscall(SYS_io_cancel, ctx, (void *)1, e), NULL);
	}
	close(ev);
}

/* A child that holds everything and is killed while it reads. */
static volatile int hits;

static void on_alarm(int number)
{
	(void)number;
	hits++;
}

static void killed(int how)
{
	int p[2], status;
	char b[128] = "";
	pid_t pid;
	pipe(p);
	pid = fork();
	if (!pid) {
		write(p[1], "x", 1);
		if (how == 0)
			read(out, b, 64);
		if (how == 1)
			write(in, b, sizeof b);
		if (how == 2) {
			int fd = open(MNT "/ep1", O_RDWR);
			write(fd, b, 65);
			read(out, b, 64);
		}
		if (how == 3) {
			/* Requests of its own context. */
			aio_context_t c = 0;
			struct iocb i = { .aio_fildes = (uint32_t)out, .aio_lio_opcode = IOCB_CMD_PREAD, .aio_buf = (uintptr_t)b, .aio_nbytes = 64 }, *l[1] = { &i };
			syscall(SYS_io_setup, 8, &c);
			syscall(SYS_io_submit, c, 1, l);
			pause();
		}
		_exit(0);
	}
	read(p[0], b, 1);
	sleep_ms(150);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	num("killed", how, "status=%x", status);
	sleep_ms(50);
	/* What it waited for has gone with it: the host finds the next reader. */
	{
		static struct usbdevfs_urb u;
		struct usbdevfs_urb *r;
		u = (struct usbdevfs_urb){ .type = USBDEVFS_URB_TYPE_BULK, .endpoint = 2, .buffer = "hello", .buffer_length = 5 };
		num("killed.submit", ioctl(host, USBDEVFS_SUBMITURB, &u), NULL);
		sleep_ms(100);
		fcntl(out, F_SETFL, 0);
		ualarm(700000, 0);
		num("killed.read", read(out, b, 64), NULL);
		ualarm(0, 0);
		ioctl(host, USBDEVFS_DISCARDURB, &u);
		num("killed.reap", ioctl(host, USBDEVFS_REAPURB, &r), "status=%s actual=%d", err_name(-u.status), u.actual_length);
	}
	close(p[0]);
	close(p[1]);
}

static void signals(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	char b[128] = "";
	struct usb_functionfs_event e;
	fcntl(out, F_SETFL, 0);
	fcntl(in, F_SETFL, 0);
	fcntl(ep0, F_SETFL, 0);
	for (int restart = 0; restart < 2; restart++) {
		sa.sa_flags = restart ? SA_RESTART : 0;
		sigaction(SIGALRM, &sa, NULL);
		ualarm(100000, 0);
		num("signal.out", read(out, b, 64), NULL);
		ualarm(100000, 0);
		num("signal.in", write(in, b, 65), NULL);
		ualarm(100000, 0);
		num("signal.ep0", read(ep0, &e, sizeof e), NULL);
	}
	num("signal.hits", hits, NULL);
	num("signal.host_in", bulk(0x81, b, 64, 200), NULL);
}

static void *writer(void *x)
{
	char b[600] = { 0 };
	long r = write(in, b, 600);
	(void)x;
	say_num("thread.write", r);
	return NULL;
}

static void *reader(void *x)
{
	char b[600];
	long r = read(out, b, 512);
	(void)x;
	say_num("thread.read", r);
	return NULL;
}

int main(void)
{
	pthread_t a, b2;
	struct stat s;
	int fd, status;
	char b[1024];
	pid_t pid;

	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm }, NULL);
	setvbuf(stdout, NULL, _IONBF, 0);
	make_gadget("abuse", "0x0077", MNT, NULL);
	ep0 = open(MNT "/ep0", O_RDWR);
	describe();
	tree();
	in = open(MNT "/ep1", O_RDWR | O_NONBLOCK);
	out = open(MNT "/ep2", O_RDWR | O_NONBLOCK);
	fcntl(ep0, F_SETFL, O_NONBLOCK);
	syscall(SYS_io_setup, 32, &ctx);
	other_calls("ep0", ep0);
	other_calls("unbound", in);
	aio("unbound", in);
	fd = open(MNT "/ep2", O_RDONLY | O_NONBLOCK);
	num("rdonly.write", write(fd, b, 1), NULL);
	num("rdonly.clear", ioctl(fd, FUNCTIONFS_CLEAR_HALT), NULL);
	close(fd);
	fd = open(MNT "/ep1", O_PATH);
	num("opath.write", write(fd, b, 1), NULL);
	num("opath.ioctl", ioctl(fd, FUNCTIONFS_CLEAR_HALT), NULL);
	close(fd);
	bind_gadget();
	open_host(0x77);
	say_all();
	drain("bound.events");
	for (int how = 0; how < 4; how++)
		killed(how);
	signals();
	/* The gadget is taken away while both directions wait. */
	pthread_create(&a, NULL, writer, NULL);
	sleep_ms(100);
	pthread_create(&b2, NULL, reader, NULL);
	sleep_ms(100);
	unbind_gadget();
	pthread_join(a, NULL);
	pthread_join(b2, NULL);
	say_all();
	drain("unbound.events");
	/* Unmounted while open. */
	num("umount", umount(MNT), NULL);
	num("umount.detach", umount2(MNT, MNT_DETACH), NULL);
	num("detached.stat", stat(MNT "/ep0", &s), NULL);
	num("detached.fstat", fstat(ep0, &s), NULL);
	fcntl(in, F_SETFL, O_NONBLOCK);
	num("detached.ep1", write(in, b, 1), NULL);
	num("detached.again", mount("abuse", MNT, "functionfs", 0, NULL), NULL);
	close(in);
	close(out);
	fcntl(ep0, F_SETFL, O_NONBLOCK);
	num("detached.read", read(ep0, b, sizeof b), NULL);
	close(ep0);
	sleep_ms(50);
	num("again.mount", mount("abuse", MNT, "functionfs", 0, NULL), NULL);
	/* A daemon that is killed while the host talks with it. */
	close(host);
	host = -1;
	pid = fork();
	if (!pid) {
		ep0 = open(MNT "/ep0", O_RDWR);
		describe();
		in = open(MNT "/ep1", O_RDWR);
		out = open(MNT "/ep2", O_RDWR);
		for (;;)
			read(out, b, 512);
	}
	sleep_ms(300);
	bind_gadget();
	open_host(0x77);
	say_all();
	num("victim.out", bulk(2, b, 512, 500), NULL);
	{
		struct usbdevfs_urb u = { .type = USBDEVFS_URB_TYPE_BULK, .endpoint = 0x81, .buffer = b, .buffer_length = 512 }, *r;
		num("victim.submit", ioctl(host, USBDEVFS_SUBMITURB, &u), NULL);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		num("victim.reap", ioctl(host, USBDEVFS_REAPURB, &r), "status=%s", err_name(-u.status));
		sleep_ms(300);
		num("victim.bulk", bulk(2, b, 5, 300), NULL);
	}
	{
		char udc[64] = "";
		snprintf(b, sizeof b, "%s/UDC", gadget_dir);
		fd = open(b, O_RDONLY);
		num("victim.udc", read(fd, udc, 64), "%s", udc[0] == '\n' ? "empty" : "bound");
		close(fd);
	}
	num("victim.unbind", put_in_gadget("UDC", "\n"), NULL);
	close(host);
	host = -1;
	/* A host that is killed with transfers under way. */
	ep0 = open(MNT "/ep0", O_RDWR);
	describe();
	in = open(MNT "/ep1", O_RDWR);
	out = open(MNT "/ep2", O_RDWR);
	bind_gadget();
	pid = fork();
	if (!pid) {
		struct usbdevfs_urb u[2] = { { .type = USBDEVFS_URB_TYPE_BULK, .endpoint = 0x81, .buffer = b, .buffer_length = 512 },
			{ .type = USBDEVFS_URB_TYPE_BULK, .endpoint = 2, .buffer = b, .buffer_length = 512 } };
		open_host(0x77);
		ioctl(host, USBDEVFS_SUBMITURB, &u[0]);
		ioctl(host, USBDEVFS_SUBMITURB, &u[1]);
		pause();
		_exit(0);
	}
	sleep_ms(1500);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	drain("host_killed.events");
	said_length = 0;
	open_host(0x77);
	say_all();
	pthread_create(&a, NULL, writer, NULL);
	num("host_killed.in", bulk(0x81, b, 1024, 500), NULL);
	pthread_join(a, NULL);
	say_all();
	unbind_gadget();
	close(in);
	close(out);
	close(ep0);
	close(host);
	end_gadget(MNT);
	return 0;
}
