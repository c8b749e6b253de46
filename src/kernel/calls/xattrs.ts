/** Extended attributes: fs/xattr.c. */
import { Errno } from '../../abi/index.ts';
import {
  O_NOFOLLOW,
  O_PATH,
  S_IFDIR,
  S_IFREG,
  XATTR_CREATE,
  XATTR_LIST_MAX,
  XATTR_NAME_MAX,
  XATTR_REPLACE,
  XATTR_SIZE_MAX,
} from '../../abi/uapi/index.ts';
import { finish, type Kernel } from '../colour.ts';
import { isCapable } from '../credentials.ts';
import { type Inode, MAY_READ, MAY_WRITE } from '../inode.ts';
import type { Task } from '../task.ts';
import { copyFromUser, copyStringFromUser, copyToUser } from '../user-memory.ts';
import { fileOf } from './lookup.ts';

/** import_xattr_name. @throws Errno EFAULT; ERANGE for an empty name or one that is too long */
function* importName(task: Task, address: number): Kernel<string> {
  const name = yield* copyStringFromUser(task.memory, address, XATTR_NAME_MAX + 1);
  if (name === undefined || name.length === 0) throw new Errno('ERANGE', 'the name is empty or too long');
  return String.fromCharCode(...name);
}

/** xattr_permission, then xattr_resolve_name. @throws Errno EPERM, ENODATA, EACCES; EOPNOTSUPP where no such attributes are kept */
function check(task: Task, inode: Inode, name: string, mask: number): void {
  const writes = mask === MAY_WRITE;
  if (name.startsWith('trusted.') && !isCapable(task.credentials)) throw new Errno(writes ? 'EPERM' : 'ENODATA', 'only root may');
  if (name.startsWith('user.') && !inode.isType(S_IFREG) && !inode.isType(S_IFDIR)) {
    throw new Errno(writes ? 'EPERM' : 'ENODATA', 'only regular files and directories have attributes of the user');
  }
  if (!name.startsWith('security.') && !name.startsWith('system.') && !name.startsWith('trusted.')) inode.permit(task.credentials, mask);
  if (!(inode.fs.xattrs ?? []).some((prefix) => name.startsWith(prefix))) throw new Errno('EOPNOTSUPP', `the file system has no ${name}`);
}

/** Gives a value or list out. @returns its length; with no room only that @throws Errno ERANGE when the room is too small, EFAULT */
function* giveOut(task: Task, bytes: Uint8Array, address: number, room: number): Kernel<number> {
  if (room === 0) return bytes.length;
  if (bytes.length > room) throw new Errno('ERANGE', `${bytes.length} bytes do not fit into ${room}`);
  if (bytes.length > 0) yield* copyToUser(task.memory, address, bytes);
  return bytes.length;
}

/** fgetxattr(2). @throws Errno EBADF, EFAULT, ERANGE, ENODATA, EOPNOTSUPP, EACCES */
export function fgetxattr(task: Task, fd: number, nameAddress: number, address: number, room: number): Kernel<number> {
  return getxattrOf(task, fileOf(task, fd).inode, nameAddress, address, room);
}

function* getxattrOf(task: Task, inode: Inode, nameAddress: number, address: number, room: number): Kernel<number> {
  const name = yield* importName(task, nameAddress);
  check(task, inode, name, MAY_READ);
  const value = inode.xattrs?.get(name);
  if (value === undefined) throw new Errno('ENODATA', `there is no ${name}`);
  return yield* giveOut(task, value, address, room);
}

/** fsetxattr(2). @throws Errno EBADF; EINVAL for unknown flags; EFAULT; ERANGE; E2BIG; EPERM; EOPNOTSUPP; EEXIST; ENODATA */
export function* fsetxattr(task: Task, fd: number, nameAddress: number, address: number, size: number, flags: number): Kernel<number> {
  const { inode } = fileOf(task, fd);
  if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) !== 0) throw new Errno('EINVAL', 'unknown flags');
  const name = yield* importName(task, nameAddress);
  if (size < 0 || size > XATTR_SIZE_MAX) throw new Errno('E2BIG', `a value has at most ${XATTR_SIZE_MAX} bytes`);
  const value = size === 0 ? new Uint8Array(0) : yield* copyFromUser(task.memory, address, size);
  check(task, inode, name, MAY_WRITE);
  const exists = inode.xattrs?.has(name) ?? false;
  if (exists && (flags & XATTR_CREATE) !== 0) throw new Errno('EEXIST', `there is ${name} already`);
  if (!exists && (flags & XATTR_REPLACE) !== 0) throw new Errno('ENODATA', `there is no ${name}`);
  inode.xattrs ??= new Map();
  inode.xattrs.set(name, value);
  inode.ctime = inode.fs.now();
  return 0;
}

/** flistxattr(2). @throws Errno EBADF, ERANGE, EFAULT */
export function flistxattr(task: Task, fd: number, address: number, room: number): Kernel<number> {
  return listxattrOf(task, fileOf(task, fd).inode, address, room);
}

function* listxattrOf(task: Task, inode: Inode, address: number, room: number): Kernel<number> {
  const names = [...(inode.xattrs?.keys() ?? [])].filter((name) => !name.startsWith('trusted.') || isCapable(task.credentials));
  const list = Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1');
  return yield* giveOut(task, list, address, Math.min(room, XATTR_LIST_MAX));
}

/** fremovexattr(2). @throws Errno EBADF, EFAULT, ERANGE, EPERM, EOPNOTSUPP, ENODATA */
export function* fremovexattr(task: Task, fd: number, nameAddress: number): Kernel<number> {
  const { inode } = fileOf(task, fd);
  const name = yield* importName(task, nameAddress);
  check(task, inode, name, MAY_WRITE);
  if (!inode.xattrs?.delete(name)) throw new Errno('ENODATA', `there is no ${name}`);
  inode.ctime = inode.fs.now();
  return 0;
}

/** The inode of a path. @param follow whether the last name is followed if it is a link */
function* inodeAt(task: Task, path: string, follow: boolean): Kernel<Inode> {
  const file = yield* finish(task.system.vfs.open(task, 'cwd', path, follow ? O_PATH : O_PATH | O_NOFOLLOW, 0));
  const { inode } = file;
  file.put();
  return inode;
}

/** getxattr(2), lgetxattr(2). @throws Errno as {@link fgetxattr}; as the walk */
export function* getxattr(task: Task, path: string, follow: boolean, nameAddress: number, address: number, room: number): Kernel<number> {
  return yield* getxattrOf(task, yield* inodeAt(task, path, follow), nameAddress, address, room);
}

/** listxattr(2), llistxattr(2). @throws Errno as {@link flistxattr}; as the walk */
export function* listxattr(task: Task, path: string, follow: boolean, address: number, room: number): Kernel<number> {
  return yield* listxattrOf(task, yield* inodeAt(task, path, follow), address, room);
}
