/*
 * Many processes at one node: usage: crowd PATH_NATIVE PATH_MOUNTED SEED
 *
 * 16 writers and 16 readers of records, each through one of the two paths, chosen by the seed. Half of each are killed, each after a number of
 * records that the seed chooses, or when all others are done. What must hold:
 *  - every record of every writer that was not killed arrives whole and once, but for at most one for each reader that was killed (it had
 *    the record and could not say so any more);
 *  - no record arrives twice; what one reader gets of one writer is in order.
 * Exit status 0, or 1 with a line that says what did not hold.
 */
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITERS 16
#define READERS 16
#define CROWD (WRITERS + READERS)
#define RECORDS 100
#define FILLER 40

struct record {
	uint32_t writer, number;
	/* Derived from the two, so that a torn record shows. */
	uint8_t filler[FILLER];
};
#define LAST UINT32_MAX

struct member {
	pid_t pid;
	const char *path;
	int is_victim, is_gone;
	/* A victim is killed once it has moved so many records. */
	uint32_t at;
	volatile uint32_t moved;
	struct {
		uint32_t writer, number;
	} got[WRITERS * RECORDS];
};

static struct member *members;
static uint64_t state;

static uint32_t draw(uint32_t below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % below;
}

static void fill(struct record *r, uint32_t writer, uint32_t number)
{
	r->writer = writer;
	r->number = number;
	for (int i = 0; i < FILLER; i++)
		r->filler[i] = (uint8_t)(writer * 31 + number * 7 + (uint32_t)i);
}

static void do_write(struct member *self, uint32_t writer)
{
	struct record r;
	int fd = open(self->path, O_WRONLY);

	if (fd < 0)
		err(1, "%s", self->path);
	while (self->moved < RECORDS) {
		fill(&r, writer, self->moved);
		if (write(fd, &r, sizeof r) != sizeof r)
			err(1, "writer %u: write", writer);
		self->moved++;
	}
	_exit(0);
}

static void do_read(struct member *self)
{
	struct record r, whole;
	int fd = open(self->path, O_RDONLY);
	ssize_t length;

	if (fd < 0)
		err(1, "%s", self->path);
	for (;;) {
		length = read(fd, &r, sizeof r);
		if (length != sizeof r)
			err(1, "a reader got %zd bytes", length);
		if (r.writer == LAST)
			_exit(0);
		fill(&whole, r.writer, r.number);
		if (r.writer >= WRITERS || memcmp(&r, &whole, sizeof r) != 0)
			errx(1, "a record is torn");
		self->got[self->moved].writer = r.writer;
		self->got[self->moved].number = r.number;
		self->moved++;
	}
}

static void kill_member(struct member *m)
{
	int status;

	kill(m->pid, SIGKILL);
	if (waitpid(m->pid, &status, 0) != m->pid)
		err(1, "waitpid");
	/* It may have ended before. */
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		exit(1);
	m->is_gone = 1;
}

static void join(struct member *m)
{
	int status;

	if (waitpid(m->pid, &status, 0) != m->pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		errx(1, "process %d ended with 0x%x", m->pid, status);
	m->is_gone = 1;
}

static int are_writers_done(void)
{
	for (int i = 0; i < WRITERS; i++)
		if (!members[i].is_victim && members[i].moved < RECORDS)
			return 0;
	return 1;
}

static void check(int readers_killed)
{
	static uint8_t seen[WRITERS][RECORDS];
	int missing = 0;

	for (int i = WRITERS; i < CROWD; i++) {
		int64_t last[WRITERS];

		memset(last, 0xff, sizeof last);
		for (uint32_t k = 0; k < members[i].moved; k++) {
			uint32_t writer = members[i].got[k].writer, number = members[i].got[k].number;

			if (number <= last[writer])
				errx(1, "reader %d got record %u of writer %u after %ld", i - WRITERS, number, writer, (long)last[writer]);
			if (seen[writer][number]++)
				errx(1, "record %u of writer %u arrived twice", number, writer);
			last[writer] = number;
		}
	}
	for (int w = 0; w < WRITERS; w++)
		for (int n = 0; n < RECORDS && !members[w].is_victim; n++)
			missing += !seen[w][n];
	if (missing > readers_killed)
		errx(1, "%d records are missing, and %d readers were killed", missing, readers_killed);
}

int main(int argc, char **argv)
{
	struct record last = { .writer = LAST };
	int fd, readers_killed = 0, readers_left = 0;

	if (argc != 4)
		errx(2, "usage: crowd NATIVE MOUNTED SEED");
	state = strtoull(argv[3], NULL, 10);
	members = mmap(NULL, CROWD * sizeof *members, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (members == MAP_FAILED)
		err(1, "mmap");
	for (int i = 0; i < CROWD; i++) {
		struct member *m = &members[i];
		pid_t pid;

		m->path = argv[1 + draw(2)];
		m->is_victim = i % 2;
		m->at = draw(RECORDS);
		pid = fork();
		if (pid < 0)
			err(1, "fork");
		if (pid > 0) {
			m->pid = pid;
			continue;
		}
		if (i < WRITERS)
			do_write(m, (uint32_t)i);
		do_read(m);
	}
	while (!are_writers_done()) {
		for (int i = 0; i < CROWD; i++)
			if (members[i].is_victim && !members[i].is_gone && members[i].moved >= members[i].at)
				kill_member(&members[i]);
		sched_yield();
	}
	for (int i = 0; i < CROWD; i++) {
		if (members[i].is_victim && !members[i].is_gone)
			kill_member(&members[i]);
		else if (i < WRITERS && !members[i].is_victim)
			join(&members[i]);
		if (i >= WRITERS) {
			readers_killed += members[i].is_victim;
			readers_left += !members[i].is_victim;
		}
	}
	fd = open(argv[1], O_WRONLY);
	for (int i = 0; i < readers_left; i++)
		if (write(fd, &last, sizeof last) != sizeof last)
			err(1, "the last records");
	for (int i = WRITERS; i < CROWD; i++)
		if (!members[i].is_victim)
			join(&members[i]);
	check(readers_killed);
	printf("%d readers killed\n", readers_killed);
	return 0;
}
