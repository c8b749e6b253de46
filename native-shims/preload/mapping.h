/* What other files ask of the table of mappings. */
#ifndef MAPPING_H
#define MAPPING_H

#include "preload.h"
#include <sys/types.h>
#include <sys/uio.h>

/* Whether this process maps an emulated file at all. */
bool has_mappings(void);
/* Whether an address lies in such a mapping. */
bool is_mapped(uintptr_t address);
/* How many pieces lie before the first that is in one. */
size_t vectors_before_mappings(const struct iovec *v, size_t count);
/* How many mappings of an inode there are, as Linux counts them. */
int64_t count_mappings(uint64_t inode);
/* Whether a position in a file is one of /proc/self/mem that shows such a mapping. */
bool is_hidden_memory(int fd, off_t address);
/* For up-calls: maps memory of an emulated file and notes it; reserves room; unmaps; keeps an inode. They return an address or a negative errno. */
long map_noted(const int64_t args[IO_ARGS], int fd, const struct io_vma *vma);
long reserve_noted(uintptr_t address, size_t length, int flags);
long unmap_noted(uintptr_t address, size_t length);
long hold_inode(int fd, uint64_t inode);

#endif
