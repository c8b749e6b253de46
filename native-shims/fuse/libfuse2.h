/*
 * What this needs of libfuse 2.9, whose headers few machines have. Its ABI has not changed since 2.9.0 and will not: version 3 is
 * another library.
 */
#ifndef LIBFUSE2_H
#define LIBFUSE2_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#define LIBFUSE "libfuse.so.2"

struct fuse;
struct fuse_args;
struct fuse_chan;
struct fuse_session;

struct fuse_file_info {
	int flags;
	unsigned long fh_old;
	int writepage;
	unsigned int direct_io : 1;
	unsigned int keep_cache : 1;
	unsigned int flush : 1;
	unsigned int nonseekable : 1;
	unsigned int flock_release : 1;
	unsigned int padding : 27;
	uint64_t fh;
	uint64_t lock_owner;
};

typedef int (*fuse_fill_dir_t)(void *buf, const char *name, const struct stat *st, off_t offset);

struct fuse_operations {
	int (*getattr)(const char *, struct stat *);
	int (*readlink)(const char *, char *, size_t);
	void *getdir;
	int (*mknod)(const char *, mode_t, dev_t);
	int (*mkdir)(const char *, mode_t);
	int (*unlink)(const char *);
	int (*rmdir)(const char *);
	int (*symlink)(const char *, const char *);
	int (*rename)(const char *, const char *);
	int (*link)(const char *, const char *);
	int (*chmod)(const char *, mode_t);
	int (*chown)(const char *, uid_t, gid_t);
	int (*truncate)(const char *, off_t);
	void *utime;
	int (*open)(const char *, struct fuse_file_info *);
	int (*read)(const char *, char *, size_t, off_t, struct fuse_file_info *);
	int (*write)(const char *, const char *, size_t, off_t, struct fuse_file_info *);
	int (*statfs)(const char *, struct statvfs *);
	void *flush;
	int (*release)(const char *, struct fuse_file_info *);
	int (*fsync)(const char *, int, struct fuse_file_info *);
	void *setxattr;
	void *getxattr;
	void *listxattr;
	void *removexattr;
	int (*opendir)(const char *, struct fuse_file_info *);
	int (*readdir)(const char *, void *, fuse_fill_dir_t, off_t, struct fuse_file_info *);
	int (*releasedir)(const char *, struct fuse_file_info *);
	void *fsyncdir;
	void *init;
	void *destroy;
	int (*access)(const char *, int);
	int (*create)(const char *, mode_t, struct fuse_file_info *);
	int (*ftruncate)(const char *, off_t, struct fuse_file_info *);
	int (*fgetattr)(const char *, struct stat *, struct fuse_file_info *);
	void *lock;
	int (*utimens)(const char *, const struct timespec[2]);
	void *bmap;
	unsigned int flag_nullpath_ok : 1;
	unsigned int flag_nopath : 1;
	unsigned int flag_utime_omit_ok : 1;
	unsigned int flag_reserved : 29;
	void *ioctl;
	void *poll;
	void *write_buf;
	void *read_buf;
	void *flock;
	void *fallocate;
};

#endif
