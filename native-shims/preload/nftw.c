/*
 * nftw and ftw, which list folders inside the C library. Where a walk can come to
 * something of the machine's they are done here, in the order of the C library's.
 */
#include "preload.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KNOWN_FLAGS (FTW_PHYS | FTW_MOUNT | FTW_CHDIR | FTW_DEPTH | FTW_ACTIONRETVAL)

struct tree {
	/* Of ftw, what it is called with is the same but for the last argument, which it does not look at. */
	__nftw_func_t call;
	/* ftw knows fewer types. */
	bool is_old;
	int flags;
	/* Folders that may stay open. */
	int open_max;
	dev_t dev;
	struct FTW at;
	/* The path of what is looked at, and its room. */
	char *path;
	size_t room;
	/* Folders that have been visited, where links are followed. */
	void *visited;
};

/* A folder that is being gone through: its names, read at once, and its descriptor or -1. */
struct level {
	int fd;
	char *names;
	size_t length, room;
};

struct identity {
	dev_t dev;
	ino_t ino;
};

static int compare(const void *a, const void *b)
{
	const struct identity *one = a, *other = b;

	if (one->dev != other->dev)
		return one->dev < other->dev ? -1 : 1;
	return one->ino < other->ino ? -1 : one->ino > other->ino;
}

/* 1: it has been visited; 0: it is now noted as visited. */
static int visit(struct tree *t, const struct stat *st)
{
	struct identity *key = malloc(sizeof *key), **known;

	if (!key)
		return -1;
	*key = (struct identity){ st->st_dev, st->st_ino };
	known = tsearch(key, &t->visited, compare);
	if (!known || *known != key)
		free(key);
	return known ? *known != key : -1;
}

static int tell(struct tree *t, const struct stat *st, int type)
{
	static const int old[] = { [FTW_F] = FTW_F, [FTW_D] = FTW_D, [FTW_DNR] = FTW_DNR, [FTW_NS] = FTW_NS,
				   [FTW_SL] = FTW_F, [FTW_DP] = FTW_D, [FTW_SLN] = FTW_NS };

	return t->call(t->path, st, t->is_old ? old[type] : type, &t->at);
}

/* How the path is called for a look at it: from the folder where the walk is, if it changes folders. */
static const char *name_of(const struct tree *t)
{
	const char *name = t->path + t->at.base;

	return !(t->flags & FTW_CHDIR) ? t->path : *name ? name : ".";
}

static int look(const struct tree *t, const struct level *in, struct stat *st, bool follow)
{
	int flags = follow ? 0 : AT_SYMLINK_NOFOLLOW;

	return in && in->fd >= 0 ? fstatat(in->fd, t->path + t->at.base, st, flags) : fstatat(AT_FDCWD, name_of(t), st, flags);
}

static bool make_room(char **text, size_t *room, size_t wanted)
{
	size_t larger = wanted < 256 ? 512 : 2 * wanted;
	char *moved;

	if (wanted <= *room)
		return true;
	moved = realloc(*text, larger);
	if (!moved)
		return false;
	*text = moved;
	*room = larger;
	return true;
}

/* Reads the names of the folder that the path names. */
static bool open_level(struct tree *t, const struct level *in, struct level *out)
{
	int at = in && in->fd >= 0 ? in->fd : AT_FDCWD;
	const char *name = at == AT_FDCWD ? name_of(t) : t->path + t->at.base;
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool has_all = true;

	*out = (struct level){ .fd = -1 };
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (has_all && (entry = readdir(dir))) {
		size_t n = strlen(entry->d_name) + 1;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		has_all = make_room(&out->names, &out->room, out->length + n);
		if (has_all)
			memcpy(out->names + out->length, entry->d_name, n);
		out->length += n;
	}
	if (has_all && t->at.level < t->open_max)
		out->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	closedir(dir);
	return has_all;
}

static void close_level(struct level *l)
{
	int e = errno;

	if (l->fd >= 0)
		close(l->fd);
	free(l->names);
	errno = e;
}

static int walk_folder(struct tree *t, const struct stat *st, const struct level *in);

static int walk_entry(struct tree *t, const struct level *in, const char *name)
{
	struct stat st = { 0 };
	int type, result = 0;

	if (!make_room(&t->path, &t->room, (size_t)t->at.base + strlen(name) + 2))
		return -1;
	strcpy(t->path + t->at.base, name);
	if (look(t, in, &st, !(t->flags & FTW_PHYS)) == 0) {
		type = S_ISDIR(st.st_mode) ? FTW_D : S_ISLNK(st.st_mode) ? FTW_SL : FTW_F;
	} else {
		if (errno != EACCES && errno != ENOENT)
			return -1;
		type = !(t->flags & FTW_PHYS) && look(t, in, &st, false) == 0 && S_ISLNK(st.st_mode) ? FTW_SLN : FTW_NS;
	}
	if (type != FTW_NS && (t->flags & FTW_MOUNT) && st.st_dev != t->dev)
		return 0;
	if (type != FTW_D) {
		result = tell(t, &st, type);
	} else {
		result = t->flags & FTW_PHYS ? 0 : visit(t, &st);
		if (result > 0)
			return 0;
		if (result == 0)
			result = walk_folder(t, &st, in);
	}
	return (t->flags & FTW_ACTIONRETVAL) && result == FTW_SKIP_SUBTREE ? 0 : result;
}

/* Back to the folder above, where the walk works. */
static int go_back(const struct tree *t, const struct level *in)
{
	if (in->fd >= 0 && fchdir(in->fd) == 0)
		return 0;
	return chdir(t->at.base == 1 ? "/" : "..");
}

static int walk_names(struct tree *t, const struct level *here)
{
	int base = t->at.base, result = 0;
	size_t end = strlen(t->path);

	if (t->path[end - 1] != '/')
		t->path[end++] = '/';
	t->at.level++;
	t->at.base = (int)end;
	for (size_t at = 0; result == 0 && at < here->length; at += strlen(here->names + at) + 1)
		result = walk_entry(t, here, here->names + at);
	if ((t->flags & FTW_ACTIONRETVAL) && result == FTW_SKIP_SIBLINGS)
		result = 0;
	t->path[t->at.base - 1] = 0;
	t->at.level--;
	t->at.base = base;
	return result;
}

static int walk_folder(struct tree *t, const struct stat *st, const struct level *in)
{
	struct level here;
	int result = 0;

	if (!open_level(t, in, &here)) {
		close_level(&here);
		return errno == EACCES ? tell(t, st, FTW_DNR) : -1;
	}
	if (!(t->flags & FTW_DEPTH))
		result = tell(t, st, FTW_D);
	if (result == 0 && (t->flags & FTW_CHDIR))
		result = here.fd >= 0 ? fchdir(here.fd) : chdir(name_of(t));
	if (result != 0) {
		close_level(&here);
		return result;
	}
	result = walk_names(t, &here);
	close_level(&here);
	if (result == 0 && (t->flags & FTW_DEPTH))
		result = tell(t, st, FTW_DP);
	if (in && (t->flags & FTW_CHDIR) &&
	    (result == 0 || ((t->flags & FTW_ACTIONRETVAL) && result != -1 && result != FTW_STOP)) && go_back(t, in) < 0)
		return -1;
	return result;
}

/* Goes to the folder that the path lies in. */
static int enter_parent(struct tree *t)
{
	char last;
	int result;

	if (t->at.base == 0)
		return 0;
	if (t->at.base == 1)
		return chdir("/");
	last = t->path[t->at.base - 1];
	t->path[t->at.base - 1] = 0;
	result = chdir(t->path);
	t->path[t->at.base - 1] = last;
	return result;
}

static int walk(struct tree *t)
{
	struct stat st;
	int result;

	if (look(t, NULL, &st, !(t->flags & FTW_PHYS)) < 0) {
		if ((t->flags & FTW_PHYS) || errno != ENOENT || look(t, NULL, &st, false) < 0 || !S_ISLNK(st.st_mode))
			return -1;
		result = tell(t, &st, FTW_SLN);
	} else if (S_ISDIR(st.st_mode)) {
		t->dev = st.st_dev;
		result = t->flags & FTW_PHYS ? 0 : visit(t, &st);
		if (result == 0)
			result = walk_folder(t, &st, NULL);
	} else {
		result = tell(t, &st, S_ISLNK(st.st_mode) ? FTW_SL : FTW_F);
	}
	return (t->flags & FTW_ACTIONRETVAL) && (result == FTW_SKIP_SUBTREE || result == FTW_SKIP_SIBLINGS) ? 0 : result;
}

static int walk_from(const char *path, __nftw_func_t call, bool is_old, int open_max, int flags)
{
	struct tree t = { .call = call, .is_old = is_old, .flags = flags, .open_max = open_max < 1 ? 1 : open_max };
	size_t n = strlen(path);
	int cwd = -1, result = -1, e;

	if (!make_room(&t.path, &t.room, n + 2))
		return -1;
	strcpy(t.path, path);
	while (n > 1 && t.path[n - 1] == '/')
		t.path[--n] = 0;
	while (n > 0 && t.path[n - 1] != '/')
		n--;
	t.at.base = (int)n;
	if (flags & FTW_CHDIR)
		cwd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!(flags & FTW_CHDIR) || (cwd >= 0 && enter_parent(&t) == 0))
		result = walk(&t);
	e = errno;
	if (cwd >= 0) {
		fchdir(cwd);
		close(cwd);
	}
	tdestroy(t.visited, free);
	free(t.path);
	errno = e;
	return result;
}

EXPORT int nftw(const char *path, __nftw_func_t call, int open_max, int flags)
{
	if (!leads_to_ours(path))
		return NEXT(nftw)(path, call, open_max, flags);
	return flags & ~KNOWN_FLAGS ? (int)finish(-EINVAL) : walk_from(path, call, false, open_max, flags);
}

EXPORT int nftw64(const char *path, __nftw64_func_t call, int open_max, int flags)
{
	return nftw(path, (__nftw_func_t)call, open_max, flags);
}

EXPORT int ftw(const char *path, __ftw_func_t call, int open_max)
{
	if (!leads_to_ours(path))
		return NEXT(ftw)(path, call, open_max);
	return walk_from(path, (__nftw_func_t)(void (*)(void))call, true, open_max, 0);
}

EXPORT int ftw64(const char *path, __ftw64_func_t call, int open_max)
{
	return ftw(path, (__ftw_func_t)call, open_max);
}
