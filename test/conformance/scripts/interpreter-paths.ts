import { S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG } from '../../../src/abi/uapi/index.ts';
import type { Sys } from '../../../src/doors/in-process/index.ts';
import type { DirectoryEntry } from '../../../src/kernel/index.ts';

const LETTERS: Readonly<Record<number, string>> = { [S_IFDIR]: 'd', [S_IFREG]: 'r', [S_IFLNK]: 'l', [S_IFCHR]: 'c' };

const show = (entries: readonly DirectoryEntry[]) => entries.map(({ name, type }) => ` ${name}:${LETTERS[type] ?? '?'}`).join('');

/** The calls of paths.h. @returns undefined for another call */
export function callOnPath(
  sys: Sys<'sync'>,
  call: string,
  [w0 = '', w1 = '']: readonly string[],
  [a0 = 0, a1 = 0, a2 = 0]: readonly number[],
): [result: number, shown: string] | undefined {
  const plain = (result: number): [number, string] => [result, ''];
  switch (call) {
    case 'access':
      return plain(sys.access(w0, a1));
    case 'mkdir':
      return plain(sys.mkdir(w0, a1));
    case 'rmdir':
      return plain(sys.rmdir(w0));
    case 'unlink':
      return plain(sys.unlink(w0));
    case 'symlink':
      return plain(sys.symlink(w0, w1));
    case 'link':
      return plain(sys.link(w0, w1));
    case 'rename':
      return plain(sys.rename(w0, w1));
    case 'chmod':
      return plain(sys.chmod(w0, a1));
    case 'chown':
      return plain(sys.chown(w0, a1, a2));
    case 'truncate':
      return plain(sys.truncate(w0, a1));
    case 'chdir':
      return plain(sys.chdir(w0));
    case 'mount':
      return plain(sys.mount('none', w1, w0, a2));
    case 'umount':
      return plain(sys.umount(w0, a1));
    case 'getcwd':
      return [0, ` ${sys.getcwd()}`];
    case 'readlink': {
      const target = sys.readlink(w0);
      return [Buffer.byteLength(target), ` ${target}`];
    }
    case 'list': {
      const fd = sys.open(w0, 0x10000);
      const shown = show(sys.getdents(fd));
      sys.close(fd);
      return [0, shown];
    }
    case 'getdents': {
      const { entries, bytes } = sys.getdents64(a0, a1);
      return [bytes, show(entries)];
    }
    case 'statfs': {
      const { type, bsize, namelen, flags } = sys.statfs(w0);
      return [0, ` type=0x${type.toString(16)} bsize=${bsize} namelen=${namelen} flags=0x${flags.toString(16)}`];
    }
    case 'uid':
      sys.setCredentials({ uid: a0, gid: a0, groups: [] });
      return plain(0);
    default:
      return undefined;
  }
}
