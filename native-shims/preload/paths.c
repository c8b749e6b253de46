/*
 * Which paths are emulated. Every program has the server's list mapped; a path is
 * looked at closely only if its last part, or one before it, occurs in the list.
 * Parts that exist on the real system are followed through its links.
 */
#include "preload.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define LINKS_MAX 40

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

/* Joins and follows: `out` becomes absolute, without `.`, `..` and links that exist. */
struct walk {
	char *out;
	size_t length;
	int links;
};

static bool put_base(struct walk *w, int dirfd)
{
	char link[64];
	long n;

	if (dirfd == AT_FDCWD) {
		n = raw(SYS_getcwd, w->out, PATH_MAX);
		if (n <= 0)
			return false;
		w->length = (size_t)n - 1;
	} else {
		snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
		n = raw(SYS_readlinkat, AT_FDCWD, link, w->out, PATH_MAX - 1);
		if (n <= 0 || w->out[0] != '/')
			return false;
		w->length = (size_t)n;
	}
	if (w->length == 1)
		w->length = 0;
	w->out[w->length] = 0;
	return true;
}

static bool put_parts(struct walk *w, const char *path);

/* Follows the link that the path so far ends in, if it is one. `end` is where its last part begins. */
static bool follow(struct walk *w, size_t end)
{
	char target[PATH_MAX];
	long n = raw(SYS_readlinkat, AT_FDCWD, w->out, target, PATH_MAX - 1);

	if (n < 0)
		return true;
	if (++w->links > LINKS_MAX)
		return false;
	target[n] = 0;
	w->length = target[0] == '/' ? 0 : end;
	w->out[w->length] = 0;
	return put_parts(w, target);
}

static bool put_parts(struct walk *w, const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && !strncmp(path, "..", 2)) {
			while (w->length > 0 && w->out[--w->length] != '/')
				;
			w->out[w->length] = 0;
		} else if (n > 0 && !(n == 1 && *path == '.')) {
			size_t end = w->length;

			if (w->length + n + 2 > PATH_MAX)
				return false;
			w->out[w->length++] = '/';
			memcpy(w->out + w->length, path, n);
			w->length += n;
			w->out[w->length] = 0;
			if (!follow(w, end))
				return false;
		}
		path += n;
		if (*path == '/' && path[1 + strspn(path + 1, "/")] == 0) {
			/* A slash at the end says that it must be a folder. */
			if (w->length + 2 > PATH_MAX)
				return false;
			w->out[w->length++] = '/';
			w->out[w->length] = 0;
			return true;
		}
		path += strspn(path, "/");
	}
	return true;
}

static bool resolve(int dirfd, const char *path, char *out)
{
	struct walk w = { .out = out };

	out[0] = 0;
	if (path[0] != '/' && !put_base(&w, dirfd))
		return false;
	return put_parts(&w, path) && any_entry(is_at_or_below, out);
}

int64_t warped_ns(void)
{
	const struct io_paths *p = paths();

	return p ? __atomic_load_n(&p->warped_ns, __ATOMIC_RELAXED) : 0;
}

bool emulated_path(int dirfd, const char *path, char *out)
{
	if (!door()->open || !is_string(path, PATH_MAX))
		return false;
	return any_entry(shares_a_part, path) && resolve(dirfd, path, out);
}

bool emulated_link(int dirfd, const char *path, char *out)
{
	if (!door()->open || !is_string(path, PATH_MAX) || !path[0])
		return false;
	return resolve(dirfd, path, out);
}
