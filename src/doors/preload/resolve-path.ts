import type { Task } from '../../kernel/index.ts';

/** MAXSYMLINKS of linux/namei.h. */
const SYMLINKS_MAX = 40;

const parentOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/**
 * Where a path leads whose links are the machine's: sysfs has many that lead from an emulated device to a folder that programs share
 * with the host.
 *
 * @param path absolute
 * @param follow whether the last name is followed if it is a link
 * @param isEmulated whether a path is the machine's; the links of others have been followed by the library
 * @returns an absolute path without `.`, `..` and links of the machine; the path itself when it cannot be walked: the call that uses it
 *   says why
 */
export function resolvePath(task: Task, path: string, follow: boolean, isEmulated: (path: string) => boolean): string {
  const { vfs } = task.system;
  const isFolder = /\/\.?$/.test(path);
  const rest = path.split('/').reverse();
  let at = '';
  let links = 0;
  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      at = parentOf(at);
      continue;
    }
    at = `${at}/${name}`;
    const isLast = rest.every((part) => part === '');
    if (!isEmulated(at) || (isLast && !follow && !isFolder)) continue;
    const target = linkAt(task, at);
    if (target !== undefined) {
      if (++links > SYMLINKS_MAX) return path;
      at = target.startsWith('/') ? '' : parentOf(at);
      rest.push(...target.split('/').reverse());
    } else if (!isLast) {
      try {
        vfs.access(task, 'cwd', `${at}/.`, 0);
      } catch {
        return path;
      }
    }
  }
  return at === '' ? '/' : isFolder ? `${at}/` : at;
}

/** The target of a symlink; undefined for anything else. */
function linkAt(task: Task, path: string): string | undefined {
  try {
    return task.system.vfs.readlink(task, 'cwd', path);
  } catch {
    return undefined;
  }
}
