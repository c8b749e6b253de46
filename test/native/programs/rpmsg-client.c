/*
 * A client of an rpmsg echo service, as there are many: finds /dev/rpmsg_ctrl0 and
 * the raw channel, makes an endpoint of its own, and exchanges messages.
 *
 * rpmsg-client questions       one line for each question
 * rpmsg-client exchange N      N messages to the echo and back, each compared
 * rpmsg-client stream N        the same with as many under way as the remote takes
 * rpmsg-client stuck           to a remote that takes in nothing
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rpmsg.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef RPMSG_GET_OUTGOING_FLOWCONTROL
#define RPMSG_GET_OUTGOING_FLOWCONTROL _IOR(0xb5, 0x5, int)
#define RPMSG_SET_INCOMING_FLOWCONTROL _IOR(0xb5, 0x6, int)
#endif

#define RAW "/dev/rpmsg0"
#define ECHO 1024
#define PAYLOAD_MAX 496

static char message[PAYLOAD_MAX + 1], answer[PAYLOAD_MAX + 1];

static void say(const char *question, long result)
{
	if (result < 0)
		printf("%s: %s\n", question, strerrorname_np(errno));
	else
		printf("%s: %ld\n", question, result);
}

static void wait_for(const char *path)
{
	for (int i = 0; i < 1000 && access(path, F_OK); i++)
		usleep(1000);
}

static int control(unsigned long request, const char *name, unsigned int src, unsigned int dst)
{
	struct rpmsg_endpoint_info info = { .src = src, .dst = dst };
	int fd = open("/dev/rpmsg_ctrl0", O_RDWR | O_CLOEXEC);
	int result;

	if (fd < 0)
		return -1;
	strncpy(info.name, name, sizeof info.name - 1);
	result = ioctl(fd, request, &info);
	close(fd);
	return result;
}

static int polled(int fd, short events, int timeout)
{
	struct pollfd one = { .fd = fd, .events = events };

	poll(&one, 1, timeout);
	return one.revents;
}

static void ask_endpoints(void)
{
	int mine;

	say("make an endpoint", control(RPMSG_CREATE_EPT_IOCTL, "mine", RPMSG_ADDR_ANY, ECHO));
	mine = open("/dev/rpmsg1", O_RDWR);
	say("open it again", open("/dev/rpmsg1", O_RDWR));
	say("write to it", write(mine, "hello", 5));
	say("poll for the answer", polled(mine, POLLIN | POLLOUT, -1) & ~POLLRDNORM);
	say("read three bytes of it", read(mine, answer, 3));
	fcntl(mine, F_SETFL, O_NONBLOCK);
	say("read the rest, which is lost", read(mine, answer, 3));
	say("destroy it", ioctl(mine, RPMSG_DESTROY_EPT_IOCTL));
	say("read from it", read(mine, answer, 1));
	say("write to nobody", write(mine, "hello", 5));
	say("poll it", polled(mine, POLLIN, 0));
	close(mine);
	say("open what is gone", open("/dev/rpmsg1", O_RDWR));
}

static void ask_raw(void)
{
	int raw = open(RAW, O_RDWR), flow = 7;

	say("write 496 bytes", write(raw, message, PAYLOAD_MAX));
	say("read them", read(raw, answer, sizeof answer));
	say("write 497 bytes", write(raw, message, PAYLOAD_MAX + 1));
	say("write from a bad address", write(raw, (void *)8, 5));
	say("write nothing", write(raw, message, 0));
	say("read nothing", read(raw, answer, sizeof answer));
	say("write", write(raw, "hello", 5));
	say("wait for it", polled(raw, POLLIN, -1) & POLLIN);
	say("read to a bad address", read(raw, (void *)8, 5));
	say("flow control", ioctl(raw, RPMSG_GET_OUTGOING_FLOWCONTROL, &flow));
	say("of the remote", flow);
	say("flow control of ours", ioctl(raw, RPMSG_SET_INCOMING_FLOWCONTROL, 1));
	say("with 2", ioctl(raw, RPMSG_SET_INCOMING_FLOWCONTROL, 2));
	say("destroy a channel's", ioctl(raw, RPMSG_DESTROY_EPT_IOCTL));
	say("unknown request", ioctl(raw, _IO(0xb5, 99), 0));
	close(raw);
}

static void ask_channels(void)
{
	say("make a channel", control(RPMSG_CREATE_DEV_IOCTL, "rpmsg-raw", 99, RPMSG_ADDR_ANY));
	say("make it again", control(RPMSG_CREATE_DEV_IOCTL, "rpmsg-raw", 99, RPMSG_ADDR_ANY));
	say("its node", access("/dev/rpmsg1", F_OK));
	say("release it", control(RPMSG_RELEASE_DEV_IOCTL, "rpmsg-raw", 99, RPMSG_ADDR_ANY));
	say("release it again", control(RPMSG_RELEASE_DEV_IOCTL, "rpmsg-raw", 99, RPMSG_ADDR_ANY));
	say("its node", access("/dev/rpmsg1", F_OK));
	say("unknown request", control(_IO(0xb5, 99), "", 0, 0));
}

static void fill(unsigned int number, size_t length)
{
	for (size_t i = 0; i < length; i++)
		message[i] = (char)(number * 31 + i);
	memcpy(message, &number, sizeof number);
}

static size_t length_of(unsigned int number)
{
	return sizeof number + number * 7 % (PAYLOAD_MAX - sizeof number);
}

static void check(int fd, unsigned int number)
{
	ssize_t n = read(fd, answer, sizeof answer);

	fill(number, length_of(number));
	if (n != (ssize_t)length_of(number) || memcmp(message, answer, (size_t)n))
		errx(1, "message %u came back as %zd other bytes", number, n);
}

static void exchange(unsigned int count)
{
	int raw = open(RAW, O_RDWR);

	if (raw < 0)
		err(1, RAW);
	for (unsigned int i = 0; i < count; i++) {
		fill(i, length_of(i));
		if (write(raw, message, length_of(i)) != (ssize_t)length_of(i))
			err(1, "message %u", i);
		check(raw, i);
	}
	close(raw);
	printf("%u messages\n", count);
}

/* The child writes, the parent reads: both have the same description. */
static void stream(unsigned int count)
{
	int raw = open(RAW, O_RDWR), status;
	pid_t child;

	if (raw < 0)
		err(1, RAW);
	child = fork();
	if (!child) {
		for (unsigned int i = 0; i < count; i++) {
			fill(i, length_of(i));
			if (write(raw, message, length_of(i)) != (ssize_t)length_of(i))
				err(1, "message %u", i);
		}
		_exit(0);
	}
	for (unsigned int i = 0; i < count; i++)
		check(raw, i);
	if (waitpid(child, &status, 0) != child || status)
		errx(1, "the writer failed");
	close(raw);
	printf("%u messages\n", count);
}

static void stay_stuck(void)
{
	int raw = open(RAW, O_RDWR | O_NONBLOCK), sent = 0;
	struct timespec began, ended;
	long result;

	while (write(raw, "hello", 5) == 5)
		sent++;
	say("sent without waiting", sent);
	say("and one more", write(raw, "hello", 5));
	fcntl(raw, F_SETFL, 0);
	clock_gettime(CLOCK_MONOTONIC, &began);
	result = write(raw, "hello", 5);
	printf("and waiting: %ld, errno %d", result, errno);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	printf(" after %ld s\n", (long)(ended.tv_sec - began.tv_sec));
	close(raw);
}

int main(int argc, char **argv)
{
	wait_for(RAW);
	if (argc == 3 && !strcmp(argv[1], "exchange")) {
		exchange((unsigned int)atoi(argv[2]));
	} else if (argc == 3 && !strcmp(argv[1], "stream")) {
		stream((unsigned int)atoi(argv[2]));
	} else if (argc == 2 && !strcmp(argv[1], "stuck")) {
		stay_stuck();
	} else {
		ask_endpoints();
		ask_raw();
		ask_channels();
	}
	return 0;
}
