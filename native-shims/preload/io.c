/* Calls on a descriptor: bytes, requests, attributes. */
#include "preload.h"
#include "mapping.h"
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <termios.h>
#include <unistd.h>

#define ASK(fd, op, a, b, c, d, e)                                                                                      \
	uint32_t handle = handle_of(fd);                                                                                \
	if (handle)                                                                                                     \
		return finish(simple_call(op, fd, handle, (int64_t)(a), (int64_t)(b), (int64_t)(c), (int64_t)(d), (int64_t)(e)))

/* Of the mapping of a device, /proc/self/mem shows nothing. */
#define HIDDEN(fd, offset)                                                                                              \
	if (has_mappings() && is_hidden_memory(fd, offset)) {                                                           \
		errno = EIO;                                                                                            \
		return -1;                                                                                              \
	}

#define ADDRESS(p) (int64_t)(uintptr_t)(p)

EXPORT ssize_t read(int fd, void *to, size_t length)
{
	ASK(fd, IO_READ, ADDRESS(to), length, 0, 0, 0);
	return NEXT(read)(fd, to, length);
}

EXPORT ssize_t write(int fd, const void *from, size_t length)
{
	ASK(fd, IO_WRITE, ADDRESS(from), length, 0, 0, 0);
	return NEXT(write)(fd, from, length);
}

EXPORT ssize_t pread(int fd, void *to, size_t length, off_t offset)
{
	ASK(fd, IO_PREAD, ADDRESS(to), length, offset, 0, 0);
	HIDDEN(fd, offset);
	return NEXT(pread)(fd, to, length, offset);
}

EXPORT ssize_t pread64(int fd, void *to, size_t length, off64_t offset)
{
	ASK(fd, IO_PREAD, ADDRESS(to), length, offset, 0, 0);
	HIDDEN(fd, offset);
	return NEXT(pread64)(fd, to, length, offset);
}

EXPORT ssize_t pwrite(int fd, const void *from, size_t length, off_t offset)
{
	ASK(fd, IO_PWRITE, ADDRESS(from), length, offset, 0, 0);
	HIDDEN(fd, offset);
	return NEXT(pwrite)(fd, from, length, offset);
}

EXPORT ssize_t pwrite64(int fd, const void *from, size_t length, off64_t offset)
{
	ASK(fd, IO_PWRITE, ADDRESS(from), length, offset, 0, 0);
	HIDDEN(fd, offset);
	return NEXT(pwrite64)(fd, from, length, offset);
}

/* What <unistd.h> calls instead under _FORTIFY_SOURCE. */
ssize_t __read_chk(int fd, void *to, size_t length, size_t room);
ssize_t __pread_chk(int fd, void *to, size_t length, off_t offset, size_t room);
ssize_t __pread64_chk(int fd, void *to, size_t length, off64_t offset, size_t room);

EXPORT ssize_t __read_chk(int fd, void *to, size_t length, size_t room)
{
	ASK(fd, length > room ? 0 : IO_READ, ADDRESS(to), length, 0, 0, 0);
	return NEXT(__read_chk)(fd, to, length, room);
}

EXPORT ssize_t __pread_chk(int fd, void *to, size_t length, off_t offset, size_t room)
{
	ASK(fd, length > room ? 0 : IO_PREAD, ADDRESS(to), length, offset, 0, 0);
	return NEXT(__pread_chk)(fd, to, length, offset, room);
}

EXPORT ssize_t __pread64_chk(int fd, void *to, size_t length, off64_t offset, size_t room)
{
	ASK(fd, length > room ? 0 : IO_PREAD, ADDRESS(to), length, offset, 0, 0);
	return NEXT(__pread64_chk)(fd, to, length, offset, room);
}

EXPORT off_t lseek(int fd, off_t offset, int whence)
{
	ASK(fd, IO_LSEEK, offset, whence, 0, 0, 0);
	return NEXT(lseek)(fd, offset, whence);
}

EXPORT off64_t lseek64(int fd, off64_t offset, int whence)
{
	ASK(fd, IO_LSEEK, offset, whence, 0, 0, 0);
	return NEXT(lseek64)(fd, offset, whence);
}

/* Requests that concern the descriptor, not the file: the real one is the truth. */
static bool is_about_descriptor(unsigned long request)
{
	return (uint32_t)request == FIOCLEX || (uint32_t)request == FIONCLEX;
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	uint32_t handle = handle_of(fd);
	struct call call;
	va_list ap;
	uintptr_t argument;
	long result;

	va_start(ap, request);
	argument = va_arg(ap, uintptr_t);
	va_end(ap);
	if (!handle)
		return NEXT(ioctl)(fd, request, argument);
	if (is_about_descriptor(request)) {
		long flags = simple_call(IO_FCNTL, fd, handle, F_GETFL, 0, 0, 0, 0);

		return flags >= 0 && !(flags & O_PATH) ? NEXT(ioctl)(fd, request, argument) : (int)finish(flags < 0 ? flags : -EBADF);
	}
	if (!begin_call(&call, IO_IOCTL, fd, handle))
		return -1;
	call.slot->args[0] = (int64_t)(uint32_t)request;
	call.slot->args[1] = (int64_t)argument;
	if (_IOC_DIR((uint32_t)request) & _IOC_WRITE)
		attach(&call, (const void *)argument, _IOC_SIZE((uint32_t)request));
	result = make_call(&call);
	end_call(&call);
	return (int)finish(result);
}

EXPORT int isatty(int fd)
{
	struct termios t;

	return handle_of(fd) ? ioctl(fd, TCGETS, &t) == 0 : NEXT(isatty)(fd);
}

EXPORT int tcgetattr(int fd, struct termios *t)
{
	return handle_of(fd) ? ioctl(fd, TCGETS, t) : NEXT(tcgetattr)(fd, t);
}

EXPORT int ftruncate(int fd, off_t length)
{
	ASK(fd, IO_FTRUNCATE, length, 0, 0, 0, 0);
	return NEXT(ftruncate)(fd, length);
}

EXPORT int ftruncate64(int fd, off64_t length)
{
	ASK(fd, IO_FTRUNCATE, length, 0, 0, 0, 0);
	return NEXT(ftruncate64)(fd, length);
}

EXPORT int fallocate(int fd, int mode, off_t offset, off_t length)
{
	ASK(fd, IO_FALLOCATE, mode, offset, length, 0, 0);
	return NEXT(fallocate)(fd, mode, offset, length);
}

EXPORT int fallocate64(int fd, int mode, off64_t offset, off64_t length)
{
	ASK(fd, IO_FALLOCATE, mode, offset, length, 0, 0);
	return NEXT(fallocate64)(fd, mode, offset, length);
}

EXPORT int fsync(int fd)
{
	ASK(fd, IO_FSYNC, 0, 0, 0, 0, 0);
	return NEXT(fsync)(fd);
}

EXPORT int fdatasync(int fd)
{
	ASK(fd, IO_FSYNC, 0, 0, 0, 0, 0);
	return NEXT(fdatasync)(fd);
}

EXPORT int fchmod(int fd, mode_t mode)
{
	ASK(fd, IO_FCHMOD, mode, 0, 0, 0, 0);
	return NEXT(fchmod)(fd, mode);
}

EXPORT int fchown(int fd, uid_t uid, gid_t gid)
{
	ASK(fd, IO_FCHOWN, (int32_t)uid, (int32_t)gid, 0, 0, 0);
	return NEXT(fchown)(fd, uid, gid);
}
