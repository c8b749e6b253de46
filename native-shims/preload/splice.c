/* Moving bytes between two files, where one of them is ours. */
#include "preload.h"
#include "mapping.h"
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static struct io_end end_of(int fd, uint32_t handle)
{
	struct io_end end = { .fd = fd, .handle = handle };
	struct stat st;
	long flags;

	if (handle)
		return end;
	flags = raw(SYS_fcntl, fd, F_GETFL);
	if (flags < 0 || raw(SYS_fstat, fd, &st) < 0)
		end.fd = -1;
	end.flags = (uint32_t)flags;
	end.mode = st.st_mode;
	return end;
}

static long between(uint32_t kind, struct io_end from, struct io_end to, const void *in, const void *out, size_t length, unsigned flags)
{
	struct io_end ends[2] = { from, to };
	struct call call;
	long result;

	if (!begin_call(&call, IO_SPLICE, from.handle ? from.fd : to.fd, from.handle ? from.handle : to.handle))
		return -1;
	memcpy(call.slot->data, ends, sizeof ends);
	call.slot->length = sizeof ends;
	call.slot->args[0] = kind;
	call.slot->args[1] = (int64_t)(uintptr_t)in;
	call.slot->args[2] = (int64_t)(uintptr_t)out;
	call.slot->args[3] = (int64_t)length;
	call.slot->args[4] = flags;
	result = make_call(&call);
	end_call(&call);
	return finish(result);
}

/* Whether a file of the host has no byte left to send: then nobody asks whether ours can take one. */
static bool is_at_end(const struct io_end *from, const off_t *offset)
{
	off_t at = offset ? -1 : raw(SYS_lseek, from->fd, 0, SEEK_CUR);
	char byte;

	if (offset)
		read_guarded(&at, (uintptr_t)offset, sizeof at);
	return !from->handle && S_ISREG(from->mode) && at >= 0 && raw(SYS_pread64, from->fd, &byte, 1, at) == 0;
}

static long send_ours(int out, uint32_t to, int in, uint32_t from, off_t *offset, size_t count)
{
	struct io_end source = end_of(in, from);
	int e = errno;
	long result = between(IO_SENDFILE, source, end_of(out, to), offset, NULL, count, 0);

	if (result != -1 || errno != EINVAL || !is_at_end(&source, offset))
		return result;
	errno = e;
	return 0;
}

#define SENDFILE(name)                                                                                                  \
	EXPORT ssize_t name(int out, int in, off_t *offset, size_t count)                                               \
	{                                                                                                               \
		uint32_t to = handle_of(out), from = handle_of(in);                                                     \
		return to || from ? send_ours(out, to, in, from, offset, count) : NEXT(name)(out, in, offset, count);   \
	}

SENDFILE(sendfile)
SENDFILE(sendfile64)

EXPORT ssize_t splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t length, unsigned flags)
{
	uint32_t from = handle_of(in), to = handle_of(out);

	if (from || to)
		return between(IO_SPLICE_PIPE, end_of(in, from), end_of(out, to), in_at, out_at, length, flags);
	return NEXT(splice)(in, in_at, out, out_at, length, flags);
}

EXPORT ssize_t tee(int in, int out, size_t length, unsigned flags)
{
	uint32_t from = handle_of(in), to = handle_of(out);

	if (from || to)
		return between(IO_TEE, end_of(in, from), end_of(out, to), NULL, NULL, length, flags);
	return NEXT(tee)(in, out, length, flags);
}

EXPORT ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t length, unsigned flags)
{
	uint32_t from = handle_of(in), to = handle_of(out);

	if (from || to)
		return between(IO_COPY_RANGE, end_of(in, from), end_of(out, to), in_at, out_at, length, flags);
	return NEXT(copy_file_range)(in, in_at, out, out_at, length, flags);
}

/* Whether the pages of the program would go into a pipe, not bytes from a pipe into them. */
static bool takes_pages(int fd)
{
	struct stat st;

	return raw(SYS_fstat, fd, &st) == 0 && S_ISFIFO(st.st_mode) && (raw(SYS_fcntl, fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
}

EXPORT ssize_t vmsplice(int fd, const struct iovec *v, size_t count, unsigned flags)
{
	uint32_t handle = handle_of(fd);
	size_t usable = count;

	if (handle)
		return finish(simple_call(IO_SPLICE, fd, handle, IO_VMSPLICE, (int64_t)(uintptr_t)v, 0, (int64_t)count, flags));
	/* Nobody may hold on to the pages that a device shows. */
	if (has_mappings() && takes_pages(fd))
		usable = vectors_before_mappings(v, count);
	if (usable == 0 && count > 0) {
		errno = EFAULT;
		return -1;
	}
	return NEXT(vmsplice)(fd, v, usable, flags);
}
