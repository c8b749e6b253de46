/** linux/stat.h, linux/magic.h. */
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_ISVTX = 0o1000;

export const UTIME_NOW = 0x3fffffff;
export const UTIME_OMIT = 0x3ffffffe;

export const TMPFS_MAGIC = 0x01021994;
export const FUNCTIONFS_MAGIC = 0x0a647361;
export const ANON_INODE_FS_MAGIC = 0x09041934;
export const DMA_BUF_MAGIC = 0x444d4142;
export const SOCKFS_MAGIC = 0x534f434b;
export const SYSFS_MAGIC = 0x62656572;
export const DEBUGFS_MAGIC = 0x64626720;
export const CONFIGFS_MAGIC = 0x62656570;
export const PROC_SUPER_MAGIC = 0x9fa0;
