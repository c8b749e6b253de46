/** Calls that make, remove and move names: the do_ and vfs_ functions of fs/namei.c, with their order of checks. */
import { Errno } from '../abi/index.ts';
import { S_IFDIR, S_IFLNK } from '../abi/uapi/index.ts';
import { type Base, isKernel, type Kernel, MAY_WRITE, type MaybeKernel, type Task } from '../kernel/index.ts';
import type { Dentry } from './dentry.ts';
import { mayCreate, mayDelete, newInode } from './rules.ts';
import { checkPath, Walk } from './walk.ts';

const unsupported = (what: string) => new Errno('EPERM', `the file system does not allow ${what}`);

/** filename_create: where a new name is to be. @param directory whether a slash may follow it */
function placeFor(root: Dentry, task: Task, base: Base, path: string, directory: boolean): { parent: Dentry; name: string } {
  const walk = new Walk(root, task);
  const last = walk.parent(base, path);
  if (last.kind !== 'name' || walk.find(last.name) !== undefined) throw new Errno('EEXIST', `${path} exists`);
  if (last.slash && !directory) throw new Errno('ENOENT', `the directory ${path} does not exist`);
  return { parent: walk.at, name: last.name };
}

/** mkdir(2). @throws Errno EEXIST, EPERM where the file system does not allow it, as the walk */
export function mkdir(root: Dentry, task: Task, base: Base, path: string, mode: number): MaybeKernel<unknown> {
  const { parent, name } = placeFor(root, task, base, path, true);
  mayCreate(task.credentials, parent);
  const { directory } = parent;
  if (directory.mkdir === undefined) throw unsupported('mkdir');
  return directory.mkdir(name, newInode(task, directory, S_IFDIR | (mode & 0o1777)));
}

/** symlink(2). @throws Errno EEXIST, ENOENT and ENAMETOOLONG for the target too, EPERM, as the walk */
export function symlink(root: Dentry, task: Task, target: string, base: Base, path: string): MaybeKernel<unknown> {
  checkPath(target);
  const { parent, name } = placeFor(root, task, base, path, false);
  mayCreate(task.credentials, parent);
  const { directory } = parent;
  if (directory.symlink === undefined) throw unsupported('symlinks');
  const attributes = newInode(task, directory, S_IFLNK | 0o777);
  const resolve = () => new Walk(root, task).lookup('cwd', target, true, true).inode;
  return directory.symlink(name, target, { ...attributes, mode: S_IFLNK | 0o777 }, resolve);
}

/** link(2). @param follow whether a symlink `from` is followed @throws Errno EEXIST, EXDEV, EPERM for directories, as the walk */
export function link(root: Dentry, task: Task, fromBase: Base, from: string, toBase: Base, to: string, follow: boolean): void {
  const { inode } = new Walk(root, task).lookup(fromBase, from, follow);
  const { parent, name } = placeFor(root, task, toBase, to, false);
  if (inode.fs !== parent.inode.fs) throw new Errno('EXDEV', `${from} and ${to} are on different file systems`);
  mayCreate(task.credentials, parent);
  const { directory } = parent;
  if (directory.link === undefined || inode.isDirectory) throw unsupported('such a link');
  if (inode.nlink === 0) throw new Errno('ENOENT', `${from} has been removed`);
  directory.link(name, inode);
}

/** unlink(2). @throws Errno EISDIR, ENOTDIR for a slash behind a file, EPERM, EBUSY, as the walk */
export function unlink(root: Dentry, task: Task, base: Base, path: string): MaybeKernel<void> {
  const walk = new Walk(root, task);
  const last = walk.parent(base, path);
  if (last.kind !== 'name') throw new Errno('EISDIR', `${path} is a directory`);
  const victim = existing(walk, last.name);
  if (last.slash) throw new Errno(victim.isDirectory ? 'EISDIR' : 'ENOTDIR', `${path} ends with a slash`);
  mayDelete(task.credentials, walk.at, victim, false);
  const { directory } = walk.at;
  if (directory.unlink === undefined) throw unsupported('unlink');
  return forgetting(walk.at, last.name, directory.unlink(last.name, victim.inode));
}

/** rmdir(2). @throws Errno ENOTEMPTY (also for `..`), EINVAL for `.`, EBUSY for `/` and mounts, ENOTDIR, EPERM, as the walk */
export function rmdir(root: Dentry, task: Task, base: Base, path: string): MaybeKernel<void> {
  const walk = new Walk(root, task);
  const last = walk.parent(base, path);
  if (last.kind === 'dotdot') throw new Errno('ENOTEMPTY', `${path} ends with ..`);
  if (last.kind === 'dot') throw new Errno('EINVAL', `${path} ends with .`);
  if (last.kind === 'root') throw new Errno('EBUSY', 'the root cannot be removed');
  const victim = existing(walk, last.name);
  mayDelete(task.credentials, walk.at, victim, true);
  const { directory } = walk.at;
  if (directory.rmdir === undefined) throw unsupported('rmdir');
  refuseMount(victim);
  refuseMountsIn(victim);
  return forgetting(walk.at, last.name, directory.rmdir(last.name, victim.directory));
}

/**
 * rename(2).
 *
 * @throws Errno EXDEV; EBUSY for `.`, `..` and mounts; EINVAL into itself; ENOTEMPTY; ENOTDIR, EISDIR when the types do not fit; EPERM
 *   in sticky directories or where the file system does not allow it; as the walk
 */
export function rename(root: Dentry, task: Task, fromBase: Base, from: string, toBase: Base, to: string): void {
  const { credentials } = task;
  const source = new Walk(root, task);
  const last = source.parent(fromBase, from);
  const target = new Walk(root, task);
  const newLast = target.parent(toBase, to);
  const [oldParent, newParent] = [source.at, target.at];
  if (oldParent.inode.fs !== newParent.inode.fs) throw new Errno('EXDEV', `${from} and ${to} are on different file systems`);
  if (last.kind !== 'name' || newLast.kind !== 'name') throw new Errno('EBUSY', 'a path ends with ., .. or nothing');

  const moved = existing(source, last.name);
  const replaced = target.find(newLast.name);
  if (!moved.isDirectory && (last.slash || newLast.slash)) throw new Errno('ENOTDIR', `${from} is not a directory`);
  const otherParent = oldParent !== newParent;
  if (otherParent && moved.isAncestorOf(newParent)) throw new Errno('EINVAL', `${to} lies in ${from}`);
  if (otherParent && replaced?.isAncestorOf(oldParent)) throw new Errno('ENOTEMPTY', `${from} lies in ${to}`);

  if (moved.inode === replaced?.inode) return;
  mayDelete(credentials, oldParent, moved, moved.isDirectory);
  if (replaced === undefined) mayCreate(credentials, newParent);
  else mayDelete(credentials, newParent, replaced, moved.isDirectory);
  if (oldParent.directory.rename === undefined) throw unsupported('renames');
  // `..` in it changes.
  if (otherParent && moved.isDirectory) moved.inode.permit(credentials, MAY_WRITE);
  refuseMount(moved);
  if (replaced !== undefined) {
    refuseMount(replaced);
    refuseMountsIn(replaced);
  }
  oldParent.directory.rename(last.name, moved.inode, newParent.directory, newLast.name, replaced?.inode);
  moved.moveTo(newParent, newLast.name);
}

/** Lets go of a name once the file system has removed it. */
function forgetting(parent: Dentry, name: string, removing: MaybeKernel<void>): MaybeKernel<void> {
  if (isKernel(removing)) return forgettingLater(parent, name, removing);
  parent.forget(name);
}

function* forgettingLater(parent: Dentry, name: string, removing: Kernel<void>): Kernel<void> {
  yield* removing;
  parent.forget(name);
}

function existing(walk: Walk, name: string): Dentry {
  const found = walk.find(name);
  if (found === undefined) throw new Errno('ENOENT', `there is no ${name} in ${walk.at.path}`);
  return found;
}

function refuseMount(dentry: Dentry): void {
  if (dentry.isMountPoint) throw new Errno('EBUSY', `a file system is mounted at ${dentry.path}`);
}

/** The names of mounts are names in the directory, even if its file system does not know them. */
function refuseMountsIn(dentry: Dentry): void {
  if (dentry.hasForeignMounts) throw new Errno('ENOTEMPTY', `file systems are mounted in ${dentry.path}`);
}
