/*
 * Which parts of this process's memory are mappings of emulated files. Sorted by
 * address, without overlap; a forked child inherits it with the memory. One entry
 * is what the real kernel can handle as one piece; entries that join are one
 * mapping to Linux.
 */
#include "mapping-table.h"
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096ul
/* As many as a process may have mappings. */
#define ENTRIES 65530

static struct mapping table[ENTRIES];
static size_t used;
uintptr_t mappings_low = UINTPTR_MAX, mappings_high;

/* The process that holds the lock: a child that was forked meanwhile need not wait for its parent. */
static int32_t owner;

void lock_mappings(uint64_t *signals)
{
	uint64_t all = ~0ull;
	int32_t pid = (int32_t)raw(SYS_getpid), was;

	raw(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, &all, signals, 8);
	for (;;) {
		was = __atomic_load_n(&owner, __ATOMIC_RELAXED);
		if (was != pid && __atomic_compare_exchange_n(&owner, &was, pid, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return;
		raw(SYS_sched_yield);
	}
}

void unlock_mappings(const uint64_t *signals)
{
	__atomic_store_n(&owner, 0, __ATOMIC_RELEASE);
	raw(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, signals, NULL, 8);
}

static void publish_bounds(void)
{
	__atomic_store_n(&mappings_low, used ? table[0].from : UINTPTR_MAX, __ATOMIC_RELAXED);
	__atomic_store_n(&mappings_high, used ? table[used - 1].to : 0, __ATOMIC_RELAXED);
}

/* The first entry that ends behind an address. */
static size_t position(uintptr_t address)
{
	size_t low = 0, high = used;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (table[middle].to > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

struct mapping *mapping_at(uintptr_t address)
{
	struct mapping *m = mapping_from(address);

	return m && m->from <= address ? m : NULL;
}

struct mapping *mapping_from(uintptr_t address)
{
	size_t at = position(address);

	return at < used ? &table[at] : NULL;
}

struct mapping *next_mapping(struct mapping *m)
{
	return m + 1 < table + used ? m + 1 : NULL;
}

uintptr_t mapping_end(const struct mapping *m)
{
	while (m + 1 < table + used && m[1].from == m->to && (m[1].flags & IO_VMA_JOINS))
		m++;
	return m->to;
}

static bool insert(size_t at, struct mapping m)
{
	if (used == ENTRIES)
		return false;
	memmove(&table[at + 1], &table[at], (used - at) * sizeof *table);
	table[at] = m;
	used++;
	return true;
}

/* Makes an address a border between entries. */
static void split(uintptr_t address)
{
	struct mapping *m = mapping_at(address);
	struct mapping rest;

	if (!m || m->from == address)
		return;
	rest = *m;
	rest.from = address;
	rest.flags |= IO_VMA_JOINS;
	if (insert((size_t)(m - table) + 1, rest))
		m->to = address;
}

static void release_holder(uintptr_t holder)
{
	for (size_t i = 0; i < used; i++)
		if (table[i].holder == holder)
			return;
	raw(SYS_munmap, holder, PAGE);
}

void remove_mappings(uintptr_t from, uintptr_t to)
{
	size_t first, last;

	split(from);
	split(to);
	first = position(from);
	last = first;
	while (last < used && table[last].from < to) {
		uintptr_t holder = table[last].holder;

		/* What follows is a mapping of its own now. */
		table[last].holder = 0;
		if (holder)
			release_holder(holder);
		last++;
	}
	if (first == last)
		return;
	memmove(&table[first], &table[last], (used - last) * sizeof *table);
	used -= last - first;
	if (first < used)
		table[first].flags &= ~(uint32_t)IO_VMA_JOINS;
	publish_bounds();
}

bool add_mapping(struct mapping m)
{
	bool added = insert(position(m.from), m);

	publish_bounds();
	return added;
}

/* Linux splits a mapping where its protection changes, and never joins what a device shows. */
void protect_mappings(uintptr_t from, uintptr_t to, uint32_t protection)
{
	struct mapping *m;
	uint32_t before = 0;
	bool changed = false;

	for (m = mapping_from(from); m && m->from < to; m = next_mapping(m)) {
		if (m->protection == protection)
			continue;
		if (m->from < from) {
			split(from);
			m = mapping_from(from);
		}
		if (m->to > to)
			split(to);
		if (m->from == from || !changed || before != m->protection)
			m->flags &= ~(uint32_t)IO_VMA_JOINS;
		before = m->protection;
		changed = true;
		m->protection = protection;
	}
	m = mapping_at(to);
	if (changed && m && m->from == to && m->protection != protection)
		m->flags &= ~(uint32_t)IO_VMA_JOINS;
}

int64_t count_mappings(uint64_t inode)
{
	uint64_t signals;
	int64_t count = 0;

	if (!has_mappings())
		return 0;
	lock_mappings(&signals);
	for (size_t i = 0; i < used; i++)
		count += table[i].inode == inode && !(table[i].flags & IO_VMA_JOINS);
	unlock_mappings(&signals);
	return count;
}
