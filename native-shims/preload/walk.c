/*
 * Where paths lead. Parts that exist on the real system are followed through its
 * links, until a listed path is reached: from there on the links are the machine's,
 * which the server follows until they lead out again.
 */
#include "preload.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define LINKS_MAX 40
/* How often a path may change between links of the machine and of the host. */
#define TURNS_MAX 8

/* Joins and follows: `out` becomes absolute, without `.`, `..` and links that exist. */
struct walk {
	char *out;
	size_t length;
	int links;
	/* A listed path has been reached; what follows is only joined. */
	bool is_listed;
};

static bool put_base(struct walk *w, int dirfd)
{
	char link[64];
	long n;

	if (dirfd == AT_FDCWD) {
		const char *emulated;

		n = raw(SYS_getcwd, w->out, PATH_MAX);
		if (n <= 0)
			return false;
		emulated = mirrored(w->out);
		if (emulated)
			memmove(w->out, emulated, strlen(emulated) + 1);
		w->length = strlen(w->out);
	} else if (handle_of(dirfd)) {
		n = link_text(dirfd, w->out);
		/* A buffer's link only looks like a path. */
		if (n <= 0 || !is_listed(w->out))
			return false;
		w->length = (size_t)n;
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
	w->is_listed = is_listed(w->out);
	return true;
}

static bool put_parts(struct walk *w, const char *path, bool follow_last);

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
	return put_parts(w, target, true);
}

/* What is left of a path, as it is. */
static bool join(struct walk *w, const char *rest)
{
	size_t n = strlen(rest);

	if (w->length + n + 2 > PATH_MAX)
		return false;
	w->out[w->length++] = '/';
	memcpy(w->out + w->length, rest, n + 1);
	w->length += n;
	return true;
}

static bool put_parts(struct walk *w, const char *path, bool follow_last)
{
	if (w->is_listed)
		return !*path || join(w, path);
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
			w->is_listed = is_listed(w->out);
			if (!w->is_listed && (follow_last || path[n]) && !follow(w, end))
				return false;
			if (w->is_listed)
				return !path[n] || join(w, path + n + 1);
		}
		path += n;
		if (*path == '/' && path[1 + strspn(path + 1, "/")] == 0)
			/* A slash at the end says that it must be a folder. */
			return join(w, "");
		path += strspn(path, "/");
	}
	return true;
}

long path_call(uint32_t op, const char *path, int64_t argument, char *out)
{
	struct call call;
	long result;

	if (!begin_call(&call, op, -1, 0))
		return -errno;
	attach(&call, path, strlen(path));
	call.slot->args[0] = argument;
	result = make_call(&call);
	if (result > 0 && out) {
		long n = result < IO_DATA_SIZE ? result : IO_DATA_SIZE;

		memcpy(out, call.slot->data, (size_t)n);
		out[n] = 0;
	}
	end_call(&call);
	return result;
}

/* Nodes have no links among them, and are opened the most. */
static bool may_have_links(const char *listed)
{
	return strncmp(listed, "/dev/", 5) || strstr(listed, "/..");
}

/*
 * Whether the path leads to something of ours; in any case `out` says where it leads,
 * unless it is empty. `*through` says that it leads through something of ours.
 */
static bool resolve(int dirfd, const char *path, bool follow_last, char *out, bool *through)
{
	struct walk w = { .out = out };
	char again[PATH_MAX];

	out[0] = 0;
	*through = false;
	if (path[0] != '/' && !put_base(&w, dirfd)) {
		out[0] = 0;
		return false;
	}
	for (int turn = 0; turn < TURNS_MAX; turn++) {
		if (!put_parts(&w, path, follow_last)) {
			out[0] = 0;
			return false;
		}
		if (!w.is_listed || !may_have_links(out))
			return w.is_listed;
		if (path_call(IO_RESOLVE, out, follow_last, again) <= 0)
			return true;
		if (is_listed(again)) {
			strcpy(out, again);
			return true;
		}
		*through = true;
		w = (struct walk){ .out = out };
		out[0] = 0;
		path = again;
	}
	return false;
}

/* Whether a path begins where the real kernel knows nothing of. */
static bool has_our_base(int dirfd, const char *path)
{
	return path[0] && path[0] != '/' && (dirfd == AT_FDCWD ? is_cwd_ours() : handle_of(dirfd) != 0);
}

bool emulated_at(int dirfd, const char *path, bool follow_last, char *out)
{
	bool through;

	if (!door()->open || !is_string(path, PATH_MAX))
		return false;
	return (has_listed_part(path) || has_our_base(dirfd, path)) && resolve(dirfd, path, follow_last, out, &through);
}

bool emulated_path(int dirfd, const char *path, char *out)
{
	return emulated_at(dirfd, path, true, out);
}

bool emulated_link(int dirfd, const char *path, char *out)
{
	bool through;

	out[0] = 0;
	if (!door()->open || !is_string(path, PATH_MAX) || !path[0])
		return false;
	return resolve(dirfd, path, true, out, &through);
}

/* Whether a path may begin in, or lead through, what only the machine has. */
static bool may_lead_through(int dirfd, const char *path)
{
	return path[0] == '/' ? is_listed(path) || strstr(path, "/..") : has_listed_part(path) || has_our_base(dirfd, path);
}

const char *host_path(int dirfd, const char *path, bool follow_last, char *out)
{
	bool through;

	if (!door()->open || !is_string(path, PATH_MAX) || !may_lead_through(dirfd, path))
		return path;
	resolve(dirfd, path, follow_last, out, &through);
	return out[0] && (through || has_our_base(dirfd, path)) ? out : path;
}

bool leads_to_ours(const char *path)
{
	char at[PATH_MAX];
	bool through;

	if (!door()->open || !is_string(path, PATH_MAX) || !path[0])
		return false;
	return resolve(AT_FDCWD, path, true, at, &through) || (at[0] && has_listed_below(at));
}
