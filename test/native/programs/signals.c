/*
 * Signals that come while a call waits. With the name of a device that keeps what
 * is written until it is read, or without one: then a pipe stands in, and the real
 * kernel says what is right.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "await-sleep.h"

static int in, out;
/* Handlers that ran since the last line, and ever. */
static volatile sig_atomic_t handled, ever;

static void note_handled(void)
{
	handled++;
	ever++;
}

static sigjmp_buf back;

static const char *errno_name(long result)
{
	return result >= 0 ? "0" : errno == EINTR ? "EINTR" : errno == EAGAIN ? "EAGAIN" : strerror(errno);
}

static void show(const char *what, long result)
{
	printf("%s: %ld %s, handled %d\n", what, result, errno_name(result), handled);
	fflush(stdout);
	handled = 0;
}

static void set(int number, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	sigaction(number, &action, NULL);
}

/* ---- another thread that acts once the first one sleeps --------------------------- */

static pthread_t first_thread;

struct plan { int signals[4]; const char *bytes; };

static void *carry_out(void *given)
{
	const struct plan *plan = given;

	for (int i = 0; i < 4 && plan->signals[i]; i++) {
		int before = ever;

		await_sleep();
		pthread_kill(first_thread, plan->signals[i]);
		while (ever == before)
			sched_yield();
	}
	if (plan->bytes) {
		await_sleep();
		if (write(out, plan->bytes, strlen(plan->bytes)) < 0)
			abort();
	}
	return NULL;
}

static long read_during(const struct plan *plan, char *text)
{
	pthread_t thread;
	long n;
	int e;

	pthread_create(&thread, NULL, carry_out, (void *)plan);
	memset(text, 0, 16);
	n = read(in, text, 15);
	e = errno;
	pthread_join(thread, NULL);
	errno = e;
	return n;
}

/* ---- handlers ----------------------------------------------------------------------- */

static void count(int number)
{
	(void)number;
	note_handled();
}

static void put(int number)
{
	(void)number;
	if (write(out, "from the handler", 5) == 5)
		note_handled();
}

static char taken[16];

static void take(int number)
{
	int flags = fcntl(in, F_GETFL);

	(void)number;
	fcntl(in, F_SETFL, flags | O_NONBLOCK);
	if (read(in, taken, sizeof taken) < 0 && errno == EAGAIN)
		strcpy(taken, "EAGAIN");
	fcntl(in, F_SETFL, flags);
	note_handled();
}

static void jump(int number)
{
	(void)number;
	note_handled();
	siglongjmp(back, 1);
}

static siginfo_t last;

static void note(int number, siginfo_t *info, void *context)
{
	(void)number;
	last = *info;
	if (context)
		note_handled();
}

/* ---- what is tried ------------------------------------------------------------------- */

static void try_reads(void)
{
	char text[16];

	set(SIGUSR1, count, 0);
	show("a handler without SA_RESTART", read_during(&(struct plan){ { SIGUSR1 }, NULL }, text));
	set(SIGUSR1, count, SA_RESTART);
	show("one with it", read_during(&(struct plan){ { SIGUSR1, SIGUSR1 }, "abc" }, text));
	set(SIGUSR2, count, 0);
	show("one of each", read_during(&(struct plan){ { SIGUSR1, SIGUSR2 }, NULL }, text));
	signal(SIGUSR1, count);
	show("by signal(3)", read_during(&(struct plan){ { SIGUSR1 }, "abcd" }, text));
	siginterrupt(SIGUSR1, 1);
	show("after siginterrupt(3)", read_during(&(struct plan){ { SIGUSR1 }, NULL }, text));
	siginterrupt(SIGUSR1, 0);

	set(SIGUSR1, put, SA_RESTART);
	show("the handler writes, the read starts again", read_during(&(struct plan){ { SIGUSR1 }, NULL }, text));
	set(SIGUSR1, put, 0);
	show("the handler writes, the read does not start again", read_during(&(struct plan){ { SIGUSR1 }, NULL }, text));
	show("what it wrote", read(in, text, 15));
	set(SIGUSR1, take, SA_RESTART);
	show("the handler reads", read_during(&(struct plan){ { SIGUSR1 }, "xy" }, text));
	printf("it got %s\n", taken);

	set(SIGUSR1, count, SA_RESTART | SA_RESETHAND);
	show("SA_RESETHAND", read_during(&(struct plan){ { SIGUSR1 }, "z" }, text));
}

static void try_queries(void)
{
	struct sigaction action = { .sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK }, got;
	char text[16];

	sigaction(SIGUSR1, NULL, &got);
	printf("reset: %d\n", got.sa_handler == SIG_DFL);
	sigaddset(&action.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &action, NULL);
	show("SA_SIGINFO", read_during(&(struct plan){ { SIGUSR1 }, "z" }, text));
	printf("info: %d %d %d\n", last.si_signo == SIGUSR1, last.si_code == SI_TKILL, last.si_pid == getpid());
	sigaction(SIGUSR1, NULL, &got);
	printf("own: %d %d %d %x\n", got.sa_sigaction == note, sigismember(&got.sa_mask, SIGUSR2), sigismember(&got.sa_mask, SIGINT),
	       got.sa_flags & ~0x04000000);
	set(SIGUSR1, count, 0);
	printf("old: %d\n", signal(SIGUSR1, SIG_IGN) == count);
	printf("older: %d\n", signal(SIGUSR1, SIG_DFL) == SIG_IGN);
	printf("none: %d %d\n", sigaction(0, NULL, &got), sigaction(SIGKILL, &action, NULL));
}

static void try_jumps(void)
{
	char text[16];
	volatile int times;

	set(SIGUSR1, jump, SA_NODEFER);
	for (times = 0; times < 200; times++) {
		if (sigsetjmp(back, 1) == 0) {
			pthread_t thread;

			/* It may look at its plan when this is long over. */
			static const struct plan plan = { { SIGUSR1 }, NULL };

			pthread_create(&thread, NULL, carry_out, (void *)&plan);
			pthread_detach(thread);
			show("not reached", read(in, text, 15));
		}
	}
	show("jumps out of reads", times);
	set(SIGUSR1, count, SA_RESTART);
	show("a read after them", read_during(&(struct plan){ { SIGUSR1 }, "still" }, text));
	printf("%s\n", text);
}

static void try_poll(void)
{
	struct pollfd entry = { in, POLLIN, 0 };
	pthread_t thread;
	struct timespec second = { 1, 0 };
	sigset_t blocked, none;

	set(SIGUSR1, count, SA_RESTART);
	pthread_create(&thread, NULL, carry_out, &(struct plan){ { SIGUSR1 }, NULL });
	show("poll", poll(&entry, 1, -1));
	pthread_join(thread, NULL);
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	pthread_kill(pthread_self(), SIGUSR1);
	show("a pending signal that is blocked", poll(&entry, 1, 0));
	show("ppoll lets it in", ppoll(&entry, 1, &second, &none));
	pthread_kill(pthread_self(), SIGUSR1);
	if (write(out, "w", 1) != 1)
		abort();
	show("what is ready comes first", ppoll(&entry, 1, &second, &none));
	pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
	show("then the signal", read(in, &entry, 1));
}

/* A timer that fires all the time hits every place that a call passes. */
static void try_timer(void)
{
	struct itimerval every = { { 0, 700 }, { 0, 300 } }, never = { 0 };
	char text[16];
	int interrupted = 0, wrong = 0;

	set(SIGALRM, count, 0);
	setitimer(ITIMER_REAL, &every, NULL);
	for (int i = 0; i < 300; i++)
		interrupted += read(in, text, 15) == -1 && errno == EINTR;
	set(SIGALRM, take, SA_RESTART);
	for (int i = 0; i < 20000; i++) {
		long flags = fcntl(in, F_GETFL);

		wrong += (flags & O_ACCMODE) == O_WRONLY || lseek(in, 0, SEEK_CUR) != lseek(out, 0, SEEK_CUR);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	fcntl(in, F_SETFL, fcntl(in, F_GETFL) & ~O_NONBLOCK);
	handled = 0;
	show("reads that the timer ended", interrupted);
	show("calls that it disturbed", wrong);
}

static volatile int cleaned;

static void on_cleanup(void *unused)
{
	(void)unused;
	cleaned++;
}

static void *read_for_ever(void *given)
{
	char text[16];

	__atomic_store_n((pid_t *)given, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	pthread_cleanup_push(on_cleanup, NULL);
	for (;;)
		if (read(in, text, 15) >= 0)
			break;
	pthread_cleanup_pop(0);
	return NULL;
}

static void try_cancel(void)
{
	pid_t own = first;
	void *result;
	char text[16];

	for (int i = 0; i < 20; i++) {
		pthread_t thread;

		first = 0;
		pthread_create(&thread, NULL, read_for_ever, &first);
		while (!__atomic_load_n(&first, __ATOMIC_ACQUIRE))
			sched_yield();
		await_sleep();
		pthread_cancel(thread);
		pthread_join(thread, &result);
		if (result != PTHREAD_CANCELED)
			abort();
	}
	first = own;
	printf("cancelled, cleaned %d\n", cleaned);
	set(SIGUSR1, count, SA_RESTART);
	show("nobody took it", read_during(&(struct plan){ { SIGUSR1 }, "mine" }, text));
}

int main(int argc, char **argv)
{
	static char other[65536];
	stack_t stack = { .ss_sp = other, .ss_size = sizeof other };
	int ends[2];

	first = (pid_t)syscall(SYS_gettid);
	first_thread = pthread_self();
	/* Before the first call on a device, too. */
	set(SIGUSR2, count, SA_RESTART);
	if (argc > 1) {
		in = out = open(argv[1], O_RDWR);
	} else if (pipe(ends) == 0) {
		in = ends[0];
		out = ends[1];
	}
	char text[16];
	show("a handler from before", read_during(&(struct plan){ { SIGUSR2 }, "ab" }, text));
	sigaltstack(&stack, NULL);
	try_reads();
	try_queries();
	try_jumps();
	try_poll();
	try_timer();
	try_cancel();
	return 0;
}
