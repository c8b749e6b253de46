/* The entries of a walk by fts: what the C library makes of a name in a folder. */
#include "preload.h"
#include "fts-entries.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

FTSENT *fts_make(FTS *f, const char *name, size_t length)
{
	size_t before = (sizeof(FTSENT) + length + 16) & ~(size_t)15;
	FTSENT *e = calloc(1, before + sizeof(struct stat));

	if (!e)
		return NULL;
	memcpy(e->fts_name, name, length);
	e->fts_namelen = (unsigned short)length;
	e->fts_path = e->fts_accpath = f->fts_path;
	e->fts_statp = (struct stat *)((char *)e + before);
	e->fts_instr = FTS_NOINSTR;
	return e;
}

void fts_free(FTSENT *e)
{
	while (e) {
		FTSENT *next = e->fts_link;

		free(e);
		e = next;
	}
}

int fts_type(const FTS *f, FTSENT *e, bool follow)
{
	struct stat *st = e->fts_statp;

	if ((f->fts_options & FTS_LOGICAL) || follow) {
		if (stat(e->fts_accpath, st) < 0) {
			e->fts_errno = errno;
			if (lstat(e->fts_accpath, st) == 0) {
				e->fts_errno = errno = 0;
				return FTS_SLNONE;
			}
			memset(st, 0, sizeof *st);
			return FTS_NS;
		}
	} else if (lstat(e->fts_accpath, st) < 0) {
		e->fts_errno = errno;
		memset(st, 0, sizeof *st);
		return FTS_NS;
	}
	if (!S_ISDIR(st->st_mode))
		return S_ISLNK(st->st_mode) ? FTS_SL : S_ISREG(st->st_mode) ? FTS_F : FTS_DEFAULT;
	e->fts_dev = st->st_dev;
	e->fts_ino = st->st_ino;
	e->fts_nlink = st->st_nlink;
	if (is_dot(e->fts_name))
		return FTS_DOT;
	for (FTSENT *above = e->fts_parent; above->fts_level >= FTS_ROOTLEVEL; above = above->fts_parent)
		if (above->fts_ino == e->fts_ino && above->fts_dev == e->fts_dev) {
			e->fts_cycle = above;
			return FTS_DC;
		}
	return FTS_D;
}

FTSENT *fts_sort(FTS *f, FTSENT *head, size_t count)
{
	FTSENT **all = f->fts_compar && count > 1 ? malloc(count * sizeof *all) : NULL, *e = head;

	if (!all)
		return head;
	for (size_t i = 0; i < count; i++, e = e->fts_link)
		all[i] = e;
	qsort(all, count, sizeof *all, (int (*)(const void *, const void *))(void (*)(void))f->fts_compar);
	head = all[0];
	for (size_t i = 0; i < count; i++)
		all[i]->fts_link = i + 1 < count ? all[i + 1] : NULL;
	free(all);
	return head;
}

/* Where the name of something in a folder begins in the path, behind the slash. */
size_t fts_name_at(const FTSENT *folder)
{
	size_t n = folder->fts_pathlen;

	return folder->fts_path[n - 1] == '/' ? n : n + 1;
}

void fts_put_name(FTS *f, const FTSENT *e, size_t at)
{
	f->fts_path[at - 1] = '/';
	memcpy(f->fts_path + at, e->fts_name, (size_t)e->fts_namelen + 1);
}

/* Whether the type of a name is asked for that its folder does not tell. */
static bool wants_look(const FTS *f, enum fts_reason why, unsigned char type)
{
	if (why == FTS_FOR_NAMES)
		return false;
	return !(f->fts_options & FTS_NOSTAT) || !(f->fts_options & FTS_PHYSICAL) || type == DT_DIR || type == DT_UNKNOWN;
}

static FTSENT *entry_in(FTS *f, const struct dirent *d, enum fts_reason why)
{
	FTSENT *folder = f->fts_cur, *e;
	size_t n = strlen(d->d_name), at = fts_name_at(folder);

	e = fts_make(f, d->d_name, n);
	if (!e)
		return NULL;
	e->fts_level = (short)(folder->fts_level + 1);
	e->fts_parent = folder;
	e->fts_pathlen = (unsigned short)(at + n);
	e->fts_info = FTS_NSOK;
	if (at + n >= (size_t)f->fts_pathlen) {
		e->fts_info = FTS_NS;
		e->fts_errno = ENAMETOOLONG;
		e->fts_namelen = 0;
	} else if (wants_look(f, why, d->d_type)) {
		fts_put_name(f, e, at);
		e->fts_info = (unsigned short)fts_type(f, e, false);
	}
	return e;
}

/* What is in the folder that is visited. */
FTSENT *fts_build(FTS *f, enum fts_reason why)
{
	FTSENT *folder = f->fts_cur, *head = NULL, **tail = &head, *e;
	DIR *dir = opendir(folder->fts_accpath);
	struct dirent *d;
	size_t count = 0;

	if (!dir) {
		if (why == FTS_FOR_READ) {
			folder->fts_info = FTS_DNR;
			folder->fts_errno = errno;
		}
		return NULL;
	}
	while ((d = readdir(dir))) {
		if (!(f->fts_options & FTS_SEEDOT) && is_dot(d->d_name))
			continue;
		e = entry_in(f, d, why);
		if (!e) {
			fts_free(head);
			closedir(dir);
			folder->fts_info = FTS_ERR;
			f->fts_options |= FTS_STOP;
			errno = ENOMEM;
			return NULL;
		}
		*tail = e;
		tail = &e->fts_link;
		count++;
	}
	closedir(dir);
	/* The C library, too, leaves a slash there when it does not change folders. */
	if (head && (f->fts_options & FTS_NOCHDIR))
		memcpy(f->fts_path + fts_name_at(folder) - 1, "/", 2);
	else
		f->fts_path[folder->fts_pathlen] = 0;
	if (!head && why == FTS_FOR_READ)
		folder->fts_info = FTS_DP;
	return fts_sort(f, head, count);
}
