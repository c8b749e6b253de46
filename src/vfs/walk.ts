import { Errno } from '../abi/index.ts';
import { NAME_MAX, PATH_MAX } from '../abi/uapi/index.ts';
import { type Base, MAY_EXEC, type Task } from '../kernel/index.ts';
import { Dentry, dentryOf } from './dentry.ts';
import { Symlink, TreeInode } from './tree-inode.ts';

/** MAXSYMLINKS of linux/namei.h: so many symlinks one path may go through. */
const SYMLINKS_MAX = 40;

/** The last part of a path, which each call treats in its own way. */
export interface LastName {
  readonly kind: 'name' | 'dot' | 'dotdot' | 'root';
  readonly name: string;
  /** Something like `name/`. */
  readonly slash: boolean;
}

/** Whether a text takes more bytes than that. One character takes three at most. */
const exceeds = (text: string, bytes: number) => text.length > bytes || (text.length * 3 > bytes && Buffer.byteLength(text) > bytes);

/**
 * The argument of a call as getname takes it.
 *
 * @throws Errno ENOENT when it is empty, ENAMETOOLONG when it has no room in PATH_MAX bytes
 */
export function checkPath(path: string): void {
  if (path === '') throw new Errno('ENOENT', 'the path is empty');
  if (exceeds(path, PATH_MAX - 1)) throw new Errno('ENAMETOOLONG', `the path has ${PATH_MAX} bytes or more`);
}

/**
 * One resolution of a path with a task's rights, as `struct nameidata` of fs/namei.c. It goes to {@link at} step by step, so that
 * calls which create or open can treat the last part their own way.
 */
export class Walk {
  /** How far it has come. */
  at: Dentry;
  readonly #task: Task;
  readonly #root: Dentry;
  #path = '';
  #symlinks = 0;

  constructor(root: Dentry, task: Task) {
    this.#root = root;
    this.#task = task;
    this.at = root;
  }

  /** Goes to where a path begins. @throws Errno as {@link checkPath}, ENOTDIR when the base is not a directory */
  begin(base: Base, path: string): void {
    checkPath(path);
    this.#path = path;
    if (path.startsWith('/')) this.at = this.#root;
    else if (base === 'cwd') this.at = this.#task.fs.cwd as Dentry;
    else {
      const start = dentryOf(base);
      if (start === undefined || !start.isDirectory) throw new Errno('ENOTDIR', `${base.path} is not a directory`);
      this.at = start;
    }
  }

  /**
   * path_lookupat: goes all the way.
   *
   * @param follow whether a symlink at the end is followed; a slash behind it says so too
   * @param directory whether it must be a directory
   * @throws Errno ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG
   */
  lookup(base: Base, path: string, follow: boolean, directory = false): Dentry {
    this.begin(base, path);
    let mustFollow = follow;
    let mustBeDirectory = directory;
    for (let text: string | undefined = path; text !== undefined; ) {
      const last = this.descend(text);
      if (last.kind === 'name' && last.slash) mustFollow = mustBeDirectory = true;
      text = this.step(last, mustFollow);
    }
    if (mustBeDirectory && !this.at.isDirectory) throw this.#notDirectory();
    return this.at;
  }

  /** path_parentat: goes to the directory of the last name. @returns that name, which has not been looked at */
  parent(base: Base, path: string): LastName {
    this.begin(base, path);
    return this.descend(path);
  }

  /** link_path_walk: goes through all parts of a path but the last. @param path the call's own, or the symlink's at its end */
  descend(path: string): LastName {
    // What is left of the paths whose symlinks are being followed.
    const rest: string[] = [];
    let text = this.#intoRoot(path);
    if (text === '') return { kind: 'root', name: '', slash: false };
    for (;;) {
      this.at.inode.permit(this.#task.credentials, MAY_EXEC);
      const end = text.indexOf('/');
      const name = end < 0 ? text : text.slice(0, end);
      const behind = end < 0 ? '' : withoutSlashes(text.slice(end));
      const last: LastName = { kind: name === '.' ? 'dot' : name === '..' ? 'dotdot' : 'name', name, slash: end >= 0 };
      if (behind === '' && rest.length === 0) return last;
      text = behind === '' ? (rest.pop() as string) : behind;
      const target = this.step(last, true);
      if (target !== undefined) {
        rest.push(text);
        text = target;
      } else if (!this.at.isDirectory) throw this.#notDirectory();
    }
  }

  /**
   * walk_component: one step.
   *
   * @returns the path to go on with when it was a symlink to follow
   */
  step(last: LastName, follow: boolean): string | undefined {
    if (last.kind === 'dotdot') this.at = this.at.parent;
    if (last.kind !== 'name') return undefined;
    const child = this.find(last.name);
    if (child === undefined) throw new Errno('ENOENT', `there is no ${last.name} in ${this.at.path}`);
    const { inode } = child;
    if (!follow || !(inode instanceof Symlink)) {
      this.at = child;
      return undefined;
    }
    if (this.#symlinks++ >= SYMLINKS_MAX) throw new Errno('ELOOP', `${this.#path} leads through more than ${SYMLINKS_MAX} symlinks`);
    inode.accessed();
    const place = inode.jump?.(this.#task);
    if (place !== undefined) {
      this.at = place instanceof TreeInode ? new Dentry(place, undefined, '') : place;
      return undefined;
    }
    const target = this.#intoRoot(inode.target(this.#task));
    return target === '' ? undefined : target;
  }

  /**
   * What a name in {@link at} leads to, if anything.
   *
   * @throws Errno ENOENT when the directory has been removed, ENAMETOOLONG
   */
  find(name: string): Dentry | undefined {
    const child = this.at.lookup(name);
    if (child === undefined) {
      if (this.at.isUnlinked) throw new Errno('ENOENT', `${this.at.path} has been removed`);
      if (this.at.directory.isFixed) throw new Errno('ENOENT', `there is no ${name} in ${this.at.path}`);
      if (exceeds(name, NAME_MAX)) throw new Errno('ENAMETOOLONG', `a name has more than ${NAME_MAX} bytes`);
    }
    return child;
  }

  /** Goes to the root if a path says so. @returns it without the slashes in front */
  #intoRoot(path: string): string {
    if (!path.startsWith('/')) return path;
    this.at = this.#root;
    return withoutSlashes(path);
  }

  #notDirectory(): Errno {
    return new Errno('ENOTDIR', `${this.at.path} is not a directory`);
  }
}

function withoutSlashes(path: string): string {
  let start = 0;
  while (path[start] === '/') start++;
  return path.slice(start);
}
