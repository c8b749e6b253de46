import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../../abi/uapi/index.ts';
import type { DirectoryEntry, Stat, Timespec } from '../../kernel/index.ts';

/** The questions that file types answer in Node. */
abstract class FileType {
  protected abstract isType(type: number): boolean;

  isFile(): boolean {
    return this.isType(S_IFREG);
  }

  isDirectory(): boolean {
    return this.isType(S_IFDIR);
  }

  isSymbolicLink(): boolean {
    return this.isType(S_IFLNK);
  }

  isCharacterDevice(): boolean {
    return this.isType(S_IFCHR);
  }

  isBlockDevice(): boolean {
    return this.isType(S_IFBLK);
  }

  isFIFO(): boolean {
    return this.isType(S_IFIFO);
  }

  isSocket(): boolean {
    return this.isType(S_IFSOCK);
  }
}

const milliseconds = ({ sec, nsec }: Timespec) => sec * 1000 + nsec / 1e6;
const nanoseconds = ({ sec, nsec }: Timespec) => BigInt(sec) * 1_000_000_000n + BigInt(nsec);
const dateOf = (ms: number) => new Date(Math.round(ms));

/** `fs.Stats`. The machine keeps no time of birth; that of the last change stands for it. */
export class Stats extends FileType {
  readonly dev: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly blksize: number;
  readonly ino: number;
  readonly size: number;
  readonly blocks: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;
  readonly atime: Date;
  readonly mtime: Date;
  readonly ctime: Date;
  readonly birthtime: Date;

  constructor(stat: Stat) {
    super();
    this.dev = stat.dev;
    this.mode = stat.mode;
    this.nlink = stat.nlink;
    this.uid = stat.uid;
    this.gid = stat.gid;
    this.rdev = stat.rdev;
    this.blksize = stat.blksize;
    this.ino = stat.ino;
    this.size = stat.size;
    this.blocks = stat.blocks;
    this.atimeMs = milliseconds(stat.atime);
    this.mtimeMs = milliseconds(stat.mtime);
    this.ctimeMs = this.birthtimeMs = milliseconds(stat.ctime);
    this.atime = dateOf(this.atimeMs);
    this.mtime = dateOf(this.mtimeMs);
    this.ctime = dateOf(this.ctimeMs);
    this.birthtime = dateOf(this.birthtimeMs);
  }

  protected isType(type: number): boolean {
    return (this.mode & S_IFMT) === type;
  }
}

/** `fs.BigIntStats`: the same in full precision. */
export class BigIntStats extends FileType {
  readonly dev: bigint;
  readonly mode: bigint;
  readonly nlink: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly rdev: bigint;
  readonly blksize: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly blocks: bigint;
  readonly atimeMs: bigint;
  readonly mtimeMs: bigint;
  readonly ctimeMs: bigint;
  readonly birthtimeMs: bigint;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly birthtimeNs: bigint;
  readonly atime: Date;
  readonly mtime: Date;
  readonly ctime: Date;
  readonly birthtime: Date;

  constructor(stat: Stat) {
    super();
    this.dev = BigInt(stat.dev);
    this.mode = BigInt(stat.mode);
    this.nlink = BigInt(stat.nlink);
    this.uid = BigInt(stat.uid);
    this.gid = BigInt(stat.gid);
    this.rdev = BigInt(stat.rdev);
    this.blksize = BigInt(stat.blksize);
    this.ino = BigInt(stat.ino);
    this.size = BigInt(stat.size);
    this.blocks = BigInt(stat.blocks);
    this.atimeNs = nanoseconds(stat.atime);
    this.mtimeNs = nanoseconds(stat.mtime);
    this.ctimeNs = this.birthtimeNs = nanoseconds(stat.ctime);
    this.atimeMs = this.atimeNs / 1_000_000n;
    this.mtimeMs = this.mtimeNs / 1_000_000n;
    this.ctimeMs = this.birthtimeMs = this.ctimeNs / 1_000_000n;
    this.atime = dateOf(Number(this.atimeMs));
    this.mtime = dateOf(Number(this.mtimeMs));
    this.ctime = dateOf(Number(this.ctimeMs));
    this.birthtime = dateOf(Number(this.birthtimeMs));
  }

  protected isType(type: number): boolean {
    return (Number(this.mode) & S_IFMT) === type;
  }
}

/** `fs.Dirent`. */
export class Dirent<Name extends string | Buffer = string | Buffer> extends FileType {
  readonly name: Name;
  /** Of the folder that was read, as the caller gave it. */
  readonly parentPath: string;
  /** The same, by the name it had until Node 24. */
  readonly path: string;
  readonly #type: number;

  constructor(name: Name, parentPath: string, type: DirectoryEntry['type']) {
    super();
    this.name = name;
    this.parentPath = this.path = parentPath;
    this.#type = type;
  }

  protected isType(type: number): boolean {
    return this.#type === type;
  }
}
