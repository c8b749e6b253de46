/*
 * Which descriptors are emulated files. The table is a cache: the truth is the
 * inode behind the descriptor. An entry that says "ours" is checked against it
 * when descriptors may have changed hands since, and every thousandth time.
 */
#include "preload.h"
#include <fcntl.h>

/* Descriptors beyond are looked at each time. */
#define TABLE (1 << 20)
#define CHECK_EVERY 1000

enum { UNKNOWN, FOREIGN, OURS };

struct entry {
	/* UNKNOWN, FOREIGN, or OURS + handle. */
	uint32_t what;
	/* Of `epoch` when it was last checked, and uses since. */
	uint16_t epoch;
	uint16_t uses;
	uint64_t inode;
};

static struct entry table[TABLE];
/* Counts the calls that make, copy or end descriptors. */
static uint16_t epoch = 1;
static int highest = -1;

static long fstat_raw(int fd, struct stat *st)
{
	return raw(SYS_fstat, fd, st);
}

static struct entry *entry_of(int fd)
{
	return fd >= 0 && fd < TABLE ? &table[fd] : NULL;
}

static void set(int fd, uint32_t what, uint64_t inode)
{
	struct entry *e = entry_of(fd);

	if (!e)
		return;
	e->inode = inode;
	e->uses = 0;
	e->epoch = __atomic_load_n(&epoch, __ATOMIC_RELAXED);
	__atomic_store_n(&e->what, what, __ATOMIC_RELEASE);
	if (what >= OURS && fd > __atomic_load_n(&highest, __ATOMIC_RELAXED))
		__atomic_store_n(&highest, fd, __ATOMIC_RELAXED);
}

/* A descriptor that nothing is known of. */
static uint32_t look(int fd)
{
	struct entry *e = entry_of(fd);
	uint32_t was = e ? __atomic_load_n(&e->what, __ATOMIC_ACQUIRE) : UNKNOWN;
	uint64_t inode = e ? e->inode : 0;
	struct stat st;
	long answer;

	if (fstat_raw(fd, &st) < 0)
		return 0;
	if (is_internal(fd)) {
		set(fd, OURS + IO_NO_FILE, 0);
		return IO_NO_FILE;
	}
	if (st.st_dev != door()->memory_dev || st.st_nlink != 0 || !S_ISREG(st.st_mode)) {
		set(fd, FOREIGN, 0);
		return 0;
	}
	answer = identify(fd);
	if (answer < 0) {
		/* Nobody can say. What was ours stays so: its calls are ENODEV. */
		if (is_served() || was < OURS || inode != st.st_ino)
			return 0;
		answer = was - OURS;
	}
	set(fd, answer ? OURS + (uint32_t)answer : FOREIGN, st.st_ino);
	return (uint32_t)answer;
}

static uint32_t handle_slow(int fd, struct entry *e, uint32_t what)
{
	struct stat st;

	if (!e || what < OURS)
		return look(fd);
	if (e->epoch == __atomic_load_n(&epoch, __ATOMIC_RELAXED) && ++e->uses < CHECK_EVERY)
		return what - OURS;
	if (fstat_raw(fd, &st) == 0 && st.st_dev == door()->memory_dev && st.st_ino == e->inode) {
		e->uses = 0;
		e->epoch = __atomic_load_n(&epoch, __ATOMIC_RELAXED);
		return what - OURS;
	}
	forget(fd);
	return look(fd);
}

uint32_t handle_of(int fd)
{
	struct entry *e = entry_of(fd);
	uint32_t what = e ? __atomic_load_n(&e->what, __ATOMIC_ACQUIRE) : UNKNOWN;

	if (what == FOREIGN || !door()->open || fd < 0)
		return 0;
	if (is_inherited())
		what = UNKNOWN;
	return handle_slow(fd, e, what);
}

void remember(int fd, uint32_t handle, uint64_t inode)
{
	set(fd, OURS + handle, inode);
}

void remember_copy(int from, int to)
{
	struct entry *e = entry_of(from);

	suspect_all();
	if (e && __atomic_load_n(&e->what, __ATOMIC_ACQUIRE) >= OURS)
		set(to, e->what, e->inode);
	else
		forget(to);
}

void remember_foreign(int fd)
{
	if (fd >= 0)
		set(fd, FOREIGN, 0);
}

void forget(int fd)
{
	struct entry *e = entry_of(fd);

	suspect_all();
	if (e)
		__atomic_store_n(&e->what, UNKNOWN, __ATOMIC_RELEASE);
}

void suspect_all(void)
{
	__atomic_fetch_add(&epoch, 1, __ATOMIC_RELAXED);
}

uint16_t descriptor_epoch(void)
{
	return __atomic_load_n(&epoch, __ATOMIC_RELAXED);
}

void forget_all(void)
{
	for (int fd = 0; fd <= highest; fd++)
		table[fd].what = UNKNOWN;
	highest = -1;
}
