/* Mappings of emulated files. The server says what may be mapped; the mapping itself is a real one. */
#include "preload.h"
#include <sys/mman.h>
#include <sys/types.h>

/* What is mapped, only kept while the server wants to hear of munmap. */
#define NOTED_MAX 1024
static struct { uintptr_t from, to; } noted[NOTED_MAX];

static void note(uintptr_t from, size_t length)
{
	for (int i = 0; i < NOTED_MAX; i++) {
		uintptr_t none = 0;

		if (__atomic_compare_exchange_n(&noted[i].from, &none, from, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			noted[i].to = from + length;
			return;
		}
	}
}

/* Whether something of ours lies there. What begins there counts as gone. */
static bool is_noted(uintptr_t from, size_t length)
{
	bool found = false;

	for (int i = 0; i < NOTED_MAX; i++) {
		uintptr_t at = noted[i].from;

		if (at && at < from + length && noted[i].to > from) {
			found = true;
			if (at >= from && noted[i].to <= from + length)
				noted[i].from = 0;
		}
	}
	return found;
}

static void *map_ours(int fd, uint32_t handle, void *address, size_t length, int protection, int flags, off_t offset)
{
	struct call call;
	long result;

	if (!begin_call(&call, IO_MMAP, fd, handle))
		return MAP_FAILED;
	call.slot->args[0] = (int64_t)(uintptr_t)address;
	call.slot->args[1] = (int64_t)length;
	call.slot->args[2] = protection;
	call.slot->args[3] = flags;
	call.slot->args[4] = offset;
	result = make_call(&call);
	end_call(&call);
	if (reports_local() && !is_error(result))
		note((uintptr_t)result, length);
	return (void *)finish(result);
}

EXPORT void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	uint32_t handle = flags & MAP_ANONYMOUS ? 0 : handle_of(fd);

	if (handle)
		return map_ours(fd, handle, address, length, protection, flags, offset);
	return NEXT(mmap)(address, length, protection, flags, fd, offset);
}

EXPORT void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset)
{
	uint32_t handle = flags & MAP_ANONYMOUS ? 0 : handle_of(fd);

	if (handle)
		return map_ours(fd, handle, address, length, protection, flags, offset);
	return NEXT(mmap64)(address, length, protection, flags, fd, offset);
}

EXPORT int munmap(void *address, size_t length)
{
	bool told = reports_local() && is_noted((uintptr_t)address, length);
	int result = NEXT(munmap)(address, length);

	if (told)
		report("munmap(%p, %zu) = %d", address, length, result);
	return result;
}
