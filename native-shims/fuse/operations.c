/*
 * Stands between fuse-native and libfuse: fuse_new is found here first. Each operation of fuse-native gets a path that begins with
 * the number of its request ("7:/dev/null"), by which JavaScript finds what fuse-native does not hand on: who calls, with which
 * flags, through which open file. What fuse-native rounds (times, numbers of inodes) is put right on the way back.
 */
#include "requests.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* fuse-native's. */
static struct fuse_operations inner;

unsigned int operations_inside;
bool operations_stopped;

bool enter(void)
{
	__atomic_add_fetch(&operations_inside, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&operations_stopped, __ATOMIC_SEQ_CST))
		return true;
	leave();
	return false;
}

void leave(void)
{
	__atomic_sub_fetch(&operations_inside, 1, __ATOMIC_SEQ_CST);
}

/* Runs fuse-native's operation with the numbered path as `numbered`. */
#define ASK(path, handle, call)                                               \
	({                                                                    \
		const char *from_ = (path) ? (path) : "";                     \
		char numbered[strlen(from_) + 16];                            \
		int result_ = -ENODEV;                                        \
                                                                              \
		sprintf(numbered, "%u:%s", request_number, from_);            \
		request[WORD_HANDLE] = (handle);                              \
		if (enter()) {                                                \
			result_ = (call);                                     \
			leave();                                              \
		}                                                             \
		result_;                                                      \
	})

/* JavaScript has left the file system's number in st_dev: in different ones, files may have the same number. */
static void widen(struct stat *st)
{
	st->st_ino |= (ino_t)st->st_dev << 32;
}

static struct timespec time_at(enum word sec)
{
	return (struct timespec){ .tv_sec = (time_t)request[sec], .tv_nsec = (long)request[sec + 1] };
}

static int complete_stat(struct stat *st, int result)
{
	if (result != 0)
		return result;
	widen(st);
	st->st_atim = time_at(WORD_ATIME_SEC);
	st->st_mtim = time_at(WORD_MTIME_SEC);
	st->st_ctim = time_at(WORD_CTIME_SEC);
	return 0;
}

static int do_getattr(const char *path, struct stat *st)
{
	return complete_stat(st, ASK(path, -1, inner.getattr(numbered, st)));
}

static int do_fgetattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	return complete_stat(st, ASK(path, (double)fi->fh, inner.getattr(numbered, st)));
}

static int do_open(const char *path, struct fuse_file_info *fi)
{
	request[WORD_FLAGS] = fi->flags;
	return ASK(path, -1, inner.open(numbered, fi));
}

static int do_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	request[WORD_FLAGS] = fi->flags;
	return ASK(path, -1, inner.create(numbered, mode, fi));
}

static int do_read(const char *path, char *buf, size_t size, off_t offset, struct fuse_file_info *fi)
{
	request[WORD_FLAGS] = fi->flags;
	return ASK(path, (double)fi->fh, inner.read(numbered, buf, size, offset, fi));
}

static int do_write(const char *path, const char *buf, size_t size, off_t offset, struct fuse_file_info *fi)
{
	request[WORD_FLAGS] = fi->flags;
	return ASK(path, (double)fi->fh, inner.write(numbered, buf, size, offset, fi));
}

static int do_release(const char *path, struct fuse_file_info *fi)
{
	return ASK(path, (double)fi->fh, inner.release(numbered, fi));
}

static int do_fsync(const char *path, int datasync, struct fuse_file_info *fi)
{
	return ASK(path, (double)fi->fh, inner.fsync(numbered, datasync, fi));
}

static int do_truncate(const char *path, off_t size)
{
	return ASK(path, -1, inner.truncate(numbered, size));
}

static int do_ftruncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	return ASK(path, (double)fi->fh, inner.truncate(numbered, size));
}

static int do_utimens(const char *path, const struct timespec times[2])
{
	for (int i = 0; i < 2; i++) {
		request[WORD_ATIME_SEC + 2 * i] = (double)times[i].tv_sec;
		request[WORD_ATIME_NSEC + 2 * i] = (double)times[i].tv_nsec;
	}
	return ASK(path, -1, inner.utimens(numbered, times));
}

static int do_opendir(const char *path, struct fuse_file_info *fi)
{
	request[WORD_FLAGS] = fi->flags;
	return ASK(path, -1, inner.opendir(numbered, fi));
}

static int do_releasedir(const char *path, struct fuse_file_info *fi)
{
	return ASK(path, (double)fi->fh, inner.releasedir(numbered, fi));
}

struct listing {
	void *buf;
	fuse_fill_dir_t fill;
};

static int fill_widened(void *listing, const char *name, const struct stat *st, off_t offset)
{
	struct listing *l = listing;
	struct stat wide;

	if (!st)
		return l->fill(l->buf, name, NULL, offset);
	wide = *st;
	widen(&wide);
	return l->fill(l->buf, name, &wide, offset);
}

static int do_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *fi)
{
	struct listing l = { buf, fill };

	return ASK(path, (double)fi->fh, inner.readdir(numbered, &l, fill_widened, offset, fi));
}

static int do_readlink(const char *path, char *to, size_t size)
{
	return ASK(path, -1, inner.readlink(numbered, to, size));
}

static int do_mknod(const char *path, mode_t mode, dev_t dev)
{
	return ASK(path, -1, inner.mknod(numbered, mode, dev));
}

static int do_mkdir(const char *path, mode_t mode)
{
	return ASK(path, -1, inner.mkdir(numbered, mode));
}

static int do_unlink(const char *path)
{
	return ASK(path, -1, inner.unlink(numbered));
}

static int do_rmdir(const char *path)
{
	return ASK(path, -1, inner.rmdir(numbered));
}

static int do_symlink(const char *target, const char *path)
{
	return ASK(target, -1, inner.symlink(numbered, path));
}

static int do_rename(const char *from, const char *to)
{
	return ASK(from, -1, inner.rename(numbered, to));
}

static int do_link(const char *from, const char *to)
{
	return ASK(from, -1, inner.link(numbered, to));
}

static int do_chmod(const char *path, mode_t mode)
{
	return ASK(path, -1, inner.chmod(numbered, mode));
}

static int do_chown(const char *path, uid_t uid, gid_t gid)
{
	return ASK(path, -1, inner.chown(numbered, uid, gid));
}

static int do_access(const char *path, int mode)
{
	return ASK(path, -1, inner.access(numbered, mode));
}

static int do_statfs(const char *path, struct statvfs *st)
{
	return ASK(path, -1, inner.statfs(numbered, st));
}

static const struct fuse_operations outer = {
	.getattr = do_getattr,
	.readlink = do_readlink,
	.mknod = do_mknod,
	.mkdir = do_mkdir,
	.unlink = do_unlink,
	.rmdir = do_rmdir,
	.symlink = do_symlink,
	.rename = do_rename,
	.link = do_link,
	.chmod = do_chmod,
	.chown = do_chown,
	.truncate = do_truncate,
	.open = do_open,
	.read = do_read,
	.write = do_write,
	.statfs = do_statfs,
	.release = do_release,
	.fsync = do_fsync,
	.opendir = do_opendir,
	.readdir = do_readdir,
	.releasedir = do_releasedir,
	.access = do_access,
	.create = do_create,
	.ftruncate = do_ftruncate,
	.fgetattr = do_fgetattr,
	.utimens = do_utimens,
	/* Open files are known by their handles, whatever has become of their names; and who waits in one blocks no name. */
	.flag_nullpath_ok = 1,
	.flag_nopath = 1,
	.flag_utime_omit_ok = 1,
};

EXPORT struct fuse *fuse_new(struct fuse_chan *ch, struct fuse_args *args, const struct fuse_operations *ops, size_t size, void *data)
{
	struct fuse *(*real)(struct fuse_chan *, struct fuse_args *, const struct fuse_operations *, size_t, void *) = libfuse("fuse_new", "FUSE_2.6");
	int (*chan_fd)(struct fuse_chan *) = libfuse("fuse_chan_fd", "FUSE_2.4");
	struct fuse_operations all = outer;

	/* With a program that we start, the file system would outlive us. */
	fcntl(chan_fd(ch), F_SETFD, FD_CLOEXEC);
	inner = *ops;
	all.init = inner.init;
	operations_stopped = false;
	return real(ch, args, &all, size, data);
}
