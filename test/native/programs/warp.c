/* Time that runs ahead while nobody does anything. Prints whole seconds, of which only sleeps make any. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double began, began_real;

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void show(const char *what, long result)
{
	struct timeval t;
	double passed = now(CLOCK_MONOTONIC) - began;

	gettimeofday(&t, NULL);
	printf("%s: %ld, %.0f ks", what, result, passed / 1000);
	printf(", %d %d\n", (long)((double)t.tv_sec - began_real - passed) == 0, labs(time(NULL) - t.tv_sec) <= 1);
	fflush(stdout);
}

static void on_signal(int number)
{
	(void)number;
}

static void *sleep_long(void *unused)
{
	sleep(50000);
	return unused;
}

/* While a thread does something, time does not jump. */
static void stay_busy(void)
{
	double last = now(CLOCK_MONOTONIC), step = 0;

	for (int i = 0; i < 300000; i++) {
		double t = now(CLOCK_MONOTONIC);

		step = t - last > step ? t - last : step;
		last = t;
	}
	printf("busy: %d\n", step < 10000);
}

int main(int argc, char **argv)
{
	struct timespec left = { 0 }, thousand = { 1000, 0 }, until;
	struct timeval timeout = { 2000, 0 };
	struct pollfd entry = { -1, POLLIN, 0 };
	struct epoll_event event = { .events = EPOLLIN };
	pthread_t thread;
	int ends[2], set_of_both;
	pid_t child;
	fd_set set;
	char byte;

	if (argc != 2 || pipe(ends) < 0)
		return 1;
	began = now(CLOCK_MONOTONIC);
	began_real = now(CLOCK_REALTIME);
	show("sleep", sleep(1000));
	show("nanosleep", nanosleep(&thousand, NULL));
	show("usleep", usleep(999999));
	until = (struct timespec){ (time_t)began + 5000, 0 };
	show("until", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
	show("poll of nothing", poll(NULL, 0, 1000000));
	entry.fd = ends[0];
	show("poll of a pipe", poll(&entry, 1, 1000000));
	entry.fd = open(argv[1], O_RDWR);
	show("poll of a device", poll(&entry, 1, 1000000));
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	FD_SET(entry.fd, &set);
	show("select of both", select(entry.fd + ends[0] + 1, &set, NULL, NULL, &timeout));
	printf("left %ld\n", (long)timeout.tv_sec);

	set_of_both = epoll_create1(0);
	epoll_ctl(set_of_both, EPOLL_CTL_ADD, ends[0], &event);
	show("epoll of a pipe", epoll_wait(set_of_both, &event, 1, 1000000));
	epoll_ctl(set_of_both, EPOLL_CTL_ADD, entry.fd, &event);
	show("epoll of both", epoll_pwait(set_of_both, &event, 1, 1000000, NULL));
	show("epoll that only looks", epoll_wait(set_of_both, &event, 1, 0));

	fflush(stdout);
	child = fork();
	if (child == 0) {
		sleep(5000);
		kill(getppid(), SIGUSR1);
		sleep(5000);
		if (write(ends[1], "x", 1) != 1)
			return 1;
		return 0;
	}
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	thousand.tv_sec = 9000;
	show("a signal", nanosleep(&thousand, &left));
	printf("left %.0f ks, %d\n", (double)left.tv_sec / 1000, errno == EINTR);
	show("the child", waitpid(child, NULL, 0) == child);
	show("its byte", read(ends[0], &byte, 1));

	pthread_create(&thread, NULL, sleep_long, NULL);
	stay_busy();
	pthread_join(thread, NULL);
	show("a thread", 0);
	return 0;
}
