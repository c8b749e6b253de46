import { readFileSync, statSync } from 'node:fs';
import { Errno } from '../../abi/index.ts';
import type { System } from '../../kernel/index.ts';
import { registerSysctl } from '../../vfs/index.ts';

const TOP = '/proc/sys/';
/** Values that are numbers stay numbers. */
const NUMBERS = /^-?\d+(\s+-?\d+)*$/;

/** The host's value; undefined when it has none, or nobody may read it. */
function valueOfHost(path: string): { readonly text: string; readonly mode: number } | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) return undefined;
  const isReadable = (stat.mode & 0o444) !== 0;
  return { text: isReadable ? readFileSync(path, 'latin1').replace(/\n$/, '') : '', mode: stat.mode & 0o777 };
}

/**
 * A value of the host's kernel that a program is about to set: from now on the machine has one of that name, which begins as the
 * host's is. So the host's stays as it is, and the program finds what it has set. Nothing else depends on it.
 *
 * @param path absolute; nothing happens for what is not below /proc/sys, is no value of the host, or is the machine's already
 */
export function adoptSysctl(system: System, path: string): void {
  if (!path.startsWith(TOP)) return;
  const parts = path.slice(TOP.length).split('/');
  const name = parts.pop() as string;
  const folder = parts.join('/');
  if (folder === '' || parts.some((part) => part === '' || part === '.' || part === '..')) return;
  const host = valueOfHost(path);
  if (host === undefined || system.vfs.namesIn(`${TOP}${folder}`).some((entry) => entry.name === name)) return;
  let { text } = host;
  const isNumeric = NUMBERS.test(text);
  const store = (given: string) => {
    const value = given.replace(/\n.*$/s, '').trim();
    if (isNumeric && !NUMBERS.test(value)) throw new Errno('EINVAL', `${path} is a number`);
    text = value;
  };
  registerSysctl(system, folder, [
    { name, mode: host.mode, isString: !isNumeric, show: () => text, ...((host.mode & 0o222) === 0 ? {} : { store }) },
  ]);
}
