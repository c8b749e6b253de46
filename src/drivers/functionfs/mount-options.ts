/** ffs_fs_parse_param of f_fs.c, and what fs/fs_context.c does before it. */
import { Errno } from '../../abi/index.ts';
import { S_IFDIR, S_IFREG } from '../../abi/uapi/index.ts';
import { kstrtouint } from '../../kernel/index.ts';

export interface MountOptions {
  /** Whether closing the last file leaves the gadget at its controller. */
  readonly noDisconnect: boolean;
  /** With S_IFDIR. */
  readonly rootMode: number;
  /** With S_IFREG. */
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

const ROOT_BITS = 0o555;
const FILE_BITS = 0o666;
const BOOLEANS: Readonly<Record<string, boolean>> = { '0': false, false: false, no: false, '1': true, true: true, yes: true };
/** Flags that every file system takes, with any value, and that change nothing here. */
const GENERIC = new Set(['async', 'dirsync', 'lazytime', 'mand', 'nolazytime', 'nomand', 'rw', 'sync']);

const invalid = (text: string) => new Errno('EINVAL', `the mount option "${text}" is not valid`);

function boolean(value: string | undefined, text: string): boolean {
  const known = value === undefined ? undefined : BOOLEANS[value];
  if (known === undefined) throw invalid(text);
  return known;
}

function number(value: string | undefined, text: string): number {
  try {
    return kstrtouint(value ?? '');
  } catch {
    throw invalid(text);
  }
}

function id(value: string | undefined, text: string): number {
  const parsed = number(value, text);
  if (parsed === 0xffffffff) throw invalid(text);
  return parsed;
}

/**
 * Reads `a=1,b=2`; later options win.
 *
 * @throws Errno EINVAL for what is unknown, has no value, or one that does not fit
 */
export function parseOptions(data: string): MountOptions {
  const options = { noDisconnect: false, rootMode: S_IFDIR | 0o500, fileMode: S_IFREG | 0o600, uid: 0, gid: 0 };
  for (const text of data.split(',')) {
    const equals = text.indexOf('=');
    // `=x` has no name, and is skipped as the empty option is.
    if (text === '' || equals === 0) continue;
    const key = equals < 0 ? text : text.slice(0, equals);
    const value = equals < 0 ? undefined : text.slice(equals + 1);
    if (GENERIC.has(key)) continue;
    if (key === 'no_disconnect') options.noDisconnect = boolean(value, text);
    else if (key === 'uid') options.uid = id(value, text);
    else if (key === 'gid') options.gid = id(value, text);
    else if (key === 'rmode' || key === 'fmode' || key === 'mode') {
      const mode = number(value, text);
      if (key !== 'fmode') options.rootMode = S_IFDIR | (mode & ROOT_BITS);
      if (key !== 'rmode') options.fileMode = S_IFREG | (mode & FILE_BITS);
    } else throw invalid(text);
  }
  return options;
}
