/* Mappings of emulated files. The server says what may be mapped; the mapping itself is a real one. */
#include "mapping-table.h"
#include "portal.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>

#define PAGE 4096ul

bool has_mappings(void)
{
	return __atomic_load_n(&mappings_high, __ATOMIC_RELAXED) != 0;
}

/* ---- for up-calls ------------------------------------------------------------------ */

static bool is_fixed(int flags)
{
	return flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
}

/* VM_DONTCOPY: neither the page nor what keeps the file. */
static void keep_from_children(uintptr_t page, uintptr_t holder)
{
	raw(SYS_madvise, page, PAGE, MADV_DONTFORK);
	if (holder)
		raw(SYS_madvise, holder, PAGE, MADV_DONTFORK);
}

long map_noted(const int64_t args[IO_ARGS], int fd, const struct io_vma *vma)
{
	size_t length = ((size_t)args[1] + PAGE - 1) & ~(PAGE - 1);
	bool portal = vma->flags & IO_VMA_PORTAL;
	uint64_t signals;
	long at;

	if (portal)
		guard_portals();
	lock_mappings(&signals);
	at = raw(SYS_mmap, args[0], args[1], portal ? PROT_NONE : args[2], args[3], fd, args[4]);
	if (!is_error(at)) {
		uintptr_t from = (uintptr_t)at;

		remove_mappings(from, from + length);
		if (portal)
			keep_from_children(from, vma->holder);
		if (!add_mapping((struct mapping){ from, from + length, vma->inode, vma->holder, vma->flags, (uint32_t)args[2] & 7, vma->handle })) {
			raw(SYS_munmap, at, length);
			at = -ENOMEM;
		}
	}
	unlock_mappings(&signals);
	return at;
}

long reserve_noted(uintptr_t address, size_t length, int flags)
{
	int kept = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
	uint64_t signals;
	long at;

	lock_mappings(&signals);
	at = raw(SYS_mmap, address, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | kept, -1, 0);
	if (!is_error(at))
		remove_mappings((uintptr_t)at, (uintptr_t)at + length);
	unlock_mappings(&signals);
	return at;
}

long unmap_noted(uintptr_t address, size_t length)
{
	uint64_t signals;
	long result;

	lock_mappings(&signals);
	result = raw(SYS_munmap, address, length);
	if (result == 0)
		remove_mappings(address, address + length);
	unlock_mappings(&signals);
	return result;
}

/* The descriptor may be such that it cannot be mapped, or another one by now: it is opened again and looked at. */
long hold_inode(int fd, uint64_t inode)
{
	char link[40];
	struct stat st;
	long again, at = -EBADF;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	again = raw(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
	if (again < 0)
		return again;
	if (raw(SYS_fstat, again, &st) == 0 && st.st_ino == inode)
		at = raw(SYS_mmap, NULL, PAGE, PROT_NONE, MAP_SHARED, again, 0);
	raw(SYS_close, again);
	return at;
}

/* The next library's functions are looked up before the lock is taken: looking up may need memory. */

/* ---- mmap, munmap ------------------------------------------------------------------ */

static void *map_ours(int fd, uint32_t handle, void *address, size_t length, int protection, int flags, off_t offset)
{
	return (void *)finish(simple_call(IO_MMAP, fd, handle, (int64_t)(uintptr_t)address, (int64_t)length, protection, flags, offset));
}

/* What is not ours may replace what is. */
static void *map_over(void *address, size_t length, int protection, int flags, int fd, off_t offset, __typeof__(&mmap) next)
{
	uint64_t signals;
	void *at;

	lock_mappings(&signals);
	at = next(address, length, protection, flags, fd, offset);
	if (at != MAP_FAILED)
		remove_mappings((uintptr_t)at, (uintptr_t)at + ((length + PAGE - 1) & ~(PAGE - 1)));
	unlock_mappings(&signals);
	return at;
}

#define MMAP(name)                                                                                                      \
	EXPORT void *name(void *address, size_t length, int protection, int flags, int fd, off_t offset)                \
	{                                                                                                               \
		uint32_t handle = flags & MAP_ANONYMOUS ? 0 : handle_of(fd);                                            \
		if (handle)                                                                                             \
			return map_ours(fd, handle, address, length, protection, flags, offset);                        \
		if (is_fixed(flags) && may_touch((uintptr_t)address, length))                                           \
			return map_over(address, length, protection, flags, fd, offset, NEXT(name));                    \
		return NEXT(name)(address, length, protection, flags, fd, offset);                                      \
	}

MMAP(mmap)
MMAP(mmap64)

EXPORT int munmap(void *address, size_t length)
{
	uintptr_t from = (uintptr_t)address, to = from + ((length + PAGE - 1) & ~(PAGE - 1));
	__typeof__(&munmap) next = NEXT(munmap);
	struct mapping *m;
	uint64_t signals;
	bool ours;
	int result;

	if (!may_touch(from, length))
		return next(address, length);
	lock_mappings(&signals);
	m = mapping_from(from);
	ours = m && m->from < to;
	result = next(address, length);
	if (result == 0)
		remove_mappings(from, to);
	unlock_mappings(&signals);
	if (ours)
		report("munmap(%p, %zu) = %d", address, length, result);
	return result;
}

/* Whether all of a range is of a portal. */
static bool is_portal(uintptr_t from, size_t length)
{
	const struct mapping *m = mapping_at(from);

	return m && (m->flags & IO_VMA_PORTAL) && from % PAGE == 0 && from + length <= m->to;
}

EXPORT int mprotect(void *address, size_t length, int protection)
{
	__typeof__(&mprotect) next = NEXT(mprotect);
	uintptr_t from = (uintptr_t)address;
	uint64_t signals;
	int result;

	if (!may_touch(from, length))
		return next(address, length, protection);
	lock_mappings(&signals);
	/* A portal keeps being without rights: what the program may do there is the table's to know. */
	result = is_portal(from, length) ? 0 : next(address, length, protection);
	if (result == 0)
		protect_mappings(from, from + ((length + PAGE - 1) & ~(PAGE - 1)), (uint32_t)protection & 7);
	unlock_mappings(&signals);
	return result;
}
