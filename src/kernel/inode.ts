import { Errno } from '../abi/index.ts';
import { S_IFDIR, S_IFMT, S_ISGID, S_ISUID } from '../abi/uapi/index.ts';
import { type Credentials, inGroup, isCapable } from './credentials.ts';
import type { FileLocks } from './file-locks.ts';
import type { SealableFile } from './memfd.ts';

/** A moment of the machine's wall clock. */
export interface Timespec {
  /** Since 1970. */
  readonly sec: number;
  readonly nsec: number;
}

/** A mounted file system, as far as its files show it. */
export interface FileSystem {
  /** As in /proc/mounts: `tmpfs`. */
  readonly type: string;
  /** f_type of statfs(2). */
  readonly magic: number;
  /** st_dev, as makedev(3) packs it. */
  readonly dev: number;
  /** Which extended attributes it keeps, by how their names begin; none when left out. */
  readonly xattrs?: readonly string[];
  /** Whether statx(2) shows when a file was made. */
  readonly keepsBirth?: boolean;
  /** The machine's wall clock. */
  now(): Timespec;
  /** Set while somebody waits for the last open file of it: one has been closed. */
  onFileGone?: (() => void) | undefined;
}

/** What stat(2) answers. */
export interface Stat {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  readonly blksize: number;
  /** Of 512 bytes. */
  readonly blocks: number;
  readonly atime: Timespec;
  readonly mtime: Timespec;
  readonly ctime: Timespec;
  /** When it was made, where the file system remembers; only statx(2) shows it. */
  readonly btime?: Timespec;
}

const S_IXGRP = 0o010;

export const MAY_EXEC = 1;
export const MAY_WRITE = 2;
export const MAY_READ = 4;

/** Packs a device number as the C library's makedev(3) does. */
export function makedev(major: number, minor: number): number {
  return (minor & 0xff) + ((major & 0xfff) << 8) + (minor >>> 8) * 0x100000;
}

export function majorOf(dev: number): number {
  return (dev >>> 8) & 0xfff;
}

export function minorOf(dev: number): number {
  return (dev & 0xff) | ((Math.floor(dev / 0x100000) << 8) >>> 0);
}

export interface InodeAttributes {
  readonly ino: number;
  /** Type and permissions; no type bits for anonymous files. */
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly rdev?: number;
}

/** What a file is, apart from its names and from who has it open. */
export class Inode {
  readonly fs: FileSystem;
  readonly ino: number;
  mode: number;
  uid: number;
  gid: number;
  nlink = 1;
  readonly rdev: number;
  atime: Timespec;
  mtime: Timespec;
  ctime: Timespec;
  readonly #born: Timespec;
  /** Of flock(2) and fcntl(2), from the first on. */
  locks: FileLocks | undefined;
  /** Extended attributes by name, from the first on. */
  xattrs: Map<string, Uint8Array> | undefined;
  /** RWH_WRITE_LIFE_ of F_SET_RW_HINT. */
  writeHint = 0;

  constructor(fs: FileSystem, attributes: InodeAttributes) {
    this.fs = fs;
    this.ino = attributes.ino;
    this.mode = attributes.mode;
    this.uid = attributes.uid ?? 0;
    this.gid = attributes.gid ?? 0;
    this.rdev = attributes.rdev ?? 0;
    this.atime = this.mtime = this.ctime = this.#born = fs.now();
  }

  /** In bytes. */
  get size(): number {
    return 0;
  }

  get isDirectory(): boolean {
    return (this.mode & S_IFMT) === S_IFDIR;
  }

  isType(type: number): boolean {
    return (this.mode & S_IFMT) === type;
  }

  /** The file as one whose pages may be pinned: of tmpfs and its like. */
  get sealable(): SealableFile | undefined {
    return undefined;
  }

  /** Whether O_DIRECT means something for it: FMODE_CAN_ODIRECT. */
  get canDirect(): boolean {
    return false;
  }

  stat(): Stat {
    const size = this.size;
    return {
      dev: this.fs.dev,
      ino: this.ino,
      mode: this.mode,
      nlink: this.nlink,
      uid: this.uid,
      gid: this.gid,
      rdev: this.rdev,
      size,
      blksize: 4096,
      blocks: Math.ceil(size / 512),
      atime: this.atime,
      mtime: this.mtime,
      ctime: this.ctime,
      ...(this.fs.keepsBirth === true ? { btime: this.#born } : {}),
    };
  }

  /** inode_permission. @param mask of MAY_ bits @throws Errno EACCES */
  permit(credentials: Credentials, mask: number): void {
    if (isCapable(credentials)) {
      // Root may do everything but execute what nobody may execute; directories it may always search.
      if ((mask & MAY_EXEC) === 0 || this.isDirectory || (this.mode & 0o111) !== 0) return;
    } else {
      const shift = credentials.uid === this.uid ? 6 : inGroup(credentials, this.gid) ? 3 : 0;
      if (((this.mode >> shift) & mask) === mask) return;
    }
    throw new Errno(
      'EACCES',
      `mode ${(this.mode & 0o7777).toString(8).padStart(4, '0')} of uid ${this.uid} does not allow it to uid ${credentials.uid}`,
    );
  }

  isOwnedBy(credentials: Credentials): boolean {
    return isCapable(credentials) || credentials.uid === this.uid;
  }

  /** chmod(2). @throws Errno EPERM for anyone but the owner and root */
  chmod(credentials: Credentials, mode: number): void {
    if (!this.isOwnedBy(credentials)) throw new Errno('EPERM', `only uid ${this.uid} and root may change the mode`);
    let permissions = mode & 0o7777;
    if (!isCapable(credentials) && !inGroup(credentials, this.gid)) permissions &= ~S_ISGID;
    this.mode = (this.mode & S_IFMT) | permissions;
    this.ctime = this.fs.now();
  }

  /**
   * chown(2); -1 leaves an id as it is. Whoever may not change the mode may not make it lose a bit this way either, not even by
   * leaving both ids alone.
   *
   * @throws Errno EPERM
   */
  chown(credentials: Credentials, uid: number, gid: number): void {
    const lost = this.isDirectory ? 0 : this.mode & (S_ISUID | (this.losesSetgid(credentials) ? S_ISGID : 0));
    if (lost !== 0 && !this.isOwnedBy(credentials)) throw new Errno('EPERM', 'the file would lose its setuid or setgid bit');
    const mayUid = uid === -1 || isCapable(credentials) || (credentials.uid === this.uid && uid === this.uid);
    const mayGid =
      gid === -1 || isCapable(credentials) || (credentials.uid === this.uid && (gid === this.gid || inGroup(credentials, gid)));
    if (!mayUid || !mayGid) throw new Errno('EPERM', `uid ${credentials.uid} may not give the file to ${uid}:${gid}`);
    if (uid !== -1) this.uid = uid;
    if (gid !== -1) this.gid = gid;
    this.mode &= ~lost;
    this.ctime = this.fs.now();
  }

  /** setattr_should_drop_sgid. */
  protected losesSetgid(credentials: Credentials): boolean {
    return (this.mode & S_IXGRP) !== 0 || !(isCapable(credentials) || inGroup(credentials, this.gid));
  }

  /**
   * utimensat(2).
   *
   * @param atime 'now', 'omit' or a time
   * @throws Errno EPERM for given times when not the owner; EACCES for 'now' when the file may not be written either
   */
  setTimes(credentials: Credentials, atime: Timespec | 'now' | 'omit', mtime: Timespec | 'now' | 'omit'): void {
    if (atime === 'omit' && mtime === 'omit') return;
    if (!this.isOwnedBy(credentials)) {
      if (atime !== 'now' || mtime !== 'now') throw new Errno('EPERM', 'only the owner may set other times than now');
      this.permit(credentials, MAY_WRITE);
    }
    const now = this.fs.now();
    if (atime !== 'omit') this.atime = atime === 'now' ? now : atime;
    if (mtime !== 'omit') this.mtime = mtime === 'now' ? now : mtime;
    this.ctime = now;
  }
}
