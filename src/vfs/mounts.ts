/** What is mounted where: do_new_mount and do_umount of fs/namespace.c. */
import { Errno } from '../abi/index.ts';
import {
  MNT_DETACH,
  MNT_EXPIRE,
  MNT_FORCE,
  MS_MGC_MSK,
  MS_MGC_VAL,
  MS_NOATIME,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RELATIME,
  MS_SILENT,
  NAME_MAX,
  PAGE_SIZE,
  ST_NOATIME,
  ST_NODEV,
  ST_NOEXEC,
  ST_NOSUID,
  ST_RELATIME,
  ST_VALID,
  UMOUNT_NOFOLLOW,
} from '../abi/uapi/index.ts';
import {
  type File,
  type FileSystem,
  finish,
  isCapable,
  type Kernel,
  majorOf,
  minorOf,
  type StatFs,
  type System,
  type Task,
} from '../kernel/index.ts';
import { type Dentry, dentryOf } from './dentry.ts';
import { type FileSystemType, fileSystemTypes } from './file-system-types.ts';
import type { Directory } from './tree-inode.ts';

/** A file system at its place. */
export interface Mount {
  readonly id: number;
  readonly root: Dentry;
  readonly source: string;
  readonly fs: FileSystem;
  /** MS_ bits. */
  readonly flags: number;
  readonly type?: FileSystemType;
}

/** What a mount may be given. Others would change answers that nothing here gives: read-only, bind, move, remount. */
const KNOWN = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_SILENT | MS_RELATIME;

const SHOWN: readonly (readonly [flag: number, option: string, st: number])[] = [
  [MS_NOSUID, 'nosuid', ST_NOSUID],
  [MS_NODEV, 'nodev', ST_NODEV],
  [MS_NOEXEC, 'noexec', ST_NOEXEC],
  [MS_NOATIME, 'noatime', ST_NOATIME],
];

/** Octal escapes of what separates fields. */
const mangle = (text: string) => text.replace(/[ \t\n\\#]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);

/** show_vfsmnt. */
function optionsOf(flags: number): string {
  const options = SHOWN.filter(([flag]) => (flags & flag) !== 0).map(([, option]) => option);
  if ((flags & MS_NOATIME) === 0) options.push('relatime');
  return ['rw', ...options].join(',');
}

/** Above those of the kernel's own mounts. */
const FIRST_ID = 20;

/** The mounts of a machine, in the order they were made. */
export class Mounts {
  readonly #system: System;
  #all: Mount[] = [];
  #nextId = FIRST_ID;
  /** Marked by a first MNT_EXPIRE. */
  readonly #expiring = new WeakSet<Mount>();

  readonly #changed: () => void;

  /** @param changed called when a mount has come or gone */
  constructor(system: System, changed: () => void) {
    this.#system = system;
    this.#changed = changed;
  }

  get all(): readonly Mount[] {
    return this.#all;
  }

  add(mount: Omit<Mount, 'id'>): void {
    this.#all.push({ ...mount, id: this.#nextId++ });
    this.#changed();
  }

  /** Files without a name lie in mounts of the kernel's own, one for each file system, numbered as these. */
  idOf(file: File): number {
    const root = dentryOf(file)?.mountRoot;
    return this.#all.find((mount) => mount.root === root)?.id ?? minorOf(file.inode.fs.dev) + 1;
  }

  /** mount(2), the path walked. @throws Errno EPERM, EINVAL, ENODEV, ENOTDIR, what the file system says */
  *mount(task: Task, source: string, at: Dentry, typeName: string, given: number, data: string): Kernel<void> {
    const flags = (given & MS_MGC_MSK) === (MS_MGC_VAL | 0) ? given & ~MS_MGC_MSK : given;
    if (!isCapable(task.credentials)) throw new Errno('EPERM', 'only root mounts');
    if ((flags & ~KNOWN) !== 0) throw new Errno('EINVAL', `mount flags 0x${(flags & ~KNOWN).toString(16)} are not known here`);
    const type = fileSystemTypes(this.#system).get(typeName);
    if (type === undefined) throw new Errno('ENODEV', `there is no file system type ${typeName}`);
    const root = yield* finish(type.mount({ source, data, task }));
    if (!at.isDirectory) {
      this.#release(type, root);
      throw new Errno('ENOTDIR', `${at.path} is not a directory`);
    }
    this.add({ root: at.mountOver(root), source, fs: root.fs, flags, type });
  }

  /** umount2(2), the path walked. @throws Errno EPERM, EINVAL, EBUSY, EAGAIN */
  umount(task: Task, at: Dentry, flags: number): void {
    if (!isCapable(task.credentials)) throw new Errno('EPERM', 'only root unmounts');
    const mount = this.#all.find(({ root }) => root === at);
    if (mount === undefined || !at.isMountPoint) throw new Errno('EINVAL', `nothing is mounted at ${at.path}`);
    if ((flags & MNT_EXPIRE) !== 0 && (flags & (MNT_FORCE | MNT_DETACH)) !== 0) throw new Errno('EINVAL', 'MNT_EXPIRE goes alone');
    const inside = this.#all.filter(({ root }) => root !== at && at.isAncestorOf(root));
    if ((flags & MNT_DETACH) === 0 && (inside.length > 0 || this.#isBusy(at))) throw new Errno('EBUSY', `${at.path} is in use`);
    if ((flags & MNT_EXPIRE) !== 0 && !this.#expiring.has(mount)) {
      this.#expiring.add(mount);
      throw new Errno('EAGAIN', `${at.path} goes the next time, if nobody uses it meanwhile`);
    }
    const gone = new Set([mount, ...inside]);
    this.#all = this.#all.filter((one) => !gone.has(one));
    for (const { root, type } of [...gone].reverse()) {
      root.unmount();
      if (type !== undefined) this.#releaseUnused(type, root);
    }
    this.#changed();
  }

  /** Flags and numbers of the mount that a name lies in. */
  statfs(dentry: Dentry): StatFs {
    const { mountRoot } = dentry;
    const mount = this.#all.find(({ root }) => root === mountRoot);
    return this.#answer(dentry.inode.fs, mount?.flags ?? 0);
  }

  statfsOf(file: File): StatFs {
    const dentry = dentryOf(file);
    return dentry === undefined ? this.#answer(file.inode.fs, 0) : this.statfs(dentry);
  }

  /** A line for each, as /proc/mounts has it. */
  *lines(): Iterable<string> {
    for (const { root, source, fs, flags } of this.#all) {
      yield `${mangle(source)} ${mangle(root.path)} ${fs.type} ${optionsOf(flags)} 0 0\n`;
    }
  }

  /** A line for each, as /proc/PID/mountinfo has it. The kernel's own root is above the first. */
  *infoLines(): Iterable<string> {
    for (const { id, root, source, fs, flags } of this.#all) {
      const above = this.#all.findLast((mount) => mount.id !== id && mount.root.isAncestorOf(root))?.id ?? 1;
      const place = `${id} ${above} ${majorOf(fs.dev)}:${minorOf(fs.dev)} / ${mangle(root.path)}`;
      yield `${place} ${optionsOf(flags)} - ${fs.type} ${mangle(source)} rw\n`;
    }
  }

  #answer({ magic, dev }: FileSystem, flags: number): StatFs {
    let st = ST_VALID | ((flags & MS_NOATIME) === 0 ? ST_RELATIME : 0);
    for (const [flag, , bit] of SHOWN) if ((flags & flag) !== 0) st |= bit;
    return { type: magic, bsize: PAGE_SIZE, namelen: NAME_MAX, flags: st, fsid: dev };
  }

  /** Whether a program works in it or has a file of it open. */
  #isBusy(at: Dentry): boolean {
    return this.#system.tasks.all().some((task) => at.isAncestorOf(task.fs.cwd as Dentry)) || this.#hasOpenFiles(at);
  }

  #hasOpenFiles(at: Dentry): boolean {
    return this.#system.ledger.live(['file']).some((file) => {
      const dentry = dentryOf(file as File);
      return dentry !== undefined && at.isAncestorOf(dentry);
    });
  }

  /** A file system that was detached lives on until its last file is closed. */
  #releaseUnused(type: FileSystemType, root: Dentry): void {
    const { fs } = root.inode;
    if (this.#hasOpenFiles(root)) {
      // After what the file's own release has put off.
      fs.onFileGone = () => this.#system.defer(`the end of ${fs.type}`, this.#releaseLater(type, root));
      return;
    }
    fs.onFileGone = undefined;
    this.#release(type, root.directory);
  }

  *#releaseLater(type: FileSystemType, root: Dentry): Kernel<void> {
    if (root.inode.fs.onFileGone !== undefined) this.#releaseUnused(type, root);
  }

  #release(type: FileSystemType, root: Directory): void {
    if (!this.#all.some((mount) => mount.root.inode === root)) type.release?.(root);
  }
}

/** Flags of umount2(2). @throws Errno EINVAL */
export function checkUnmountFlags(flags: number): void {
  if ((flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW)) !== 0) throw new Errno('EINVAL', 'unknown flags');
}
