/*
 * The C library's streams call read, write, lseek, close and fstat past the dynamic
 * linker, but through two tables (`_IO_file_jumps`, and `_IO_wfile_jumps` for wide
 * characters). From the process's first touch of an emulated file on, those slots
 * lead here, so that everything built on streams reaches it.
 */
#include "preload.h"
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Slots of `struct _IO_jump_t` in the GNU C library, the same since 2.1. */
enum { FINISH = 2, UNDERFLOW = 4, DOALLOCATE = 13, READ, WRITE, SEEK, CLOSE, STAT, SLOTS };

/* The bit of a stream's `_flags` by which it is line buffered. */
#define LINE_BUFFERED 0x200

typedef void (*slot_function)(void);

static struct {
	ssize_t (*read)(FILE *, void *, ssize_t);
	ssize_t (*write)(FILE *, const void *, ssize_t);
	off64_t (*seek)(FILE *, off64_t, int);
	int (*close)(FILE *);
	int (*stat)(FILE *, void *);
	int (*allocate)(FILE *);
	int (*allocate_wide)(FILE *);
} next;

static ssize_t stream_read(FILE *stream, void *to, ssize_t length)
{
	return handle_of(stream->_fileno) ? read(stream->_fileno, to, (size_t)length) : next.read(stream, to, length);
}

/* Writes everything, as the original does: a stream asks only once. */
static ssize_t stream_write(FILE *stream, const void *from, ssize_t length)
{
	ssize_t done = 0;

	if (!handle_of(stream->_fileno))
		return next.write(stream, from, length);
	while (done < length) {
		ssize_t n = write(stream->_fileno, (const char *)from + done, (size_t)(length - done));

		if (n < 0) {
			stream->_flags |= _IO_ERR_SEEN;
			break;
		}
		done += n;
	}
	if (stream->_offset >= 0)
		stream->_offset += done;
	return done;
}

static off64_t stream_seek(FILE *stream, off64_t offset, int whence)
{
	return handle_of(stream->_fileno) ? lseek64(stream->_fileno, offset, whence) : next.seek(stream, offset, whence);
}

static int stream_close(FILE *stream)
{
	return handle_of(stream->_fileno) ? close(stream->_fileno) : next.close(stream);
}

static int stream_stat(FILE *stream, void *out)
{
	return handle_of(stream->_fileno) ? fstat(stream->_fileno, out) : next.stat(stream, out);
}

/* The C library looks only at the real descriptor when it asks whether this is a terminal. */
static void notice_terminal(FILE *stream)
{
	int e = errno;

	if (handle_of(stream->_fileno) && isatty(stream->_fileno))
		stream->_flags |= LINE_BUFFERED;
	errno = e;
}

static int stream_allocate(FILE *stream)
{
	notice_terminal(stream);
	return next.allocate(stream);
}

static int stream_allocate_wide(FILE *stream)
{
	notice_terminal(stream);
	return next.allocate_wide(stream);
}

struct table {
	slot_function *slots;
	slot_function allocate;
};

static struct table narrow, wide;

/*
 * What a slot must hold, or hold already when a forked child looks again, and what
 * it is to hold.
 */
struct change {
	int slot;
	slot_function expected, ours;
};

#define FUNCTION(f) (slot_function)(uintptr_t)(f)

static bool is_as_expected(const struct table *table, const struct change *changes, int count)
{
	if (!table->slots || table->slots[0] || table->slots[1] || !table->slots[FINISH] || !table->slots[UNDERFLOW])
		return false;
	for (int i = 0; i < count; i++) {
		slot_function holds = table->slots[changes[i].slot];

		if (!holds || (holds != changes[i].expected && holds != changes[i].ours))
			return false;
	}
	return true;
}

/* The table is read-only after start-up. */
static bool change_table(const struct table *table, const struct change *changes, int count)
{
	uintptr_t from = (uintptr_t)table->slots & ~(uintptr_t)(IO_PAGE - 1), to = (uintptr_t)(table->slots + SLOTS);
	slot_function same = table->slots[READ];
	bool is_writable = write_guarded((uintptr_t)&table->slots[READ], &same, sizeof same) == sizeof same;

	if (!is_writable && raw(SYS_mprotect, from, to - from, PROT_READ | PROT_WRITE) < 0)
		return false;
	for (int i = 0; i < count; i++)
		__atomic_store_n(&table->slots[changes[i].slot], changes[i].ours, __ATOMIC_RELEASE);
	if (!is_writable)
		raw(SYS_mprotect, from, to - from, PROT_READ);
	return true;
}

static bool is_found;

/* The names are looked up apart from the change: a thread that waits for the dynamic linker must hold no lock of ours. */
void find_streams(void)
{
	if (__atomic_load_n(&is_found, __ATOMIC_ACQUIRE))
		return;
	*(void **)&next.read = dlsym(RTLD_NEXT, "_IO_file_read");
	*(void **)&next.write = dlsym(RTLD_NEXT, "_IO_file_write");
	*(void **)&next.seek = dlsym(RTLD_NEXT, "_IO_file_seek");
	*(void **)&next.close = dlsym(RTLD_NEXT, "_IO_file_close");
	*(void **)&next.stat = dlsym(RTLD_NEXT, "_IO_file_stat");
	*(void **)&next.allocate = dlsym(RTLD_NEXT, "_IO_file_doallocate");
	*(void **)&narrow.slots = dlsym(RTLD_NEXT, "_IO_file_jumps");
	*(void **)&wide.slots = dlsym(RTLD_NEXT, "_IO_wfile_jumps");
	/* The wide one has no name of its own to compare with. */
	if (wide.slots && wide.slots[DOALLOCATE] != FUNCTION(stream_allocate_wide))
		next.allocate_wide = (int (*)(FILE *))(uintptr_t)wide.slots[DOALLOCATE];
	narrow.allocate = FUNCTION(stream_allocate);
	wide.allocate = FUNCTION(stream_allocate_wide);
	__atomic_store_n(&is_found, true, __ATOMIC_RELEASE);
}

void take_streams(void)
{
	static bool taken;
	const struct table *tables[] = { &narrow, &wide };

	if (taken)
		return;
	for (int i = 0; i < 2; i++) {
		const struct change changes[] = {
			{ READ, FUNCTION(next.read), FUNCTION(stream_read) },
			{ WRITE, FUNCTION(next.write), FUNCTION(stream_write) },
			{ SEEK, FUNCTION(next.seek), FUNCTION(stream_seek) },
			{ CLOSE, FUNCTION(next.close), FUNCTION(stream_close) },
			{ STAT, FUNCTION(next.stat), FUNCTION(stream_stat) },
			{ DOALLOCATE, i ? FUNCTION(next.allocate_wide) : FUNCTION(next.allocate), tables[i]->allocate },
		};
		const int count = sizeof changes / sizeof *changes;

		if (!is_as_expected(tables[i], changes, count) || !change_table(tables[i], changes, count)) {
			static const char text[] = "ioctopus: streams (fread, printf) of this C library cannot reach emulated files\n";

			raw(SYS_write, 2, text, sizeof text - 1);
			break;
		}
	}
	taken = true;
}
