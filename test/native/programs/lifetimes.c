/*
 * Who keeps a buffer alive? The machine has room for one large buffer, so whether
 * a second one can be had tells whether the first is gone. Prints one line per
 * question: its name, and what the attempt to get another answered.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGE (5ull << 28)

static int heap;

static int large(uint32_t flags)
{
	struct dma_heap_allocation_data d = { .len = LARGE, .fd_flags = flags };

	return ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &d) ? -1 : (int)d.fd;
}

/* Asks whether the first buffer is gone. */
static void ask(const char *question)
{
	int fd = large(O_RDWR);

	printf("%s: %s\n", question, fd >= 0 ? "gone" : errno == ENOMEM ? "alive" : strerror(errno));
	fflush(stdout);
	if (fd >= 0)
		close(fd);
}

static void send_fd(int socket, int fd)
{
	char byte = 'x', control[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec io = { &byte, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	if (sendmsg(socket, &m, 0) != 1)
		exit(3);
}

static void copies(void)
{
	int fd = large(O_RDWR), copy = dup(fd), other = fcntl(fd, F_DUPFD, 50);

	ask("open");
	close(fd);
	ask("copied by dup");
	close(copy);
	ask("copied by fcntl");
	dup2(0, other);
	ask("replaced by dup2");
	close(other);
}

static void mappings(void)
{
	int fd = large(O_RDWR);
	char *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);

	close(fd);
	ask("mapped");
	munmap(at, 4096);
	ask("half unmapped");
	munmap(at + 4096, 4096);
	ask("unmapped");
}

static void access_modes(void)
{
	static const uint32_t modes[] = { O_RDONLY, O_WRONLY, O_RDWR, O_ACCMODE };

	for (int i = 0; i < 4; i++) {
		int fd = large(modes[i] | O_CLOEXEC);

		ask("open in some mode");
		close(fd);
		ask("closed again");
	}
}

static void children(void)
{
	int fd = large(O_RDWR), p[2], status;
	pid_t pid;

	if (pipe(p))
		exit(2);
	pid = fork();
	if (pid == 0) {
		char c;

		close(p[1]);
		_exit(read(p[0], &c, 1) == 0 ? 0 : 1);
	}
	close(fd);
	ask("only in a child");
	close(p[0]);
	close(p[1]);
	waitpid(pid, &status, 0);
	ask("child ended");

	fd = large(O_RDWR);
	pid = fork();
	if (pid == 0) {
		for (;;)
			pause();
	}
	close(fd);
	ask("only in a child that will be killed");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	ask("child killed");

	fd = large(O_RDWR);
	pid = fork();
	if (pid == 0) {
		void *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

		close(fd);
		_exit(at == MAP_FAILED);
	}
	waitpid(pid, &status, 0);
	close(fd);
	ask("mapped by a child that has ended");
}

static void messages(void)
{
	int fd = large(O_RDWR), s[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, s))
		exit(2);
	send_fd(s[0], fd);
	close(fd);
	ask("in a message");
	close(s[0]);
	close(s[1]);
	ask("message dropped");
}

static void programs(const char *self)
{
	int fd = large(O_RDWR), status;
	char number[16];
	pid_t pid = fork();

	if (pid == 0) {
		snprintf(number, sizeof number, "%d", fd);
		execl(self, self, "inherited", number, NULL);
		_exit(4);
	}
	close(fd);
	waitpid(pid, &status, 0);
	printf("a new program may use it: %s\n", status == 0 ? "yes" : "no");
	ask("the new program has ended");

	fd = large(O_RDWR | O_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		snprintf(number, sizeof number, "%d", fd);
		execl(self, self, "closed", number, NULL);
		_exit(4);
	}
	waitpid(pid, &status, 0);
	printf("it is closed in a new program: %s\n", status == 0 ? "yes" : "no");
	close(fd);
	ask("closed everywhere");
}

/* In the new program: the descriptor is the buffer, and works. */
static int inherited(int fd)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };

	return lseek(fd, 0, SEEK_END) == (off_t)LARGE && ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "inherited"))
		return inherited(atoi(argv[2]));
	if (argc > 2 && !strcmp(argv[1], "closed"))
		return fcntl(atoi(argv[2]), F_GETFD) == -1 ? 0 : 1;
	heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	ask("never made");
	copies();
	mappings();
	access_modes();
	children();
	messages();
	programs(argv[0]);
	return 0;
}
