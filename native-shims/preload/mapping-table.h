/* The table of mappings, for mapping.c: every use but the first two stands between lock and unlock. */
#ifndef MAPPING_TABLE_H
#define MAPPING_TABLE_H

#include "mapping.h"

struct mapping {
	uintptr_t from, to;
	uint64_t inode;
	/* Where the page is mapped that keeps the file, or 0. */
	uintptr_t holder;
	/* IO_VMA_ bits, and PROT_ bits. */
	uint32_t flags;
	uint32_t protection;
	/* What the file is known as, of a portal. */
	uint32_t handle;
};

/* No mapping lies outside. */
extern uintptr_t mappings_low, mappings_high;

/* The one comparison that memory calls of programs without emulated mappings pay. */
static inline bool may_touch(uintptr_t from, size_t length)
{
	return from < __atomic_load_n(&mappings_high, __ATOMIC_RELAXED) && from + length > __atomic_load_n(&mappings_low, __ATOMIC_RELAXED);
}

/* Signals wait meanwhile: a handler could map, too. */
void lock_mappings(uint64_t *signals);
void unlock_mappings(const uint64_t *signals);

/* The entry that an address lies in; the first that ends behind it; the one after another. NULL when there is none. */
struct mapping *mapping_at(uintptr_t address);
struct mapping *mapping_from(uintptr_t address);
struct mapping *next_mapping(struct mapping *m);
/* Where that ends which Linux has as one mapping. */
uintptr_t mapping_end(const struct mapping *m);
/* False: the table is full. */
bool add_mapping(struct mapping m);
void remove_mappings(uintptr_t from, uintptr_t to);
void protect_mappings(uintptr_t from, uintptr_t to, uint32_t protection);

#endif
