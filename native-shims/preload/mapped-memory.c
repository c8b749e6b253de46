/*
 * Calls about memory. What a device shows is VM_IO and VM_PFNMAP on Linux: it is
 * neither dropped nor locked nor looked through, and nobody may hold on to its
 * pages. The real kernel sees plain shared memory there.
 */
#include "mapping-table.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096ul

static uintptr_t round_up(uintptr_t at)
{
	return (at + PAGE - 1) & ~(PAGE - 1);
}

/* A copy of the first entry that has something of a range. */
static bool first_in(uintptr_t from, uintptr_t to, struct mapping *out)
{
	struct mapping *m;
	uint64_t signals;
	bool found;

	if (to <= from || !may_touch(from, to - from))
		return false;
	lock_mappings(&signals);
	m = mapping_from(from);
	found = m && m->from < to;
	if (found)
		*out = *m;
	unlock_mappings(&signals);
	return found;
}

bool is_mapped(uintptr_t address)
{
	struct mapping m;

	return first_in(address, address + 1, &m);
}

size_t vectors_before_mappings(const struct iovec *v, size_t count)
{
	struct mapping m;
	struct iovec one;
	size_t i = 0;

	while (i < count && read_guarded(&one, (uintptr_t)&v[i], sizeof one) == sizeof one &&
	       !first_in((uintptr_t)one.iov_base, (uintptr_t)one.iov_base + one.iov_len, &m))
		i++;
	/* What cannot be read, the real call says. */
	return i < count && read_guarded(&one, (uintptr_t)&v[i], sizeof one) < sizeof one ? count : i;
}

/* Does a call for what lies before ours. Holes are told at the end of such a call, when nothing else is wrong. */
static bool is_wrong_before(int result)
{
	return result == -1 && errno != ENOMEM;
}

EXPORT int msync(void *address, size_t length, int flags)
{
	uintptr_t at = (uintptr_t)address, to = round_up(at + length);
	struct mapping m;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (flags & (MS_ASYNC | MS_SYNC)) != MS_SYNC || at % PAGE)
		return NEXT(msync)(address, length, flags);
	while (first_in(at, to, &m) && ((m.flags & IO_VMA_FSYNC) || !(m.flags & IO_VMA_SHARED)))
		at = m.to;
	if (!first_in(at, to, &m))
		return NEXT(msync)(address, length, flags);
	if (m.from > (uintptr_t)address && is_wrong_before(NEXT(msync)(address, m.from - (uintptr_t)address, flags)))
		return -1;
	errno = EINVAL;
	return -1;
}

/* What Linux answers for the mapping of a device; 0: it does what it does elsewhere. */
static int advice_error(const struct mapping *m, int advice)
{
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_FREE:
	case MADV_DODUMP:
	case 20 /* MADV_COLD */:
	case 21 /* MADV_PAGEOUT */:
	case 22 /* MADV_POPULATE_READ */:
	case 23 /* MADV_POPULATE_WRITE */:
	case 24 /* MADV_DONTNEED_LOCKED */:
	case 25 /* MADV_COLLAPSE */:
		return EINVAL;
	case MADV_DOFORK:
		return m->flags & IO_VMA_IO ? EINVAL : 0;
	case MADV_REMOVE:
		return (m->flags & (IO_VMA_SHARED | IO_VMA_MAYWRITE)) == (IO_VMA_SHARED | IO_VMA_MAYWRITE) ? ENODEV : EACCES;
	default:
		return 0;
	}
}

static bool is_for_the_kernel_alone(int advice)
{
	return advice == MADV_MERGEABLE || advice == MADV_UNMERGEABLE || advice == MADV_HUGEPAGE || advice == MADV_NOHUGEPAGE;
}

EXPORT int madvise(void *address, size_t length, int advice)
{
	uintptr_t from = (uintptr_t)address, to = round_up(from + length);
	struct mapping m;
	int error;

	if (from % PAGE || !first_in(from, to, &m))
		return NEXT(madvise)(address, length, advice);
	if (is_for_the_kernel_alone(advice) && m.from <= from && m.to >= to)
		return 0;
	error = advice_error(&m, advice);
	if (!error)
		return NEXT(madvise)(address, length, advice);
	if (m.from > from && is_wrong_before(NEXT(madvise)(address, m.from - from, advice)))
		return -1;
	errno = error;
	return -1;
}

/* Locks what is not ours of a range; what is, Linux never locks. */
#define LOCK_OTHERS(address, length, call)                                                                              \
	({                                                                                                              \
		uintptr_t at_ = (uintptr_t)(address) & ~(PAGE - 1), to_ = round_up((uintptr_t)(address) + (length));    \
		struct mapping m_;                                                                                      \
		int result_ = 0;                                                                                        \
		while (result_ == 0 && at_ < to_) {                                                                     \
			bool found_ = first_in(at_, to_, &m_);                                                          \
			uintptr_t end_ = found_ ? m_.from : to_;                                                        \
			if (end_ > at_) {                                                                               \
				void *piece = (void *)at_;                                                              \
				size_t size = end_ - at_;                                                               \
				result_ = call;                                                                         \
			}                                                                                               \
			at_ = found_ ? m_.to : to_;                                                                     \
		}                                                                                                       \
		result_;                                                                                                \
	})

EXPORT int mlock(const void *address, size_t length)
{
	if (!may_touch((uintptr_t)address, length))
		return NEXT(mlock)(address, length);
	return LOCK_OTHERS(address, length, NEXT(mlock)(piece, size));
}

EXPORT int mlock2(const void *address, size_t length, unsigned int flags)
{
	if (!may_touch((uintptr_t)address, length) || (flags & ~MLOCK_ONFAULT))
		return NEXT(mlock2)(address, length, flags);
	return LOCK_OTHERS(address, length, NEXT(mlock2)(piece, size, flags));
}

EXPORT int mincore(void *address, size_t length, unsigned char *vector)
{
	uintptr_t from = (uintptr_t)address, at = from, to = round_up(from + length);
	int result = NEXT(mincore)(address, length, vector);
	struct mapping m;

	/* It counts pages of the page cache, and a device has none. */
	for (; result == 0 && first_in(at, to, &m); at = m.to) {
		uintptr_t start = m.from > from ? m.from : from, end = m.to < to ? m.to : to;
		static const unsigned char none[1];

		for (; start < end; start += PAGE)
			if (!write_guarded((uintptr_t)(vector + (start - from) / PAGE), none, 1))
				return (int)finish(-EFAULT);
	}
	return result;
}

static ssize_t transfer(pid_t pid, const struct iovec *local, unsigned long locals, const struct iovec *remote, unsigned long remotes,
			unsigned long flags, __typeof__(&process_vm_readv) next)
{
	unsigned long usable = remotes;

	if (has_mappings() && pid == raw(SYS_getpid))
		usable = vectors_before_mappings(remote, remotes);
	if (usable == 0 && remotes > 0) {
		errno = EFAULT;
		return -1;
	}
	return next(pid, local, locals, remote, usable, flags);
}

EXPORT ssize_t process_vm_readv(pid_t pid, const struct iovec *local, unsigned long locals, const struct iovec *remote,
				unsigned long remotes, unsigned long flags)
{
	return transfer(pid, local, locals, remote, remotes, flags, NEXT(process_vm_readv));
}

EXPORT ssize_t process_vm_writev(pid_t pid, const struct iovec *local, unsigned long locals, const struct iovec *remote,
				 unsigned long remotes, unsigned long flags)
{
	return transfer(pid, local, locals, remote, remotes, flags, NEXT(process_vm_writev));
}

bool is_hidden_memory(int fd, off_t address)
{
	char link[32], to[64], own[64];
	long n;

	if (!is_mapped((uintptr_t)address))
		return false;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = raw(SYS_readlinkat, AT_FDCWD, link, to, sizeof to - 1);
	if (n <= 0)
		return false;
	to[n] = 0;
	snprintf(own, sizeof own, "/proc/%ld/mem", raw(SYS_getpid));
	return !strcmp(to, own);
}
