/*
 * Calls of scripts on names and file systems:
 *
 *	access PATH MODE       mkdir PATH MODE      rmdir PATH       unlink PATH
 *	symlink TARGET PATH    link FROM TO         rename FROM TO   readlink PATH
 *	chmod PATH MODE        chown PATH UID GID   lstat PATH       truncate PATH LENGTH
 *	mount TYPE PATH FLAGS  umount PATH FLAGS    chdir PATH       getcwd
 *	statfs PATH            its type, block size, length of names, and flags
 *	list PATH              all names in a directory, in order, each with its type
 *	getdents FD LENGTH     the names that one getdents64(2) with a buffer so large gives
 *	uid UID                goes on as that user, without groups
 */
#include <dirent.h>
#include <grp.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/statfs.h>

static char path_text[65536];

static void add_entry(const char *name, unsigned char type)
{
	char letter = type == DT_DIR ? 'd' : type == DT_REG ? 'r' : type == DT_LNK ? 'l' : type == DT_CHR ? 'c' : '?';

	sprintf(path_text + strlen(path_text), " %s:%c", name, letter);
}

static long list(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;

	if (!directory)
		return -1;
	while ((entry = readdir(directory)))
		add_entry(entry->d_name, entry->d_type);
	closedir(directory);
	return 0;
}

static long getdents_of(int fd, size_t length)
{
	static char room[65536];
	ssize_t n = getdents64(fd, room, length);

	for (ssize_t at = 0; at < n;) {
		struct dirent64 *entry = (struct dirent64 *)(room + at);

		add_entry(entry->d_name, entry->d_type);
		at += entry->d_reclen;
	}
	return n;
}

/* What `path_text` says afterwards belongs to the answer. @return 0 when the call is not one of these */
static int path_call(char **w, const long *a, long *result, struct stat *st)
{
	const char *call = w[0];
	struct statfs fs;

#define PATH_CALL(name) (!strcmp(call, name))
	path_text[0] = 0;
	if (PATH_CALL("access"))
		*result = access(w[1], (int)a[2]);
	else if (PATH_CALL("mkdir"))
		*result = mkdir(w[1], (mode_t)a[2]);
	else if (PATH_CALL("rmdir"))
		*result = rmdir(w[1]);
	else if (PATH_CALL("unlink"))
		*result = unlink(w[1]);
	else if (PATH_CALL("symlink"))
		*result = symlink(w[1], w[2]);
	else if (PATH_CALL("link"))
		*result = link(w[1], w[2]);
	else if (PATH_CALL("rename"))
		*result = rename(w[1], w[2]);
	else if (PATH_CALL("chmod"))
		*result = chmod(w[1], (mode_t)a[2]);
	else if (PATH_CALL("chown"))
		*result = chown(w[1], (uid_t)a[2], (gid_t)a[3]);
	else if (PATH_CALL("truncate"))
		*result = truncate(w[1], a[2]);
	else if (PATH_CALL("chdir"))
		*result = chdir(w[1]);
	else if (PATH_CALL("lstat"))
		*result = lstat(w[1], st);
	else if (PATH_CALL("mount"))
		*result = mount("none", w[2], w[1], (unsigned long)a[3], NULL);
	else if (PATH_CALL("umount"))
		*result = umount2(w[1], (int)a[2]);
	else if (PATH_CALL("list"))
		*result = list(w[1]);
	else if (PATH_CALL("getdents"))
		*result = getdents_of((int)a[1], (size_t)a[2]);
	else if (PATH_CALL("getcwd")) {
		char at[PATH_MAX];

		*result = getcwd(at, sizeof at) ? 0 : -1;
		if (*result == 0)
			sprintf(path_text, " %s", at);
	} else if (PATH_CALL("readlink")) {
		char target[PATH_MAX];

		*result = readlink(w[1], target, sizeof target);
		if (*result >= 0)
			sprintf(path_text, " %.*s", (int)*result, target);
	} else if (PATH_CALL("statfs")) {
		*result = statfs(w[1], &fs);
		if (*result == 0)
			sprintf(path_text, " type=0x%lx bsize=%ld namelen=%ld flags=0x%lx", (unsigned long)fs.f_type, (long)fs.f_bsize,
				(long)fs.f_namelen, (unsigned long)fs.f_flags);
	} else if (PATH_CALL("uid")) {
		setgroups(0, NULL);
		*result = setresgid((gid_t)a[1], (gid_t)a[1], (gid_t)a[1]) || setresuid((uid_t)a[1], (uid_t)a[1], (uid_t)a[1]) ? -1 : 0;
	} else
		return 0;
	return 1;
}
