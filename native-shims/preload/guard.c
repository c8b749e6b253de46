/* Memory of the program that may not be there, or vanish while we look: EFAULT, never a signal. */
#include "preload.h"
#include <sys/uio.h>

#define PAGE 4096ul
/* Addresses this little above our own frame are the caller's stack, which nobody unmaps during the call. */
#define NEAR_STACK 16384ul
#define PIECES 4
/* So many scattered bytes are written at a time. */
#define SCATTER 64

/* Copies page by page, so that bytes before a hole are copied. */
static size_t transfer(long call, uintptr_t own, uintptr_t user, size_t length)
{
	long pid = raw(SYS_getpid);
	size_t done = 0;

	while (done < length) {
		struct iovec local = { (void *)(own + done), 0 }, remote[PIECES];
		unsigned long pieces = 0;
		size_t at = done;
		long n;

		for (; pieces < PIECES && at < length; pieces++) {
			size_t to_page_end = PAGE - ((user + at) & (PAGE - 1)), left = length - at;
			size_t piece = to_page_end < left ? to_page_end : left;

			remote[pieces] = (struct iovec){ (void *)(user + at), piece };
			at += piece;
		}
		local.iov_len = at - done;
		n = raw(call, pid, &local, 1, remote, pieces, 0);
		if (n <= 0)
			break;
		done += (size_t)n;
		if (done < at)
			break;
	}
	return done;
}

/*
 * Whether the page of an address can be read: the kernel reads a signal set there
 * before it refuses the call. A tenth of the cost of a guarded copy, but another
 * thread could unmap the page right after.
 */
static bool is_readable_now(uintptr_t address)
{
	return raw(SYS_rt_sigprocmask, ~0, address & ~7ul, 0, 8) != -EFAULT;
}

bool is_own_stack(uintptr_t from, size_t length)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	uintptr_t last = from + length - 1;

	if (from < frame || last - frame > NEAR_STACK || last < from)
		return false;
	return last / PAGE == frame / PAGE || is_readable_now(last);
}

size_t read_guarded(void *to, uintptr_t from, size_t length)
{
	if (length == 0)
		return 0;
	if (is_own_stack(from, length)) {
		__builtin_memcpy(to, (void *)from, length);
		return length;
	}
	return transfer(SYS_process_vm_readv, (uintptr_t)to, from, length);
}

size_t write_guarded(uintptr_t to, const void *from, size_t length)
{
	return transfer(SYS_process_vm_writev, (uintptr_t)from, to, length);
}

bool scatter_guarded(uintptr_t to, size_t stride, const void *from, size_t size, size_t count)
{
	long pid = raw(SYS_getpid);

	if (is_own_stack(to, count * stride)) {
		for (size_t i = 0; i < count; i++)
			__builtin_memcpy((void *)(to + i * stride), (const char *)from + i * size, size);
		return true;
	}
	for (size_t done = 0; done < count;) {
		struct iovec local = { (char *)(uintptr_t)from + done * size, 0 }, remote[SCATTER];
		size_t n = count - done < SCATTER ? count - done : SCATTER;

		for (size_t i = 0; i < n; i++)
			remote[i] = (struct iovec){ (void *)(to + (done + i) * stride), size };
		local.iov_len = n * size;
		if (raw(SYS_process_vm_writev, pid, &local, 1, remote, n, 0) != (long)local.iov_len)
			return false;
		done += n;
	}
	return true;
}

bool is_string(const char *at, size_t max)
{
	uintptr_t address = (uintptr_t)at;

	while (max > 0) {
		size_t piece = PAGE - (address & (PAGE - 1));

		if (piece > max)
			piece = max;
		if (!is_readable_now(address))
			return false;
		if (__builtin_memchr((void *)address, 0, piece))
			return true;
		address += piece;
		max -= piece;
	}
	return false;
}
