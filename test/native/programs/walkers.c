/*
 * Walks of trees by nftw, ftw and fts, told step by step.
 *
 *	walkers show ROOT      what the functions of that name tell, where they follow no links
 *	walkers compare ROOT   what the C library's and the preload library's own tell of the same tree; compiled together with the
 *	                       latter, whose names then begin with own_
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#undef nftw
#undef ftw
#undef fts_open
#undef fts_read
#undef fts_children
#undef fts_set
#undef fts_close
#include <errno.h>
#include <ftw.h>
#include <fts.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct walkers {
	int (*nftw)(const char *, __nftw_func_t, int, int);
	int (*ftw)(const char *, __ftw_func_t, int);
	FTS *(*open)(char *const *, int, int (*)(const FTSENT **, const FTSENT **));
	FTSENT *(*read)(FTS *);
	FTSENT *(*children)(FTS *, int);
	int (*set)(FTS *, FTSENT *, int);
	int (*close)(FTS *);
};

static const struct walkers library = { nftw, ftw, fts_open, fts_read, fts_children, fts_set, fts_close };
static const struct walkers *walkers;
static FILE *out;
static bool acts, follows_links;

static int on_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	char cwd[4096] = "";
	struct stat here;
	const char *name = path + at->base;

	/* Where the walk works, from which the name alone must lead to the same. */
	getcwd(cwd, sizeof cwd);
	fprintf(out, "nftw %d %s base=%d level=%d mode=%o by-name=%d\n", type, path, at->base, at->level,
		type == FTW_NS ? 0 : st->st_mode & S_IFMT, type != FTW_NS && lstat(name, &here) == 0 && here.st_ino == st->st_ino);
	if (!acts)
		return 0;
	return !strcmp(name, "skip")	 ? FTW_SKIP_SUBTREE
	       : !strcmp(name, "others") ? FTW_SKIP_SIBLINGS
	       : !strcmp(name, "stop")	 ? FTW_STOP
					 : 0;
}

static int on_old_entry(const char *path, const struct stat *st, int type)
{
	fprintf(out, "ftw %d %s mode=%o\n", type, path, type == FTW_NS ? 0 : st->st_mode & S_IFMT);
	return 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return -strcmp((*a)->fts_name, (*b)->fts_name);
}

static void show_nftw(const char *root)
{
	static const int flags[] = { 0, FTW_PHYS, FTW_DEPTH, FTW_PHYS | FTW_DEPTH, FTW_CHDIR, FTW_PHYS | FTW_CHDIR | FTW_DEPTH,
				     FTW_MOUNT | FTW_PHYS, FTW_ACTIONRETVAL, FTW_ACTIONRETVAL | FTW_PHYS | FTW_CHDIR,
				     FTW_ACTIONRETVAL | FTW_DEPTH, 1 << 20 };

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		for (int open_max = 1; open_max <= 20; open_max += 19) {
			int result;

			if (!follows_links && !(flags[i] & FTW_PHYS))
				continue;
			/* The C library loses its way behind a link when it has no descriptor to come back by. */
			if ((flags[i] & FTW_CHDIR) && !(flags[i] & FTW_PHYS) && open_max == 1)
				continue;
			acts = flags[i] & FTW_ACTIONRETVAL;
			errno = 0;
			result = walkers->nftw(root, on_entry, open_max, flags[i]);
			fprintf(out, "nftw flags=0x%x: %d %s\n", flags[i], result, result < 0 ? strerrorname_np(errno) : "");
		}
	if (follows_links)
		fprintf(out, "ftw: %d\n", walkers->ftw(root, on_old_entry, 3));
}

static void show_children(FTSENT *e)
{
	for (; e; e = e->fts_link)
		fprintf(out, "  child %s info=%d level=%d\n", e->fts_name, e->fts_info, e->fts_level);
}

static void show_fts(char *const *roots, int options, int (*compare)(const FTSENT **, const FTSENT **))
{
	FTS *f = walkers->open(roots, options, compare);
	FTSENT *e;
	int steps = 0;

	fprintf(out, "fts options=0x%x %s\n", options, f ? "" : strerrorname_np(errno));
	if (!f)
		return;
	show_children(walkers->children(f, 0));
	while ((e = walkers->read(f))) {
		bool looked = e->fts_info != FTS_NSOK && e->fts_info != FTS_NS && !(options & FTS_NOSTAT);

		fprintf(out, "fts %d %s name=%s level=%d path=%d+%d errno=%d mode=%o cycle=%s number=%ld%s\n", e->fts_info, e->fts_path,
			e->fts_name, e->fts_level, e->fts_pathlen, e->fts_namelen, e->fts_errno, looked ? e->fts_statp->st_mode & S_IFMT : 0,
			e->fts_info == FTS_DC ? e->fts_cycle->fts_name : "", e->fts_number,
			options & FTS_NOCHDIR && strcmp(e->fts_accpath, e->fts_path) ? " elsewhere" : "");
		if (!acts || e->fts_info == FTS_DP)
			continue;
		steps++;
		if (!strcmp(e->fts_name, "skip"))
			walkers->set(f, e, FTS_SKIP);
		/* Where the C library changes folders, it does not find back from behind a link whose names were asked for. */
		if (follows_links && (options & FTS_NOCHDIR) && (e->fts_info == FTS_SL || e->fts_info == FTS_SLNONE) && !e->fts_number++)
			walkers->set(f, e, FTS_FOLLOW);
		if (!strcmp(e->fts_name, "again") && e->fts_number++ < 2)
			walkers->set(f, e, FTS_AGAIN);
		if (e->fts_info == FTS_D && steps % 2)
			show_children(walkers->children(f, steps % 4 == 1 ? FTS_NAMEONLY : 0));
		else if (e->fts_info == FTS_D)
			for (FTSENT *c = walkers->children(f, 0); c; c = c->fts_link)
				if (!strcmp(c->fts_name, "lost"))
					walkers->set(f, c, FTS_SKIP);
	}
	fprintf(out, "fts end: %d\n", errno);
	fprintf(out, "fts children: %d\n", walkers->close(f));
}

static void show_all(const char *root)
{
	static const int options[] = { FTS_PHYSICAL, FTS_LOGICAL, FTS_PHYSICAL | FTS_NOCHDIR, FTS_LOGICAL | FTS_NOCHDIR, FTS_PHYSICAL | FTS_SEEDOT,
				       FTS_PHYSICAL | FTS_NOSTAT, FTS_PHYSICAL | FTS_XDEV | FTS_COMFOLLOW, FTS_LOGICAL | FTS_NOSTAT, 0x1000 };
	char inner[4096], file[4096];
	char *const one[] = { (char *)root, NULL }, *const some[] = { file, inner, (char *)root, (char *)"nowhere", NULL },
		    *const empty[] = { (char *)root, (char *)"", NULL };

	snprintf(inner, sizeof inner, "%s//again/", root);
	snprintf(file, sizeof file, "%s/file", root);
	show_nftw(root);
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		for (int k = 0; k < 2 && (follows_links || (options[i] & FTS_PHYSICAL)); k++) {
			acts = k;
			show_fts(one, options[i], NULL);
			show_fts(some, options[i], by_name);
		}
	show_fts(empty, FTS_PHYSICAL, NULL);
}

#ifdef COMPARE
int own_nftw(const char *, __nftw_func_t, int, int);
int own_ftw(const char *, __ftw_func_t, int);
FTS *own_fts_open(char *const *, int, int (*)(const FTSENT **, const FTSENT **));
FTSENT *own_fts_read(FTS *);
FTSENT *own_fts_children(FTS *, int);
int own_fts_set(FTS *, FTSENT *, int);
int own_fts_close(FTS *);
static const struct walkers own = { own_nftw, own_ftw, own_fts_open, own_fts_read, own_fts_children, own_fts_set, own_fts_close };

/* What the preload library's need of it: everything leads to the machine. */
struct door;
extern bool leads_to_ours(const char *path);
extern const struct door *door(void);

bool leads_to_ours(const char *path)
{
	return path != NULL;
}

const struct door *door(void)
{
	static const char open[256] = { 1 };

	return (const struct door *)open;
}

static int compare(const char *root)
{
	char *texts[2], *ours, *theirs, *a, *b;
	size_t sizes[2];
	int line = 0, different = 0;

	follows_links = true;
	for (int i = 0; i < 2; i++) {
		walkers = i ? &own : &library;
		out = open_memstream(&texts[i], &sizes[i]);
		show_all(root);
		fclose(out);
	}
	theirs = texts[0];
	ours = texts[1];
	while ((a = strsep(&theirs, "\n")) && (b = strsep(&ours, "\n"))) {
		line++;
		if (strcmp(a, b) && different++ < 20)
			printf("line %d:\n- %s\n+ %s\n", line, a, b);
	}
	printf("%s, %s\n", different || theirs || ours ? "different" : "the same", line > 1000 ? "over 1000 lines" : "few lines");
	return different != 0;
}
#endif

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
#ifdef COMPARE
	if (!strcmp(argv[1], "compare"))
		return compare(argv[2]);
#endif
	walkers = &library;
	out = stdout;
	show_all(argv[2]);
	return 0;
}
