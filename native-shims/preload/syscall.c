/*
 * syscall(2) as a function of the C library: what programs call by number, because
 * the library has no name for it or they do not trust the name. The numbers that
 * concern files and memory go the way of their named calls.
 */
#include "preload.h"
#include "mapping.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

static long refused(int error)
{
	errno = error;
	return -1;
}

/* A futex that processes share is known by its page, and nobody may take hold of a device's. */
static bool is_shared_futex_of_ours(uintptr_t address, int operation)
{
	return !(operation & FUTEX_PRIVATE_FLAG) && has_mappings() && is_mapped(address);
}

/* A file that is not a regular one is no program. */
static bool executes_ours(int fd, const char *path, int flags)
{
	return (flags & AT_EMPTY_PATH) && is_string(path, 1) && handle_of(fd);
}

EXPORT long syscall(long number, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	switch (number) {
	case SYS_read:
		return read((int)a[0], (void *)a[1], (size_t)a[2]);
	case SYS_write:
		return write((int)a[0], (const void *)a[1], (size_t)a[2]);
	case SYS_pread64:
		return pread((int)a[0], (void *)a[1], (size_t)a[2], a[3]);
	case SYS_pwrite64:
		return pwrite((int)a[0], (const void *)a[1], (size_t)a[2], a[3]);
	case SYS_readv:
		return readv((int)a[0], (const struct iovec *)a[1], (int)a[2]);
	case SYS_writev:
		return writev((int)a[0], (const struct iovec *)a[1], (int)a[2]);
	case SYS_ioctl:
		return ioctl((int)a[0], (unsigned long)a[1], a[2]);
	case SYS_fadvise64: {
		int error = handle_of((int)a[0]) ? posix_fadvise((int)a[0], a[1], a[2], (int)a[3]) : -1;

		if (error >= 0)
			return error ? refused(error) : 0;
		break;
	}
	case SYS_futex:
		if (is_shared_futex_of_ours((uintptr_t)a[0], (int)a[1]))
			return refused(EFAULT);
		break;
	case SYS_execveat:
		if (executes_ours((int)a[0], (const char *)a[1], (int)a[4]))
			return refused(EACCES);
		break;
	case SYS_finit_module:
		if (handle_of((int)a[0]))
			return refused(EINVAL);
		break;
	}
	return NEXT(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
