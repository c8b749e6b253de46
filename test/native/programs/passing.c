/*
 * Descriptors that travel between processes. Prints a line per question: whether
 * the receiver can use the file, and how many open files the device then has.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *self;

static int opens(void)
{
	char text[16] = "";
	int fd = open("/dev/storage0-opens", O_RDONLY);

	read(fd, text, sizeof text - 1);
	close(fd);
	return atoi(text);
}

static void ask(const char *question)
{
	printf("%s: %d open\n", question, opens());
	fflush(stdout);
}

static void send_fds(int socket, const int *fds, int count)
{
	char byte = 'x', control[CMSG_SPACE(4 * sizeof(int))] = { 0 };
	struct iovec io = { &byte, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
	memcpy(CMSG_DATA(c), fds, (size_t)count * sizeof(int));
	if (sendmsg(socket, &m, 0) != 1)
		exit(3);
}

enum way { RECVMSG, RECVMMSG, BY_NUMBER };

static int receive(int socket, int *fds, enum way way)
{
	char byte, control[CMSG_SPACE(4 * sizeof(int))];
	struct iovec io = { &byte, 1 };
	struct mmsghdr m = { .msg_hdr = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control } };
	struct cmsghdr *c;
	long n = way == RECVMSG	  ? recvmsg(socket, &m.msg_hdr, 0)
		 : way == RECVMMSG ? recvmmsg(socket, &m, 1, 0, NULL)
				   : syscall(SYS_recvmsg, socket, &m.msg_hdr, 0);

	if (n != 1)
		return 0;
	c = CMSG_FIRSTHDR(&m.msg_hdr);
	memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	return (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
}

/* A program that receives a descriptor, having touched nothing of the machine before. */
static int receiver(int socket)
{
	char text[16] = "";
	int fd = -1, n = receive(socket, &fd, RECVMSG);

	read(fd, text, 3);
	printf("another program: %d received, reads %s, is at %ld, flags %o\n", n, text, (long)lseek(fd, 0, SEEK_CUR),
	       fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND));
	printf("its own: %s\n", write(fd, "!", 1) == 1 ? "written" : strerrorname_np(errno));
	return 0;
}

static void between_programs(void)
{
	int s[2], fd, status;
	char number[16];

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	fd = open("/dev/storage0", O_RDWR | O_APPEND);
	write(fd, "abcdefgh", 8);
	lseek(fd, 1, SEEK_SET);
	send_fds(s[0], &fd, 1);
	if (fork() == 0) {
		snprintf(number, sizeof number, "%d", s[1]);
		execl(self, self, number, NULL);
		_exit(4);
	}
	wait(&status);
	printf("the sender is at %ld\n", (long)lseek(fd, 0, SEEK_CUR));
	ask("the receiver has ended");
	close(fd);
	ask("and the sender has closed it");

	/* The sender has closed it, and ended, before anybody receives. */
	if (fork() == 0) {
		fd = open("/dev/storage0", O_RDWR);
		send_fds(s[0], &fd, 1);
		close(fd);
		kill(getpid(), SIGKILL);
	}
	wait(&status);
	ask("sent by who was killed then");
	if (fork() == 0) {
		snprintf(number, sizeof number, "%d", s[1]);
		execl(self, self, number, NULL);
		_exit(4);
	}
	wait(&status);
	ask("received and ended");
	close(s[0]);
	close(s[1]);
}

/*
 * The numbers that will receive the files have been plain files, which a stream
 * closed: the C library does that by itself.
 */
static void numbers_change(void)
{
	static const char *const names[] = { "recvmsg", "recvmmsg", "syscall(SYS_recvmsg)" };
	int s[2];

	socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
	for (enum way way = RECVMSG; way <= BY_NUMBER; way++) {
		int device = open("/dev/storage0", O_RDWR), plain = open("/dev/zero", O_RDWR), both[4], n;
		char bytes[] = "....", zero[] = "..";
		FILE *first, *second;

		pwrite(device, "123", 3, 0);
		send_fds(s[0], (int[]){ device, plain }, 2);
		close(device);
		close(plain);
		first = fopen("/dev/null", "r");
		second = fopen("/dev/null", "r");
		fgetc(first);
		fgetc(second);
		fclose(second);
		fclose(first);
		n = receive(s[1], both, way);
		pread(both[0], bytes, 3, 0);
		pread(both[1], zero, 1, 0);
		printf("%s: %d received, read %s and %d\n", names[way], n, bytes, zero[0]);
		close(both[0]);
		close(both[1]);
	}
	ask("all closed");
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc > 1)
		return receiver(atoi(argv[1]));
	between_programs();
	numbers_change();
	return 0;
}
