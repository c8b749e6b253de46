/*
 * The socket that events of devices come through (AF_NETLINK, NETLINK_KOBJECT_UEVENT): making and binding it, its
 * options, what a message carries besides its bytes, filters, messages from program to program, and what becomes of
 * messages that find no room.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif
#define UEVENT "/sys/class/misc/udmabuf/uevent"

static void say(const char *label, long result)
{
	printf("%s: %ld %s\n", label, result < 0 ? -1 : result, result < 0 ? strerrorname_np(errno) : "0");
}

static const char *port(uint32_t pid)
{
	return pid == 0 ? "kernel" : pid == (uint32_t)getpid() ? "self" : pid > 0x80000000u ? "negative" : "other";
}

static int make(void)
{
	return socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
}

static int bind_to(int fd, uint32_t pid, uint32_t groups)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_pid = pid, .nl_groups = groups };

	return bind(fd, (struct sockaddr *)&a, sizeof a);
}

static int listener(uint32_t groups)
{
	int fd = make();

	bind_to(fd, 0, groups);
	return fd;
}

static void show_name(const char *label, int fd, int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_nl a;
	socklen_t size = sizeof a;
	int result;

	memset(&a, 0x55, sizeof a);
	result = get(fd, (struct sockaddr *)&a, &size);
	if (result < 0)
		say(label, result);
	else
		printf("%s: family=%d pad=%d pid=%s groups=0x%x size=%u\n", label, a.nl_family, a.nl_pad, port(a.nl_pid), a.nl_groups, size);
}

static void put(const char *what)
{
	int fd = open(UEVENT, O_WRONLY);

	if (write(fd, what, strlen(what)) < 0)
		perror("write");
	close(fd);
}

static void show_poll(const char *label, int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM | POLLRDBAND | POLLWRBAND | POLLRDHUP, 0 };

	poll(&p, 1, 0);
	printf("%s: 0x%x\n", label, (unsigned short)p.revents);
}

static void drain(int fd)
{
	char room[4096];

	while (recv(fd, room, sizeof room, MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
		;
}

/* Everything that recvmsg tells. How long an event is in all depends on its number. */
static void show_message(const char *label, int fd, size_t length, size_t control, int flags)
{
	char bytes[4096] = "";
	union {
		struct cmsghdr align;
		char room[256];
	} c;
	struct sockaddr_nl from;
	struct iovec v = { bytes, length };
	struct msghdr m = { &from, sizeof from, &v, 1, control ? &c : NULL, control, -1 };
	ssize_t n;

	memset(&from, 0x55, sizeof from);
	memset(&c, 0x55, sizeof c);
	n = recvmsg(fd, &m, flags | MSG_DONTWAIT);
	if (n < 0) {
		say(label, n);
		return;
	}
	printf("%s: %s%zd '%s' from family=%d pad=%d pid=%s groups=0x%x namelen=%u flags=0x%x controllen=%zu", label, n > 100 ? "over " : "", n > 100 ? 100 : n, bytes, from.nl_family,
	       from.nl_pad, port(from.nl_pid), from.nl_groups, m.msg_namelen, m.msg_flags, (size_t)m.msg_controllen);
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); control && h; h = CMSG_NXTHDR(&m, h)) {
		printf(" [level=%d type=%d len=%zu", h->cmsg_level, h->cmsg_type, (size_t)h->cmsg_len);
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_CREDENTIALS && h->cmsg_len == CMSG_LEN(sizeof(struct ucred))) {
			struct ucred *u = (struct ucred *)CMSG_DATA(h);

			printf(" pid=%s uid=%d gid=%d", port(u->pid), u->uid, u->gid);
		} else if (h->cmsg_level == SOL_NETLINK && h->cmsg_len == CMSG_LEN(4)) {
			printf(" group=%u", *(uint32_t *)CMSG_DATA(h));
		}
		printf("]");
	}
	putchar('\n');
}

static void show_option(const char *label, int fd, int level, int option)
{
	int value = -1;
	socklen_t size = sizeof value;
	int result = getsockopt(fd, level, option, &value, &size);

	if (result < 0)
		say(label, result);
	else
		printf("%s: value=%d size=%u\n", label, value, size);
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value);
}

static void making(void)
{
	int fd, other;
	struct stat st;
	char link[64] = "", path[64];
	ssize_t n;

	say("socket.type_stream", socket(AF_NETLINK, SOCK_STREAM, NETLINK_KOBJECT_UEVENT));
	say("socket.type_0", socket(AF_NETLINK, 0, NETLINK_KOBJECT_UEVENT));
	say("socket.type_11", socket(AF_NETLINK, 11, NETLINK_KOBJECT_UEVENT));
	say("socket.flags", socket(AF_NETLINK, SOCK_DGRAM | 0x10, NETLINK_KOBJECT_UEVENT));
	say("socket.pair", socketpair(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT, (int[2]){ 0 }));
	fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
	printf("raw.flags: 0x%x fd=0x%x\n", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
	close(fd);
	fd = make();
	printf("dgram.flags: 0x%x fd=0x%x\n", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
	fstat(fd, &st);
	printf("fstat: mode=0%o nlink=%lu size=%ld uid=%d\n", st.st_mode, (unsigned long)st.st_nlink, (long)st.st_size, st.st_uid);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	n = readlink(path, link, sizeof link - 1);
	printf("link: %.8s %d\n", n > 0 ? link : "", n > 8);
	say("reopen", open(path, O_RDWR));
	show_name("unbound", fd, getsockname);
	show_name("unbound.peer", fd, getpeername);
	show_poll("unbound.poll", fd);
	say("bind.short", bind(fd, (struct sockaddr *)&(struct sockaddr_nl){ .nl_family = AF_NETLINK }, 11));
	say("bind.family", bind(fd, (struct sockaddr *)&(struct sockaddr_nl){ .nl_family = AF_UNIX }, 12));
	say("bind.long", bind(fd, (struct sockaddr *)&(struct sockaddr_storage){ .ss_family = AF_NETLINK }, 129));
	say("bind.negative", bind(fd, (struct sockaddr *)&(struct sockaddr_nl){ .nl_family = AF_NETLINK }, -1));
	say("bind.fault", bind(fd, (struct sockaddr *)8, 12));
	show_name("still", fd, getsockname);
	say("bind", bind_to(fd, 0, 1));
	show_name("bound", fd, getsockname);
	say("bind.again", bind_to(fd, 0, 1));
	say("bind.other_pid", bind_to(fd, 77, 1));
	say("bind.same_pid", bind_to(fd, getpid(), 2));
	show_name("regrouped", fd, getsockname);
	say("bind.no_group", bind_to(fd, getpid(), 0));
	show_name("ungrouped", fd, getsockname);
	say("bind.all", bind_to(fd, getpid(), 0xffffffff));
	show_name("all", fd, getsockname);
	other = make();
	say("second.taken", bind_to(other, getpid(), 1));
	show_name("second.unbound", other, getsockname);
	say("second.bind", bind_to(other, 0, 1));
	show_name("second", other, getsockname);
	close(other);
	other = make();
	say("third.bind", bind_to(other, 4242424, 2));
	show_name("third", other, getsockname);
	say("listen", listen(fd, 1));
	say("accept", accept(fd, NULL, NULL));
	say("shutdown", shutdown(fd, SHUT_RD));
	say("shutdown.how", shutdown(fd, 7));
	say("lseek", lseek(fd, 0, SEEK_SET));
	say("pread", pread(fd, link, 1, 0));
	say("pwrite", pwrite(fd, link, 1, 0));
	say("read", read(fd, link, 1));
	say("read.nothing", read(fd, link, 0));
	say("fsync", fsync(fd));
	say("ftruncate", ftruncate(fd, 0));
	say("mmap", mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	say("ioctl.FIONREAD", ioctl(fd, FIONREAD, &(int){ 0 }));
	say("ioctl.TIOCOUTQ", ioctl(fd, TIOCOUTQ, &(int){ 0 }));
	say("ioctl.unknown", ioctl(fd, 0x5401, &(int){ 0 }));
	say("ioctl.private", ioctl(fd, 0x12345678, &(int){ 0 }));
	say("connect.short", connect(fd, (struct sockaddr *)&(struct sockaddr_nl){ .nl_family = AF_NETLINK }, 8));
	say("connect.one", connect(fd, (struct sockaddr *)&(struct sockaddr_nl){ .nl_family = AF_NETLINK }, 1));
	say("connect.family", connect(fd, (struct sockaddr *)&(struct sockaddr_nl){ .nl_family = AF_INET }, 12));
	say("connect", connect(fd, (struct sockaddr *)&(struct sockaddr_nl){ .nl_family = AF_NETLINK, .nl_pid = 4242424, .nl_groups = 6 }, 12));
	show_name("connected.peer", fd, getpeername);
	say("connect.none", connect(fd, (struct sockaddr *)&(struct sockaddr_nl){ .nl_family = AF_UNSPEC }, 12));
	show_name("parted.peer", fd, getpeername);
	{
		struct sockaddr_nl a;
		socklen_t size = 4;

		say("name.short", getsockname(fd, (struct sockaddr *)&a, &size));
		printf("name.size: %u\n", size);
		size = -1;
		say("name.negative", getsockname(fd, (struct sockaddr *)&a, &size));
		size = 12;
		say("name.fault", getsockname(fd, (struct sockaddr *)8, &size));
		say("name.size_fault", getsockname(fd, (struct sockaddr *)&a, (socklen_t *)8));
	}
	close(other);
	close(fd);
	fd = make();
	say("autobind.connect", connect(fd, (struct sockaddr *)&(struct sockaddr_nl){ .nl_family = AF_NETLINK }, 12));
	show_name("autobound", fd, getsockname);
	close(fd);
	fd = open("/dev/null", O_RDWR);
	say("file.bind", bind_to(fd, 0, 1));
	say("file.recv", recv(fd, link, 1, 0));
	close(fd);
}

static void options(void)
{
	static const struct {
		const char *label;
		int option;
	} known[] = {
		{ "type", SO_TYPE }, { "domain", SO_DOMAIN }, { "protocol", SO_PROTOCOL }, { "error", SO_ERROR },
		{ "rcvbuf", SO_RCVBUF }, { "sndbuf", SO_SNDBUF }, { "passcred", SO_PASSCRED }, { "acceptconn", SO_ACCEPTCONN },
		{ "reuseaddr", SO_REUSEADDR }, { "timestamp", SO_TIMESTAMP }, { "priority", SO_PRIORITY }, { "mark", SO_MARK },
		{ "lowat", SO_RCVLOWAT }, { "lock_filter", SO_LOCK_FILTER }, { "peercred", SO_PEERCRED }, { "broadcast", SO_BROADCAST },
		{ "unknown", 9999 },
	};
	static const int sizes[] = { 0, 1, 1000, 4096, 200000, 212992, 212993, 1 << 30, -1, -4096, 0x7fffffff };
	int fd = listener(1);
	char few[2] = { 0x55, 0x55 };
	socklen_t size;

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		char label[64];

		snprintf(label, sizeof label, "get.%s", known[i].label);
		show_option(label, fd, SOL_SOCKET, known[i].option);
	}
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char label[64];

		snprintf(label, sizeof label, "rcvbuf.%d", sizes[i]);
		say(label, set(fd, SOL_SOCKET, SO_RCVBUF, sizes[i]));
		show_option(label, fd, SOL_SOCKET, SO_RCVBUF);
		snprintf(label, sizeof label, "rcvbufforce.%d", sizes[i]);
		say(label, set(fd, SOL_SOCKET, SO_RCVBUFFORCE, sizes[i]));
		show_option(label, fd, SOL_SOCKET, SO_RCVBUF);
		snprintf(label, sizeof label, "sndbuf.%d", sizes[i]);
		say(label, set(fd, SOL_SOCKET, SO_SNDBUF, sizes[i]));
		show_option(label, fd, SOL_SOCKET, SO_SNDBUF);
		snprintf(label, sizeof label, "sndbufforce.%d", sizes[i]);
		say(label, set(fd, SOL_SOCKET, SO_SNDBUFFORCE, sizes[i]));
		show_option(label, fd, SOL_SOCKET, SO_SNDBUF);
	}
	say("passcred.on", set(fd, SOL_SOCKET, SO_PASSCRED, 7));
	show_option("passcred.on", fd, SOL_SOCKET, SO_PASSCRED);
	say("passcred.off", set(fd, SOL_SOCKET, SO_PASSCRED, 0));
	show_option("passcred.off", fd, SOL_SOCKET, SO_PASSCRED);
	say("passcred.short", setsockopt(fd, SOL_SOCKET, SO_PASSCRED, few, 2));
	say("passcred.fault", setsockopt(fd, SOL_SOCKET, SO_PASSCRED, (void *)8, 4));
	say("passcred.negative", setsockopt(fd, SOL_SOCKET, SO_PASSCRED, few, -1));
	size = 2;
	say("get.short", getsockopt(fd, SOL_SOCKET, SO_TYPE, few, &size));
	printf("get.short.value: %d %d %u\n", few[0], few[1], size);
	size = -1;
	say("get.negative", getsockopt(fd, SOL_SOCKET, SO_TYPE, few, &size));
	size = 4;
	say("get.fault", getsockopt(fd, SOL_SOCKET, SO_TYPE, (void *)8, &size));
	say("get.size_fault", getsockopt(fd, SOL_SOCKET, SO_TYPE, few, (void *)8));
	say("set.type", set(fd, SOL_SOCKET, SO_TYPE, 1));
	say("set.error", set(fd, SOL_SOCKET, SO_ERROR, 1));
	say("set.unknown", set(fd, SOL_SOCKET, 9999, 1));
	say("set.level", set(fd, 6, 1, 1));
	show_option("get.level", fd, 6, 1);
	say("set.reuseaddr", set(fd, SOL_SOCKET, SO_REUSEADDR, 1));
	show_option("reuseaddr", fd, SOL_SOCKET, SO_REUSEADDR);
	say("add.0", set(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 0));
	say("add.2", set(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 2));
	say("add.32", set(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 32));
	say("add.33", set(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 33));
	say("add.65", set(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 65));
	show_name("member", fd, getsockname);
	say("drop.2", set(fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, 2));
	say("drop.3", set(fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, 3));
	say("add.short", setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, few, 2));
	show_name("dropped", fd, getsockname);
	say("nl.unknown", set(fd, SOL_NETLINK, 99, 1));
	say("nl.pktinfo", set(fd, SOL_NETLINK, NETLINK_PKTINFO, 1));
	show_option("nl.pktinfo", fd, SOL_NETLINK, NETLINK_PKTINFO);
	show_option("nl.no_enobufs", fd, SOL_NETLINK, NETLINK_NO_ENOBUFS);
	show_option("nl.memberships", fd, SOL_NETLINK, 9);
	show_option("nl.get_unknown", fd, SOL_NETLINK, 99);
	put("add");
	show_message("pktinfo", fd, 30, 256, 0);
	close(fd);
}

static void receiving(void)
{
	int fd = listener(1), epoll = epoll_create1(0);
	struct epoll_event event = { EPOLLIN, { .u64 = 42 } };
	char room[4096], tail[16];
	struct iovec v[2];
	struct msghdr m = { 0 };
	struct sockaddr_nl from;
	socklen_t size;
	ssize_t n;

	say("recv.empty", recv(fd, room, 10, 0));
	say("recv.oob", recv(fd, room, 10, MSG_OOB));
	say("recv.errqueue", recv(fd, room, 10, MSG_ERRQUEUE));
	say("epoll.add", epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	say("epoll.none", epoll_wait(epoll, &event, 1, 0));
	put("add");
	show_poll("ready", fd);
	n = epoll_wait(epoll, &event, 1, 0);
	printf("epoll: %zd 0x%x %llu\n", n, event.events, (unsigned long long)event.data.u64);
	show_message("plain", fd, 8, 0, 0);
	show_poll("taken", fd);
	put("add");
	show_message("no_cred", fd, 8, 256, 0);
	set(fd, SOL_SOCKET, SO_PASSCRED, 1);
	put("change");
	show_message("cred", fd, 4096, 256, MSG_PEEK);
	show_message("cred.again", fd, 10, 256, 0);
	put("change");
	show_message("cred.trunc", fd, 10, 256, MSG_TRUNC);
	put("change");
	show_message("cred.no_room", fd, 10, 0, 0);
	put("change");
	show_message("cred.little_room", fd, 10, 8, 0);
	put("change");
	show_message("cred.less_room", fd, 10, 20, 0);
	put("change");
	show_message("cred.exact_room", fd, 10, CMSG_LEN(12), 0);
	put("change");
	show_message("cred.cloexec", fd, 10, 256, MSG_CMSG_CLOEXEC);
	put("change");
	show_message("nothing_wanted", fd, 0, 256, 0);
	show_message("empty", fd, 10, 256, 0);
	put("add");
	v[0] = (struct iovec){ room, 4 };
	v[1] = (struct iovec){ tail, sizeof tail };
	memset(tail, 0, sizeof tail);
	n = readv(fd, v, 2);
	printf("readv: %zd %.4s %.8s\n", n, room, tail);
	put("add");
	size = sizeof from;
	n = recvfrom(fd, room, 9, MSG_TRUNC, (struct sockaddr *)&from, &size);
	printf("recvfrom: %d %.9s pid=%s groups=%u size=%u\n", n > 9, room, port(from.nl_pid), from.nl_groups, size);
	put("add");
	size = 6;
	memset(&from, 0x55, sizeof from);
	n = recvfrom(fd, room, 9, 0, (struct sockaddr *)&from, &size);
	printf("recvfrom.short: %zd pad=%d groups=0x%x size=%u\n", n, from.nl_pad, from.nl_groups, size);
	put("add");
	say("recv.fault", recv(fd, (void *)8, 100, 0));
	show_message("after_fault", fd, 8, 0, 0);
	put("add");
	m.msg_iov = v;
	m.msg_iovlen = 2;
	m.msg_name = (void *)8;
	m.msg_namelen = 12;
	say("name.fault", recvmsg(fd, &m, 0));
	show_message("after_name_fault", fd, 8, 0, 0);
	put("add");
	say("msg.fault", recvmsg(fd, (void *)8, 0));
	m.msg_namelen = -1;
	say("namelen.negative", recvmsg(fd, &m, 0));
	m.msg_name = NULL;
	say("namelen.no_name", recvmsg(fd, &m, 0));
	m.msg_iovlen = 1025;
	say("iovlen", recvmsg(fd, &m, 0));
	m.msg_iovlen = 2;
	m.msg_iov = (void *)8;
	say("iov.fault", recvmsg(fd, &m, 0));
	show_message("not_taken", fd, 8, 0, 0);
	{
		struct timeval t = { 0, 20000 };

		fcntl(fd, F_SETFL, 0);
		say("rcvtimeo", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
		say("recv.timeout", recv(fd, room, 10, 0));
		fcntl(fd, F_SETFL, O_NONBLOCK);
	}
	{
		struct mmsghdr many[3];

		put("add");
		put("change");
		memset(many, 0, sizeof many);
		for (int i = 0; i < 3; i++) {
			many[i].msg_hdr.msg_iov = &v[0];
			many[i].msg_hdr.msg_iovlen = 1;
		}
		n = recvmmsg(fd, many, 3, MSG_DONTWAIT, NULL);
		printf("recvmmsg: %zd %u %u 0x%x\n", n, many[0].msg_len, many[1].msg_len, many[1].msg_hdr.msg_flags);
	}
	{
		int copy = dup(fd);

		put("add");
		close(fd);
		show_message("dup", copy, 8, 0, 0);
		close(copy);
	}
	close(epoll);
}

static void get_filter(const char *label, int fd, socklen_t room)
{
	struct sock_filter f[8] = { { 0 } };
	socklen_t size = room;
	int result = getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, f, &size);

	if (result < 0)
		say(label, result);
	else
		printf("%s: %u first=%d %u\n", label, size, f[0].code, f[0].k);
}

static void filters(void)
{
	int fd = listener(1);
	struct sock_filter none[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_filter five[] = { BPF_STMT(BPF_RET | BPF_K, 5) };
	/* Lets through what begins with "chan", cut to 6 bytes. */
	struct sock_filter change[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x6368616e, 0, 1),
					BPF_STMT(BPF_RET | BPF_K, 6), BPF_STMT(BPF_RET | BPF_K, 0) };
	/* Goes through the kinds of instructions; ends with the length of the message halved. */
	struct sock_filter all[] = {
		BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 1),        BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'd', 0, 14), BPF_STMT(BPF_ST, 3),
		BPF_STMT(BPF_LDX | BPF_MEM, 3),                BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 0, 10, 0), BPF_STMT(BPF_ALU | BPF_NEG, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),         BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x6000, 0, 7),
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),         BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 1),        BPF_STMT(BPF_MISC | BPF_TXA, 0),
		BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 2),        BPF_STMT(BPF_RET | BPF_A, 0),
		BPF_STMT(BPF_RET | BPF_K, 1),                  BPF_STMT(BPF_RET | BPF_K, 2),
	};
	/* A look behind the end is a refusal. */
	struct sock_filter beyond[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4000), BPF_STMT(BPF_RET | BPF_K, 100) };
	struct sock_filter by_zero[] = { BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 0), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
					 BPF_STMT(BPF_RET | BPF_K, 100) };
	struct sock_filter no_end[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0) };
	struct sock_filter far[] = { BPF_JUMP(BPF_JMP | BPF_JA, 5, 0, 0), BPF_STMT(BPF_RET | BPF_K, 100) };
	struct sock_filter odd[] = { BPF_STMT(0xff, 0), BPF_STMT(BPF_RET | BPF_K, 100) };
	struct sock_filter zero[] = { BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, 100) };
	struct sock_filter cell[] = { BPF_STMT(BPF_ST, 16), BPF_STMT(BPF_RET | BPF_K, 100) };
	struct sock_filter unstored[] = { BPF_STMT(BPF_LD | BPF_MEM, 2), BPF_STMT(BPF_RET | BPF_K, 100) };
	struct sock_filter shift[] = { BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), BPF_STMT(BPF_RET | BPF_K, 100) };
#define PROG(f) (&(struct sock_fprog){ sizeof f / sizeof *f, f })
#define ATTACH(p) setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, p, sizeof(struct sock_fprog))

	set(fd, SOL_SOCKET, SO_PASSCRED, 1);
	say("filter.none", ATTACH(PROG(none)));
	put("add");
	show_message("none", fd, 100, 256, 0);
	say("filter.five", ATTACH(PROG(five)));
	put("add");
	show_message("five", fd, 100, 256, 0);
	say("filter.change", ATTACH(PROG(change)));
	put("add");
	put("change");
	show_message("change", fd, 100, 256, 0);
	show_message("change.only", fd, 100, 256, 0);
	say("filter.all", ATTACH(PROG(all)));
	put("add");
	put("change");
	show_message("all", fd, 17, 256, 0);
	show_message("all.other", fd, 17, 256, 0);
	say("filter.beyond", ATTACH(PROG(beyond)));
	put("add");
	show_message("beyond", fd, 100, 256, 0);
	say("filter.by_zero", ATTACH(PROG(by_zero)));
	put("add");
	show_message("by_zero", fd, 100, 256, 0);
	say("filter.no_end", ATTACH(PROG(no_end)));
	say("filter.far", ATTACH(PROG(far)));
	say("filter.odd", ATTACH(PROG(odd)));
	say("filter.zero", ATTACH(PROG(zero)));
	say("filter.cell", ATTACH(PROG(cell)));
	say("filter.unstored", ATTACH(PROG(unstored)));
	say("filter.shift", ATTACH(PROG(shift)));
	say("filter.empty", ATTACH((&(struct sock_fprog){ 0, none })));
	say("filter.null", ATTACH((&(struct sock_fprog){ 1, NULL })));
	say("filter.fault", ATTACH((&(struct sock_fprog){ 1, (void *)8 })));
	say("filter.long", ATTACH((&(struct sock_fprog){ 4097, none })));
	say("filter.size", setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, PROG(none), 15));
	get_filter("get.filter.size", fd, 0);
	get_filter("get.filter.short", fd, 2);
	get_filter("get.filter", fd, 8);
	say("detach", set(fd, SOL_SOCKET, SO_DETACH_FILTER, 0));
	say("detach.again", set(fd, SOL_SOCKET, SO_DETACH_FILTER, 0));
	put("add");
	show_message("detached", fd, 8, 256, 0);
	say("lock", set(fd, SOL_SOCKET, SO_LOCK_FILTER, 1));
	say("lock.attach", ATTACH(PROG(none)));
	say("lock.detach", set(fd, SOL_SOCKET, SO_DETACH_FILTER, 0));
	say("lock.off", set(fd, SOL_SOCKET, SO_LOCK_FILTER, 0));
	close(fd);
}

static long send_to(int fd, uint32_t pid, uint32_t groups, const void *bytes, size_t n)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_pid = pid, .nl_groups = groups };

	return sendto(fd, bytes, n, 0, (struct sockaddr *)&a, sizeof a);
}

static void sending(void)
{
	int one = listener(2), two = listener(3), sender = make(), third = make();
	struct sock_filter none[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sockaddr_nl a = { .nl_family = AF_NETLINK };

	set(one, SOL_SOCKET, SO_PASSCRED, 1);
	set(two, SOL_SOCKET, SO_PASSCRED, 1);
	bind_to(third, 123456, 0);
	set(third, SOL_SOCKET, SO_PASSCRED, 1);
	say("send.group", send_to(sender, 0, 2, "hello", 5));
	show_name("sender", sender, getsockname);
	show_message("group.one", one, 100, 256, 0);
	show_message("group.two", two, 100, 256, 0);
	show_message("group.third", third, 100, 256, 0);
	say("send.own", send_to(two, 0, 2, "hello", 5));
	show_message("own.one", one, 100, 256, 0);
	show_message("own.two", two, 100, 256, 0);
	say("send.group_1", send_to(sender, 0, 1, "kernel?", 7));
	show_message("group_1.one", one, 100, 256, 0);
	show_message("group_1.two", two, 100, 256, 0);
	say("send.groups", send_to(sender, 0, 6, "lowest", 6));
	show_message("groups.one", one, 100, 256, 0);
	say("send.pid", send_to(sender, 123456, 0, "direct", 6));
	show_message("pid.third", third, 100, 256, 0);
	say("send.pid_and_group", send_to(sender, 123456, 2, "both", 4));
	show_message("both.third", third, 100, 256, 0);
	show_message("both.third_again", third, 100, 256, 0);
	show_message("both.one", one, 100, 256, 0);
	drain(two);
	say("send.nobody", send_to(sender, 999999, 0, "direct", 6));
	say("send.nobody_and_group", send_to(sender, 999999, 2, "direct", 6));
	drain(one);
	drain(two);
	say("send.kernel", send_to(sender, 0, 0, "direct", 6));
	say("send.default", send(sender, "direct", 6, 0));
	say("send.write", write(sender, "direct", 6));
	say("send.empty", send_to(sender, 123456, 0, "", 0));
	say("send.write_empty", write(sender, "", 0));
	say("send.oob", send(sender, "direct", 6, MSG_OOB));
	say("send.short", sendto(sender, "direct", 6, 0, (struct sockaddr *)&a, 11));
	a.nl_family = AF_UNIX;
	say("send.family", sendto(sender, "direct", 6, 0, (struct sockaddr *)&a, 12));
	say("send.fault", send_to(sender, 123456, 0, (void *)8, 6));
	say("send.far", sendto(sender, "direct", 6, 0, (struct sockaddr *)8, 12));
	set(sender, SOL_SOCKET, SO_SNDBUF, 4608);
	{
		static char much[8192];
		int size;
		socklen_t l = sizeof size;

		getsockopt(sender, SOL_SOCKET, SO_SNDBUF, &size, &l);
		say("send.most", send_to(sender, 123456, 0, much, size - 32));
		say("send.more", send_to(sender, 123456, 0, much, size - 31));
		drain(third);
	}
	a = (struct sockaddr_nl){ .nl_family = AF_NETLINK, .nl_pid = 123456 };
	say("connect", connect(sender, (struct sockaddr *)&a, sizeof a));
	say("connected.send", send(sender, "hi", 2, 0));
	show_message("connected", third, 100, 256, 0);
	say("connected.write", write(sender, "ho", 2));
	show_message("connected.written", third, 100, 256, 0);
	say("connected.from_other", send_to(one, getpid(), 0, "x", 1));
	{
		uint32_t pid;
		struct sockaddr_nl b;
		socklen_t size = sizeof b;

		getsockname(sender, (struct sockaddr *)&b, &size);
		pid = b.nl_pid;
		say("connected.refuses", send_to(one, pid, 0, "x", 1));
		say("connected.takes", send_to(third, pid, 0, "y", 1));
		show_message("connected.taken", sender, 100, 256, 0);
	}
	setsockopt(third, SOL_SOCKET, SO_ATTACH_FILTER, PROG(none), sizeof(struct sock_fprog));
	say("send.filtered", send_to(sender, 123456, 0, "direct", 6));
	show_message("filtered", third, 100, 256, 0);
	set(third, SOL_SOCKET, SO_DETACH_FILTER, 0);
	{
		union {
			struct cmsghdr align;
			char room[CMSG_SPACE(sizeof(struct ucred))];
		} c = { 0 };
		struct iovec v = { "cred", 4 };
		struct msghdr m = { &a, sizeof a, &v, 1, &c, sizeof c, 0 };
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		struct ucred u = { getpid(), 12, 34 };

		*h = (struct cmsghdr){ CMSG_LEN(sizeof u), SOL_SOCKET, SCM_CREDENTIALS };
		memcpy(CMSG_DATA(h), &u, sizeof u);
		say("cred.send", sendmsg(sender, &m, 0));
		show_message("cred.sent", third, 100, 256, 0);
		h->cmsg_len = CMSG_LEN(8);
		say("cred.short", sendmsg(sender, &m, 0));
		h->cmsg_len = 4;
		say("cred.no_header", sendmsg(sender, &m, 0));
		h->cmsg_len = CMSG_LEN(sizeof u);
		h->cmsg_type = SCM_RIGHTS;
		say("cred.rights", sendmsg(sender, &m, 0));
		h->cmsg_type = 77;
		say("cred.type", sendmsg(sender, &m, 0));
		h->cmsg_level = 77;
		say("cred.level", sendmsg(sender, &m, 0));
		show_message("cred.other_level", third, 100, 256, 0);
		m.msg_control = (void *)8;
		say("cred.fault", sendmsg(sender, &m, 0));
	}
	close(one);
	close(two);
	close(sender);
	close(third);
}

/* What the socket counts for the messages that wait. */
static uint32_t taken_room(int fd)
{
	uint32_t info[9] = { 0 };
	socklen_t size = sizeof info;

	getsockopt(fd, SOL_SOCKET, 55, info, &size);
	return info[0];
}

static void overflowing(void)
{
	static const int lengths[] = { 1, 100, 192, 193, 256, 300, 384, 385, 512, 640, 704, 705, 1000, 1700, 1728, 1729, 2000, 3776, 3777, 5000 };
	int fd = listener(1), n, user = make(), sender = make(), error;
	socklen_t size = sizeof error;
	char room[8192];

	set(fd, SOL_SOCKET, SO_RCVBUF, 4096);
	put("add");
	printf("room.event: %u\n", taken_room(fd));
	put("add");
	printf("room.two: %u\n", taken_room(fd));
	drain(fd);
	printf("room.none: %u\n", taken_room(fd));
	for (int i = 0; i < 30; i++)
		put("add");
	show_poll("full.poll", fd);
	size = sizeof error;
	show_message("full", fd, 8, 0, 0);
	show_poll("full.told", fd);
	put("change");
	for (n = 0; recv(fd, room, sizeof room, 0) > 0; n++)
		if (!strncmp(room, "change", 6))
			printf("full.change\n");
	printf("full.had: %d %s\n", n, strerrorname_np(errno));
	put("change");
	show_message("full.again", fd, 8, 0, 0);
	for (int i = 0; i < 30; i++)
		put("add");
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	printf("full.error: %s\n", strerrorname_np(error));
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	printf("full.error_again: %d\n", error);
	for (n = 0; recv(fd, room, sizeof room, 0) > 0; n++)
		;
	printf("full.rest: %d\n", n);
	set(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
	for (int i = 0; i < 30; i++)
		put("add");
	show_message("quiet", fd, 8, 0, 0);
	for (n = 0; recv(fd, room, sizeof room, 0) > 0; n++)
		;
	printf("quiet.rest: %d\n", n);
	bind_to(user, 123456, 2);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		uint32_t direct;

		send_to(sender, 123456, 0, room, lengths[i]);
		direct = taken_room(user);
		drain(user);
		send_to(sender, 0, 2, room, lengths[i]);
		printf("room.%d: %u %u\n", lengths[i], direct, taken_room(user));
		drain(user);
	}
	set(user, SOL_SOCKET, SO_RCVBUF, 4096);
	for (n = 0; send_to(sender, 123456, 0, "direct", 6) == 6 && n < 100; n++)
		;
	printf("direct.sent: %d %s\n", n, strerrorname_np(errno));
	show_poll("direct.poll", user);
	for (n = 0; recv(user, room, sizeof room, 0) > 0; n++)
		;
	printf("direct.rest: %d\n", n);
	close(fd);
	close(user);
	close(sender);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	making();
	options();
	receiving();
	filters();
	sending();
	overflowing();
	return 0;
}
