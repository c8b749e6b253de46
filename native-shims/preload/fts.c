/*
 * fts, which lists folders inside the C library. Where a walk can come to something
 * of the machine's it is done here, in the order of the C library's; without ever
 * changing the working folder, so that all paths are as with FTS_NOCHDIR.
 */
#include "preload.h"
#include "fts-entries.h"
#include <fts.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* In `fts_rfd`, where the C library has a descriptor or 0. */
#define OURS (-0x10c7)

static bool is_ours(const FTS *f)
{
	return f && f->fts_rfd == OURS;
}

/* The path of one of the arguments; its name is then the last part. */
static void load(FTS *f, FTSENT *e)
{
	char *slash = strrchr(e->fts_name, '/');

	e->fts_pathlen = e->fts_namelen;
	memcpy(f->fts_path, e->fts_name, (size_t)e->fts_namelen + 1);
	if (slash && (slash != e->fts_name || slash[1])) {
		e->fts_namelen = (unsigned short)strlen(slash + 1);
		memmove(e->fts_name, slash + 1, (size_t)e->fts_namelen + 1);
	}
	e->fts_accpath = e->fts_path = f->fts_path;
	f->fts_dev = e->fts_dev;
}

static void free_all(FTS *f)
{
	FTSENT *e = f->fts_cur;

	fts_free(f->fts_child);
	/* What is still to be visited of each level, then the level above. */
	while (e && e->fts_level >= FTS_ROOTLEVEL) {
		FTSENT *next = e->fts_link ? e->fts_link : e->fts_parent;

		free(e);
		e = next;
	}
	free(e);
	free(f->fts_path);
	free(f);
}

static FTSENT *add_arguments(FTS *f, char *const *argv, FTSENT *parent)
{
	FTSENT *head = NULL, **tail = &head;
	size_t count = 0;

	for (; *argv; argv++) {
		size_t n = strlen(*argv);
		FTSENT *e = n ? fts_make(f, *argv, n) : NULL;

		if (!e) {
			fts_free(head);
			errno = n ? ENOMEM : ENOENT;
			return NULL;
		}
		e->fts_level = FTS_ROOTLEVEL;
		e->fts_parent = parent;
		e->fts_accpath = e->fts_name;
		e->fts_info = (unsigned short)fts_type(f, e, f->fts_options & FTS_COMFOLLOW);
		if (e->fts_info == FTS_DOT)
			e->fts_info = FTS_D;
		*tail = e;
		tail = &e->fts_link;
		count++;
	}
	return fts_sort(f, head, count);
}

static FTS *open_walk(char *const *argv, int options, int (*compare)(const FTSENT **, const FTSENT **))
{
	FTS *f = calloc(1, sizeof *f);
	size_t longest = PATH_MAX;
	FTSENT *parent, *first;

	if (!f)
		return NULL;
	for (char *const *a = argv; *a; a++)
		longest = strlen(*a) + 1 > longest ? strlen(*a) + 1 : longest;
	f->fts_rfd = OURS;
	f->fts_options = options & FTS_LOGICAL ? options | FTS_NOCHDIR : options;
	f->fts_compar = (int (*)(const void *, const void *))(void (*)(void))compare;
	f->fts_pathlen = (int)longest;
	f->fts_path = malloc(longest + 1);
	parent = f->fts_path ? fts_make(f, "", 0) : NULL;
	if (parent)
		parent->fts_level = FTS_ROOTPARENTLEVEL;
	first = parent ? add_arguments(f, argv, parent) : NULL;
	f->fts_cur = first || (parent && !*argv) ? fts_make(f, "", 0) : NULL;
	if (!f->fts_cur) {
		int e = parent ? errno : ENOMEM;

		fts_free(first);
		free(parent);
		free(f->fts_path);
		free(f);
		errno = e;
		return NULL;
	}
	f->fts_cur->fts_link = first;
	f->fts_cur->fts_parent = parent;
	f->fts_cur->fts_info = FTS_INIT;
	return f;
}

/* Whether something of an argument can be the machine's. */
static bool any_ours(char *const *argv)
{
	for (; *argv; argv++)
		if (leads_to_ours(*argv))
			return true;
	return false;
}

EXPORT FTS *fts_open(char *const *argv, int options, int (*compare)(const FTSENT **, const FTSENT **))
{
	if ((options & ~FTS_OPTIONMASK) || !door()->open || !any_ours(argv))
		return NEXT(fts_open)(argv, options, compare);
	return open_walk(argv, options, compare);
}

/* The next of what lies beside an entry, or the folder above; the entry is freed. */
static FTSENT *move_on(FTS *f, FTSENT *e)
{
	for (;;) {
		FTSENT *last = e;

		e = last->fts_link ? last->fts_link : last->fts_parent;
		f->fts_cur = e;
		if (!last->fts_link) {
			free(last);
			if (e->fts_level == FTS_ROOTPARENTLEVEL) {
				free(e);
				errno = 0;
				return f->fts_cur = NULL;
			}
			f->fts_path[e->fts_pathlen] = 0;
			e->fts_info = e->fts_errno ? FTS_ERR : FTS_DP;
			return e;
		}
		free(last);
		if (e->fts_level == FTS_ROOTLEVEL) {
			load(f, e);
			return e;
		}
		if (e->fts_instr == FTS_SKIP)
			continue;
		fts_put_name(f, e, fts_name_at(e->fts_parent));
		if (e->fts_instr == FTS_FOLLOW) {
			e->fts_info = (unsigned short)fts_type(f, e, true);
			e->fts_instr = FTS_NOINSTR;
		}
		return e;
	}
}

/* Into the folder, or past it: then it is visited for the second time. */
static FTSENT *descend(FTS *f, FTSENT *e, int instruction)
{
	bool skips = instruction == FTS_SKIP || ((f->fts_options & FTS_XDEV) && e->fts_dev != f->fts_dev);

	if (skips || (f->fts_options & FTS_NAMEONLY)) {
		fts_free(f->fts_child);
		f->fts_child = NULL;
		f->fts_options &= ~FTS_NAMEONLY;
	}
	if (skips) {
		e->fts_info = FTS_DP;
		return e;
	}
	if (!f->fts_child && !(f->fts_child = fts_build(f, FTS_FOR_READ)))
		return f->fts_options & FTS_STOP ? NULL : e;
	e = f->fts_cur = f->fts_child;
	f->fts_child = NULL;
	fts_put_name(f, e, fts_name_at(e->fts_parent));
	return e;
}

EXPORT FTSENT *fts_read(FTS *f)
{
	FTSENT *e;
	int instruction;

	if (!is_ours(f))
		return NEXT(fts_read)(f);
	e = f->fts_cur;
	if (!e || (f->fts_options & FTS_STOP))
		return NULL;
	instruction = e->fts_instr;
	e->fts_instr = FTS_NOINSTR;
	if (instruction == FTS_AGAIN || (instruction == FTS_FOLLOW && (e->fts_info == FTS_SL || e->fts_info == FTS_SLNONE))) {
		e->fts_info = (unsigned short)fts_type(f, e, instruction == FTS_FOLLOW);
		return e;
	}
	return e->fts_info == FTS_D ? descend(f, e, instruction) : move_on(f, e);
}

EXPORT FTSENT *fts_children(FTS *f, int instruction)
{
	FTSENT *e;

	if (!is_ours(f))
		return NEXT(fts_children)(f, instruction);
	if (instruction != 0 && instruction != FTS_NAMEONLY) {
		errno = EINVAL;
		return NULL;
	}
	e = f->fts_cur;
	errno = 0;
	if (f->fts_options & FTS_STOP)
		return NULL;
	if (e->fts_info == FTS_INIT)
		return e->fts_link;
	if (e->fts_info != FTS_D)
		return NULL;
	fts_free(f->fts_child);
	if (instruction == FTS_NAMEONLY)
		f->fts_options |= FTS_NAMEONLY;
	return f->fts_child = fts_build(f, instruction == FTS_NAMEONLY ? FTS_FOR_NAMES : FTS_FOR_CHILDREN);
}

EXPORT int fts_set(FTS *f, FTSENT *e, int instruction)
{
	if (!is_ours(f))
		return NEXT(fts_set)(f, e, instruction);
	if (instruction < 0 || instruction > FTS_SKIP) {
		errno = EINVAL;
		return 1;
	}
	e->fts_instr = (unsigned short)instruction;
	return 0;
}

EXPORT int fts_close(FTS *f)
{
	if (!is_ours(f))
		return NEXT(fts_close)(f);
	free_all(f);
	return 0;
}

/* The same on 64-bit machines. */
EXPORT FTS64 *fts64_open(char *const *argv, int options, int (*compare)(const FTSENT64 **, const FTSENT64 **))
{
	return (FTS64 *)fts_open(argv, options, (int (*)(const FTSENT **, const FTSENT **))(void (*)(void))compare);
}

EXPORT FTSENT64 *fts64_read(FTS64 *f)
{
	return (FTSENT64 *)fts_read((FTS *)f);
}

EXPORT FTSENT64 *fts64_children(FTS64 *f, int instruction)
{
	return (FTSENT64 *)fts_children((FTS *)f, instruction);
}

EXPORT int fts64_set(FTS64 *f, FTSENT64 *e, int instruction)
{
	return fts_set((FTS *)f, (FTSENT *)e, instruction);
}

EXPORT int fts64_close(FTS64 *f)
{
	return fts_close((FTS *)f);
}
