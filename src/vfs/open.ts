/** open(2): build_open_flags, path_openat and do_dentry_open of fs/open.c and fs/namei.c. */
import { Errno } from '../abi/index.ts';
import {
  O_ACCMODE,
  O_APPEND,
  O_ASYNC,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECT,
  O_DIRECTORY,
  O_DSYNC,
  O_EXCL,
  O_LARGEFILE,
  O_NOATIME,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_SYNC,
  O_TMPFILE,
  O_TRUNC,
  S_IFREG,
} from '../abi/uapi/index.ts';
import {
  type Base,
  File,
  FMODE_PREAD,
  FMODE_PWRITE,
  type Inode,
  isKernel,
  type Kernel,
  MAY_EXEC,
  MAY_READ,
  MAY_WRITE,
  type MaybeKernel,
  type Task,
} from '../kernel/index.ts';
import { Dentry, dentryOf, setDentry } from './dentry.ts';
import { newInode } from './rules.ts';
import { Symlink, type TreeInode } from './tree-inode.ts';
import { checkPath, Walk } from './walk.ts';

/** The bit of O_TMPFILE that is not O_DIRECTORY: `__O_TMPFILE`. */
const TMPFILE = O_TMPFILE & ~O_DIRECTORY;

/** VALID_OPEN_FLAGS without O_CLOEXEC, which is the descriptor's. Other bits are ignored. */
const KNOWN =
  O_ACCMODE |
  O_CREAT |
  O_EXCL |
  O_NOCTTY |
  O_TRUNC |
  O_APPEND |
  O_NONBLOCK |
  O_SYNC |
  O_DSYNC |
  O_ASYNC |
  O_DIRECT |
  O_LARGEFILE |
  O_DIRECTORY |
  O_NOFOLLOW |
  O_NOATIME |
  O_PATH |
  TMPFILE;
const KNOWN_WITH_PATH = O_DIRECTORY | O_NOFOLLOW | O_PATH;
/** What matters only while opening; F_GETFL does not show it. */
const ONLY_TO_OPEN = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC;

/** Rights that each access mode asks for. Mode 3, for ioctl only, asks for both and gives neither. */
const ACCESS = [MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE] as const;

/** build_open_flags. @returns the flags that count @throws Errno EINVAL when they contradict each other */
function checkedFlags(given: number): number {
  if ((given & O_PATH) !== 0) return given & KNOWN_WITH_PATH;
  let flags = given & KNOWN & ~O_CLOEXEC;
  if ((flags & O_CREAT) !== 0 && (flags & O_DIRECTORY) !== 0) throw new Errno('EINVAL', 'O_CREAT makes no directories');
  if ((flags & TMPFILE) !== 0) {
    if ((flags & O_DIRECTORY) === 0) throw new Errno('EINVAL', 'O_TMPFILE includes O_DIRECTORY');
    if ((flags & O_ACCMODE) === O_RDONLY) throw new Errno('EINVAL', 'O_TMPFILE must be writable');
  }
  if ((flags & (O_SYNC & ~O_DSYNC)) !== 0) flags |= O_DSYNC;
  return flags;
}

/**
 * What open(2) refuses before it takes a descriptor.
 *
 * @throws Errno EINVAL for flags that contradict each other; ENOENT, ENAMETOOLONG for the path
 */
export function checkOpen(path: string, flags: number): void {
  checkedFlags(flags);
  checkPath(path);
}

/** What was found or made. */
interface Found {
  readonly dentry: Dentry;
  readonly created: boolean;
  /** Whether it must be a directory. */
  readonly directory: boolean;
}

/**
 * @param mode of a file that is made, before the umask
 * @throws Errno EINVAL for flags that contradict each other, O_TMPFILE to read only, O_DIRECT where there is none; EEXIST; EISDIR;
 *   ENOTDIR; ELOOP; EACCES; EPERM for O_NOATIME on another's file; ENXIO for a device that nobody serves; EOPNOTSUPP for O_TMPFILE;
 *   as the walk and the driver
 */
export function open(root: Dentry, task: Task, base: Base, path: string, given: number, mode: number): MaybeKernel<File> {
  const flags = checkedFlags(given);
  // Before anything is looked for or made.
  task.system.faults.check('file', path);
  const walk = new Walk(root, task);
  if ((flags & TMPFILE) !== 0) return openTemporary(walk, task, base, path, flags, mode);
  if ((flags & O_PATH) !== 0) {
    const dentry = walk.lookup(base, path, (flags & O_NOFOLLOW) === 0, (flags & O_DIRECTORY) !== 0);
    return newFile(task, dentry, flags, {});
  }
  const { dentry, created, directory } = findOrCreate(walk, task, base, path, flags, mode);
  if ((flags & O_CREAT) !== 0) {
    if ((flags & O_EXCL) !== 0 && !created) throw new Errno('EEXIST', `${path} exists`);
    if (dentry.isDirectory) throw new Errno('EISDIR', `${path} is a directory`);
  }
  if (directory && !dentry.isDirectory) throw new Errno('ENOTDIR', `${path} is not a directory`);
  mayOpen(task, dentry, flags, created);
  return openDentry(task, dentry, flags, created);
}

/** open_last_lookups, for as many symlinks as there are at the end. */
function findOrCreate(walk: Walk, task: Task, base: Base, path: string, flags: number, mode: number): Found {
  const creates = (flags & O_CREAT) !== 0;
  let follow = (flags & O_NOFOLLOW) === 0 && !(creates && (flags & O_EXCL) !== 0);
  let directory = (flags & O_DIRECTORY) !== 0;
  walk.begin(base, path);
  for (let text: string | undefined = path; text !== undefined; ) {
    const last = walk.descend(text);
    if (last.kind === 'name' && creates) {
      if (last.slash) throw new Errno('EISDIR', `${path} ends with a slash`);
      if (walk.find(last.name) === undefined) return { dentry: create(walk.at, task, last.name, mode), created: true, directory };
    } else if (last.kind === 'name' && last.slash) follow = directory = true;
    text = walk.step(last, follow);
  }
  return { dentry: walk.at, created: false, directory };
}

function create(parent: Dentry, task: Task, name: string, mode: number): Dentry {
  const { directory } = parent;
  directory.permit(task.credentials, MAY_WRITE | MAY_EXEC);
  if (directory.create === undefined) throw new Errno('EACCES', 'the file system does not allow new files');
  directory.create(name, newInode(task, directory, S_IFREG | (mode & 0o7777)));
  return parent.lookup(name) as Dentry;
}

/** do_tmpfile. */
function openTemporary(walk: Walk, task: Task, base: Base, path: string, flags: number, mode: number): MaybeKernel<File> {
  const parent = walk.lookup(base, path, (flags & O_NOFOLLOW) === 0, true);
  const { directory } = parent;
  directory.permit(task.credentials, MAY_WRITE | MAY_EXEC);
  if (directory.temporary === undefined) throw new Errno('EOPNOTSUPP', 'the file system has no nameless files');
  const inode = directory.temporary(newInode(task, directory, S_IFREG | (mode & 0o7777)));
  return openDentry(task, new Dentry(inode, parent, `#${inode.ino}`), flags, true);
}

/** may_open. Whoever makes a file may open it in every way. */
function mayOpen(task: Task, dentry: Dentry, flags: number, created: boolean): void {
  const { inode } = dentry;
  if (inode instanceof Symlink) throw new Errno('ELOOP', `${dentry.path} is a symlink`);
  const access = created ? 0 : accessOf(flags);
  mayOpenInode(task, inode, flags, dentry.path, access);
}

const accessOf = (flags: number) => (ACCESS[flags & O_ACCMODE] as number) | ((flags & O_TRUNC) !== 0 ? MAY_WRITE : 0);

function mayOpenInode(task: Task, inode: Inode, flags: number, path: string, access = accessOf(flags)): void {
  if (inode.isDirectory && (access & MAY_WRITE) !== 0) throw new Errno('EISDIR', `${path} is a directory`);
  inode.permit(task.credentials, access);
  if ((flags & O_NOATIME) !== 0 && !inode.isOwnedBy(task.credentials)) throw new Errno('EPERM', `${path} belongs to somebody else`);
}

/** vfs_open and what comes after it. */
function openDentry(task: Task, dentry: Dentry, flags: number, created: boolean): MaybeKernel<File> {
  const file = newFile(task, dentry, flags, dentry.inode.operations);
  const truncate = !created && (flags & O_TRUNC) !== 0;
  try {
    const opening = file.ops.open?.(file, task);
    if (isKernel(opening as MaybeKernel<void>)) return opened(opening as Kernel<void>, file, task, truncate);
  } catch (error) {
    file.abandon();
    throw error;
  }
  return ready(file, task, truncate);
}

function* opened(opening: Kernel<void>, file: File, task: Task, truncate: boolean): Kernel<File> {
  try {
    yield* opening;
  } catch (error) {
    file.abandon();
    throw error;
  }
  return ready(file, task, truncate);
}

/** The driver has said yes, with all flags before it; what fails now releases the file. */
function ready(file: File, task: Task, truncate: boolean): File {
  const inode = file.inode as TreeInode;
  file.flags &= ~ONLY_TO_OPEN;
  try {
    if ((file.flags & O_DIRECT) !== 0 && !inode.canDirect) throw new Errno('EINVAL', `${file.path} has no direct I/O`);
    if (truncate && inode.isType(S_IFREG)) {
      inode.dropPrivileges(task.credentials);
      inode.truncate(0);
    }
  } catch (error) {
    file.put();
    throw error;
  }
  return file;
}

function newFile(task: Task, dentry: Dentry, flags: number, ops: File['ops']): File {
  const mode = (flags & O_PATH) !== 0 ? 0 : FMODE_PREAD | FMODE_PWRITE;
  const file = new File(task.system, { ops, inode: dentry.inode, flags, mode, isAllocated: true, path: () => dentry.path });
  setDentry(file, dentry);
  return file;
}

/**
 * Opening the link in /proc/self/fd of an open file: what has a name is opened anew, what has none cannot be (`no_open`).
 *
 * @throws Errno EINVAL for flags that contradict each other; EEXIST; ELOOP; EISDIR; ENOTDIR; EACCES; ENXIO; as {@link open}
 */
export function reopen(task: Task, file: File, given: number): MaybeKernel<File> {
  const flags = checkedFlags(given);
  task.system.faults.check('file', file.path);
  const dentry = dentryOf(file);
  const directory = file.inode.isDirectory;
  if ((flags & O_CREAT) !== 0 && (flags & O_EXCL) !== 0) throw new Errno('EEXIST', 'the link exists');
  if ((flags & O_NOFOLLOW) !== 0) throw new Errno('ELOOP', 'it is a link');
  if ((flags & O_CREAT) !== 0 && directory) throw new Errno('EISDIR', `${file.path} is a directory`);
  if ((flags & O_DIRECTORY) !== 0 && !directory) throw new Errno('ENOTDIR', `${file.path} is not a directory`);
  if ((flags & O_PATH) !== 0) {
    if (dentry !== undefined) return newFile(task, dentry, flags, {});
    return new File(task.system, { ops: {}, inode: file.inode, flags, path: () => file.path, pathOf: file, isAllocated: true });
  }
  mayOpenInode(task, file.inode, flags, file.path);
  if (dentry === undefined) throw new Errno('ENXIO', `${file.path} cannot be opened again`);
  return openDentry(task, dentry, flags, false);
}
