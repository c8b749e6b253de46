/*
 * What the benchmark programs share. Such a program measures a round for each
 * line on its standard input,
 *
 *	WORK SAMPLES PAUSE_NS
 *
 * and answers with a line of JSON: quantiles of the time that one call took, in
 * nanoseconds. It sleeps so long before each sample; the pause is not counted.
 * At the end of its input it exits. Thus several programs can take turns, and
 * what disturbs the host disturbs all of them.
 */
#ifndef ROUND_H
#define ROUND_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <err.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

struct work {
	const char *name;
	void (*run)(void);
	/* Before each sample, uncounted. */
	void (*prepare)(void);
	/* How many calls one run makes, 0 for one: several, where the clock costs as much as the call. */
	int calls;
};

/* Samples before those that count. */
#define WARM_UP 3

static inline void pin_to(const char *cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(atoi(cpu), &set);
	if (sched_setaffinity(0, sizeof set, &set))
		err(1, "pinning to processor %s", cpu);
}

/* A process to talk to, on a processor. It ends with its parent. */
static inline void start_peer(const char *cpu, void (*serve)(void))
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	pin_to(cpu);
	serve();
	_exit(0);
}

static inline double clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline void measure(const struct work *w, int samples, long pause_ns)
{
	struct timespec pause = { pause_ns / 1000000000, pause_ns % 1000000000 };
	double *took = calloc((size_t)samples, sizeof *took), began;
	int calls = w->calls ? w->calls : 1;

	if (!took)
		err(1, "calloc");
	for (int i = -WARM_UP; i < samples; i++) {
		if (pause_ns)
			clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		if (w->prepare)
			w->prepare();
		began = clock_ns();
		w->run();
		if (i >= 0)
			took[i] = (clock_ns() - began) / calls;
	}
	qsort(took, (size_t)samples, sizeof *took, by_size);
	printf("{\"median\":%.1f,\"p10\":%.1f,\"p90\":%.1f}\n", took[samples / 2], took[samples / 10], took[samples - 1 - samples / 10]);
	fflush(stdout);
	free(took);
}

static inline int measure_rounds(const struct work *works, int count)
{
	char name[32];
	int samples;
	long pause_ns;

	while (scanf("%31s %d %ld", name, &samples, &pause_ns) == 3) {
		int i = 0;

		while (i < count && strcmp(works[i].name, name))
			i++;
		if (i == count || samples < 1)
			errx(1, "no work is called %s", name);
		measure(&works[i], samples, pause_ns);
	}
	return 0;
}

#define COUNT(works) ((int)(sizeof(works) / sizeof *(works)))

#endif
