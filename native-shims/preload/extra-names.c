/* Names of the machine in real folders: they follow behind those of the host. */
#include "preload.h"
#include "extra-names.h"
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How far a listing has come. */
struct extra {
	struct extra *next;
	DIR *dir;
	int index;
	struct dirent entry;
};

static struct extra *extras;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct extra *extra_of(DIR *dir, bool make)
{
	struct extra *x;

	pthread_mutex_lock(&lock);
	for (x = extras; x && x->dir != dir; x = x->next)
		;
	if (!x && make && (x = calloc(1, sizeof *x))) {
		x->dir = dir;
		x->next = extras;
		extras = x;
	}
	pthread_mutex_unlock(&lock);
	return x;
}

void drop_extra(DIR *dir)
{
	struct extra *x;

	if (!__atomic_load_n(&extras, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&lock);
	for (struct extra **at = &extras; (x = *at); at = &x->next)
		if (x->dir == dir) {
			*at = x->next;
			free(x);
			break;
		}
	pthread_mutex_unlock(&lock);
}

static bool on_host(int fd, const char *name)
{
	struct stat st;

	return raw(SYS_newfstatat, fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

struct dirent *next_extra(DIR *dir)
{
	char link[40], path[2 * PATH_MAX], name[NAME_MAX + 1];
	int e = errno, fd = dirfd(dir);
	struct extra *x;
	struct stat st;
	long n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = raw(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
	path[n > 0 ? n : 0] = 0;
	if (n <= 0 || !listed_child(path, 0, name))
		return NULL;
	x = extra_of(dir, true);
	while (x && listed_child(path, x->index, name)) {
		x->index++;
		if (on_host(fd, name))
			continue;
		snprintf(path + n, sizeof path - (size_t)n, "/%s", name);
		if (lstat(path, &st) == 0) {
			x->entry.d_ino = st.st_ino;
			x->entry.d_type = (unsigned char)IFTODT(st.st_mode);
			x->entry.d_reclen = sizeof x->entry;
			strcpy(x->entry.d_name, name);
			errno = e;
			return &x->entry;
		}
		path[n] = 0;
	}
	errno = e;
	return NULL;
}
