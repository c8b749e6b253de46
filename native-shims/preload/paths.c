/*
 * Which paths are emulated. Every program has the server's list mapped; a path is
 * looked at closely only if its last part, or one before it, occurs in the list.
 */
#include "preload.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static const struct io_paths *list;

static const struct io_paths *paths(void)
{
	const struct io_paths *known = __atomic_load_n(&list, __ATOMIC_ACQUIRE);
	char name[sizeof door()->folder + 16];
	long fd, at;

	if (known || !door()->open)
		return known;
	snprintf(name, sizeof name, "%s/paths", door()->folder);
	fd = raw(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	at = raw(SYS_mmap, NULL, sizeof(struct io_paths), PROT_READ, MAP_SHARED, fd, 0);
	raw(SYS_close, fd);
	if (is_error(at))
		return NULL;
	__atomic_store_n(&list, (const struct io_paths *)at, __ATOMIC_RELEASE);
	return list;
}

/* Calls back for each entry of one state of the list. */
static bool any_entry(bool (*fits)(const char *entry, const char *path), const char *path)
{
	const struct io_paths *p = paths();
	bool found;
	uint32_t before;

	if (!p)
		return false;
	do {
		before = __atomic_load_n(&p->generation, __ATOMIC_ACQUIRE);
		found = false;
		for (const char *e = p->list; *e && e < p->list + sizeof p->list && !found; e += strnlen(e, PATH_MAX) + 1)
			found = fits(e, path);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (before & 1 || before != __atomic_load_n(&p->generation, __ATOMIC_RELAXED));
	return found;
}

static bool is_at_or_below(const char *entry, const char *path)
{
	size_t n = strlen(entry);

	return !strncmp(path, entry, n) && (path[n] == 0 || path[n] == '/');
}

/* Whether a part of the path is called as the last part of the entry. */
static bool shares_a_part(const char *entry, const char *path)
{
	const char *last = strrchr(entry, '/') + 1;
	size_t n = strlen(last);

	for (const char *at = path; (at = strstr(at, last)); at++)
		if ((at == path || at[-1] == '/') && (at[n] == 0 || at[n] == '/'))
			return true;
	return false;
}

int64_t warped_ns(void)
{
	const struct io_paths *p = paths();

	return p ? __atomic_load_n(&p->warped_ns, __ATOMIC_RELAXED) : 0;
}

bool is_listed(const char *path)
{
	return any_entry(is_at_or_below, path);
}

bool has_listed_part(const char *path)
{
	return any_entry(shares_a_part, path);
}

static bool is_below(const char *entry, const char *path)
{
	size_t n = strlen(path);

	n -= n > 0 && path[n - 1] == '/';
	return !strncmp(entry, path, n) && entry[n] == '/';
}

bool has_listed_below(const char *path)
{
	return any_entry(is_below, path);
}

bool listed_child(const char *folder, int index, char *out)
{
	const struct io_paths *p = paths();
	size_t n = strlen(folder);
	uint32_t before;
	int left;

	if (!p)
		return false;
	do {
		before = __atomic_load_n(&p->generation, __ATOMIC_ACQUIRE);
		left = index;
		out[0] = 0;
		for (const char *e = p->list; *e && e < p->list + sizeof p->list && !out[0]; e += strnlen(e, PATH_MAX) + 1)
			if (!strncmp(e, folder, n) && e[n] == '/' && !strchr(e + n + 1, '/') && strlen(e + n) < NAME_MAX && left-- == 0)
				strcpy(out, e + n + 1);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (before & 1 || before != __atomic_load_n(&p->generation, __ATOMIC_RELAXED));
	return out[0] != 0;
}
