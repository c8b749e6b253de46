/* Programs that the dynamic linker will not load us into. A program may execute them; the trace says that they see none of the machine. */
#include "client.h"
#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

/* Program headers that are looked at. */
#define HEADERS_MAX 32

static bool has_interpreter(int fd, const Elf64_Ehdr *header)
{
	Elf64_Phdr programs[HEADERS_MAX];
	size_t count = header->e_phnum < HEADERS_MAX ? header->e_phnum : HEADERS_MAX;
	long n = raw(SYS_pread64, fd, programs, count * sizeof *programs, header->e_phoff);

	for (size_t i = 0; n > 0 && (i + 1) * sizeof *programs <= (size_t)n; i++)
		if (programs[i].p_type == PT_INTERP)
			return true;
	return false;
}

static const char *reason(int fd)
{
	Elf64_Ehdr header;
	struct stat st;

	if (raw(SYS_fstat, fd, &st) < 0)
		return NULL;
	if (((st.st_mode & S_ISUID) && st.st_uid != (uid_t)raw(SYS_geteuid)) ||
	    ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != (gid_t)raw(SYS_getegid)))
		return "runs as another user";
	if (raw(SYS_pread64, fd, &header, sizeof header, 0) != sizeof header || __builtin_memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
		return NULL;
	if (header.e_ident[EI_CLASS] != ELFCLASS64)
		return "is a 32-bit program";
	return has_interpreter(fd, &header) ? NULL : "is statically linked";
}

void note_unserved(const char *path)
{
	const char *why;
	long fd;

	/* A child that a shell has just forked has no connection yet; it makes one only to be traced. */
	if (is_inherited() && (server.header->server.flags & IO_REPORT_LOCAL))
		connect_once();
	if (!reports_local())
		return;
	fd = raw(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	why = reason((int)fd);
	raw(SYS_close, fd);
	if (why)
		report("execve(\"%s\"): it %s, so it sees none of the machine", path, why);
}
