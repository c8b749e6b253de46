/* mremap(2). What a device shows cannot grow (VM_DONTEXPAND), but move and shrink. */
#include "mapping-table.h"
#include <stdarg.h>
#include <sys/mman.h>

#define PAGE 4096ul
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static uintptr_t round_up(size_t length)
{
	return (length + PAGE - 1) & ~(PAGE - 1);
}

/* What Linux refuses before it looks at the memory, the real kernel refuses, too. */
static bool is_wrong(uintptr_t from, size_t old, size_t new, int flags, uintptr_t to)
{
	if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) || (flags & (MREMAP_MAYMOVE | MREMAP_FIXED)) == MREMAP_FIXED)
		return true;
	if ((flags & MREMAP_DONTUNMAP) && (!(flags & MREMAP_MAYMOVE) || old != new))
		return true;
	if (from % PAGE || new == 0)
		return true;
	return (flags & MREMAP_FIXED) && (to % PAGE || (to < from + old && from < to + new));
}

static void *failed(int error)
{
	errno = error;
	return MAP_FAILED;
}

/* Moves what Linux has as one mapping piece by piece, as the real kernel has it. */
static void *move(uintptr_t from, size_t old, size_t new, uintptr_t to)
{
	uintptr_t at = from;

	remove_mappings(to, to + new);
	raw(SYS_munmap, to, new);
	if (old > new) {
		raw(SYS_munmap, from + new, old - new);
		remove_mappings(from + new, from + old);
	}
	while (at < from + new) {
		struct mapping m = *mapping_at(at);
		uintptr_t end = m.to < from + new ? m.to : from + new;
		long result = raw(SYS_mremap, at, end - at, end - at, MREMAP_MAYMOVE | MREMAP_FIXED, to + (at - from));

		if (is_error(result))
			return failed((int)-result);
		if (at == from)
			m.flags &= ~(uint32_t)IO_VMA_JOINS;
		m.from = to + (at - from);
		m.to = m.from + (end - at);
		/* First the new, so that the page which keeps the file stays. */
		add_mapping(m);
		remove_mappings(at, end);
		at = end;
	}
	return (void *)to;
}

/* Between lock and unlock. */
static void *remap_ours(uintptr_t from, size_t old, size_t new, int flags, uintptr_t to)
{
	const struct mapping *m = mapping_at(from);
	uintptr_t end = mapping_end(m);

	if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) == 0 && new <= old) {
		if (raw(SYS_munmap, from + new, old - new) == 0)
			remove_mappings(from + new, from + old);
		return (void *)from;
	}
	if (flags & MREMAP_FIXED) {
		/* The place is cleared first, whatever comes of it. */
		raw(SYS_munmap, to, new);
		remove_mappings(to, to + new);
	}
	if (old == 0 && !(m->flags & IO_VMA_SHARED))
		return failed(EINVAL);
	if (flags & MREMAP_DONTUNMAP)
		return failed(EINVAL);
	if ((old < new ? old : new) > end - from || new > old)
		return failed(EFAULT);
	return move(from, old, new, to);
}

EXPORT void *mremap(void *address, size_t old_length, size_t new_length, int flags, ...)
{
	uintptr_t from = (uintptr_t)address, to, old = round_up(old_length), new = round_up(new_length);
	__typeof__(&mremap) next = NEXT(mremap);
	uint64_t signals;
	void *result;
	va_list ap;

	va_start(ap, flags);
	to = flags & MREMAP_FIXED ? (uintptr_t)va_arg(ap, void *) : 0;
	va_end(ap);
	if ((!may_touch(from, old + PAGE) && !(to && may_touch(to, new))) || is_wrong(from, old, new, flags, to))
		return next(address, old_length, new_length, flags, to);
	lock_mappings(&signals);
	if (mapping_at(from)) {
		result = remap_ours(from, old, new, flags, to);
	} else {
		result = next(address, old_length, new_length, flags, to);
		if (result != MAP_FAILED && to)
			remove_mappings(to, to + new);
	}
	unlock_mappings(&signals);
	return result;
}
