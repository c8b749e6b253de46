/* syscall(2): what we interpose under a name of its own is interposed under its number, too. */
#include "aio.h"
#include "mapping.h"
#include "preload.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

int pidfd_getfd(int pidfd, int target, unsigned int flags);
int close_range(unsigned int first, unsigned int last, int flags);

/* struct open_how of linux/openat2.h, which older headers lack. */
struct how {
	uint64_t flags, mode, resolve;
};

/*
 * The kernel judges the flags before it looks at the path, and no path is found
 * when it is empty. Restrictions on the way to a path are left to the kernel,
 * which knows nothing of ours.
 */
static long open_how(int dirfd, const char *path, const struct how *how, size_t size)
{
	char absolute[PATH_MAX];
	struct how wanted;
	long result;

	if (!emulated_path(dirfd, path, absolute) || read_guarded(&wanted, (uintptr_t)how, sizeof wanted) < sizeof wanted ||
	    wanted.resolve) {
		result = raw(SYS_openat2, dirfd, path, how, size);
		if (result >= 0)
			forget((int)result);
		return finish(result);
	}
	result = raw(SYS_openat2, AT_FDCWD, "", how, size);
	return result == -ENOENT ? openat(AT_FDCWD, absolute, (int)wanted.flags, (mode_t)wanted.mode) : finish(result);
}

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

#define INT(n) ((int)a[n])
#define AT(n) ((void *)a[n])
#define SIZE(n) ((size_t)a[n])

static bool interposed(long number, const long *a, long *result)
{
	switch (number) {
#ifdef SYS_open
	case SYS_open:
		*result = open(AT(0), INT(1), (mode_t)a[2]);
		return true;
	case SYS_dup2:
		*result = dup2(INT(0), INT(1));
		return true;
#endif
	case SYS_openat:
		*result = openat(INT(0), AT(1), INT(2), (mode_t)a[3]);
		return true;
	case SYS_openat2:
		*result = open_how(INT(0), AT(1), AT(2), SIZE(3));
		return true;
	case SYS_close:
		*result = close(INT(0));
		return true;
	case SYS_close_range:
		*result = close_range((unsigned int)a[0], (unsigned int)a[1], INT(2));
		return true;
	case SYS_dup:
		*result = dup(INT(0));
		return true;
	case SYS_dup3:
		*result = dup3(INT(0), INT(1), INT(2));
		return true;
	case SYS_fcntl:
		*result = fcntl(INT(0), INT(1), a[2]);
		return true;
	case SYS_read:
		*result = read(INT(0), AT(1), SIZE(2));
		return true;
	case SYS_write:
		*result = write(INT(0), AT(1), SIZE(2));
		return true;
	case SYS_pread64:
		*result = pread64(INT(0), AT(1), SIZE(2), a[3]);
		return true;
	case SYS_pwrite64:
		*result = pwrite64(INT(0), AT(1), SIZE(2), a[3]);
		return true;
	case SYS_readv:
		*result = readv(INT(0), AT(1), INT(2));
		return true;
	case SYS_writev:
		*result = writev(INT(0), AT(1), INT(2));
		return true;
	case SYS_fadvise64:
		if (!handle_of(INT(0)))
			return false;
		*result = finish(-posix_fadvise(INT(0), a[1], a[2], INT(3)));
		return true;
	case SYS_futex:
		if (!is_shared_futex_of_ours((uintptr_t)a[0], INT(1)))
			return false;
		*result = refused(EFAULT);
		return true;
	case SYS_execveat:
		if (!executes_ours(INT(0), AT(1), INT(4)))
			return false;
		*result = refused(EACCES);
		return true;
	case SYS_finit_module:
		if (!handle_of(INT(0)))
			return false;
		*result = refused(EINVAL);
		return true;
	case SYS_lseek:
		*result = lseek64(INT(0), a[1], INT(2));
		return true;
	case SYS_ioctl:
		*result = ioctl(INT(0), (unsigned long)a[1], a[2]);
		return true;
	case SYS_fstat:
		*result = fstat(INT(0), AT(1));
		return true;
	case SYS_getdents64:
		*result = getdents64(INT(0), AT(1), SIZE(2));
		return true;
	case SYS_mknodat:
		*result = mknodat(INT(0), AT(1), (mode_t)a[2], (dev_t)a[3]);
		return true;
	case SYS_mkdirat:
		*result = mkdirat(INT(0), AT(1), (mode_t)a[2]);
		return true;
	case SYS_unlinkat:
		*result = unlinkat(INT(0), AT(1), INT(2));
		return true;
	case SYS_chdir:
		*result = chdir(AT(0));
		return true;
	case SYS_fchdir:
		*result = fchdir(INT(0));
		return true;
	case SYS_readlinkat:
		*result = readlinkat(INT(0), AT(1), AT(2), SIZE(3));
		return true;
	case SYS_newfstatat:
		*result = fstatat(INT(0), AT(1), AT(2), INT(3));
		return true;
	case SYS_statx:
		*result = statx(INT(0), AT(1), INT(2), (unsigned int)a[3], AT(4));
		return true;
	case SYS_mmap:
		*result = (long)mmap64(AT(0), SIZE(1), INT(2), INT(3), INT(4), a[5]);
		return true;
	case SYS_munmap:
		*result = munmap(AT(0), SIZE(1));
		return true;
	case SYS_socket:
		*result = socket(INT(0), INT(1), INT(2));
		return true;
	case SYS_bind:
		*result = bind(INT(0), (const struct sockaddr *)AT(1), (socklen_t)a[2]);
		return true;
	case SYS_connect:
		*result = connect(INT(0), (const struct sockaddr *)AT(1), (socklen_t)a[2]);
		return true;
	case SYS_getsockname:
		*result = getsockname(INT(0), (struct sockaddr *)AT(1), AT(2));
		return true;
	case SYS_getpeername:
		*result = getpeername(INT(0), (struct sockaddr *)AT(1), AT(2));
		return true;
	case SYS_setsockopt:
		*result = setsockopt(INT(0), INT(1), INT(2), AT(3), (socklen_t)a[4]);
		return true;
	case SYS_getsockopt:
		*result = getsockopt(INT(0), INT(1), INT(2), AT(3), AT(4));
		return true;
	case SYS_sendto:
		*result = sendto(INT(0), AT(1), SIZE(2), INT(3), (const struct sockaddr *)AT(4), (socklen_t)a[5]);
		return true;
	case SYS_recvfrom:
		*result = recvfrom(INT(0), AT(1), SIZE(2), INT(3), (struct sockaddr *)AT(4), AT(5));
		return true;
	case SYS_sendmsg:
		*result = sendmsg(INT(0), AT(1), INT(2));
		return true;
	case SYS_recvmsg:
		*result = recvmsg(INT(0), AT(1), INT(2));
		return true;
	case SYS_io_submit:
		*result = finish(aio_submit((uint64_t)a[0], a[1], AT(2)));
		return true;
	case SYS_io_getevents:
		*result = finish(aio_getevents((uint64_t)a[0], a[1], a[2], AT(3), AT(4), NULL));
		return true;
	case SYS_io_pgetevents:
		*result = finish(aio_getevents((uint64_t)a[0], a[1], a[2], AT(3), AT(4), a[5] ? AT(5) : &no_sigset));
		return true;
	case SYS_io_cancel:
		*result = finish(aio_cancel((uint64_t)a[0], AT(1), AT(2)));
		return true;
	case SYS_io_destroy:
		*result = finish(aio_destroy((uint64_t)a[0]));
		return true;
	case SYS_pidfd_getfd:
		*result = pidfd_getfd(INT(0), INT(1), (unsigned int)a[2]);
		return true;
	default:
		return false;
	}
}

EXPORT long syscall(long number, ...)
{
	long a[6], result;
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (door()->open && interposed(number, a, &result))
		return result;
	/* Whatever returns twice, or on another stack, must not return through us. */
	if (number == SYS_clone || number == SYS_clone3)
		return NEXT(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	return finish(raw6(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}
