import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { loadFuseNative, Shim, unmountLazily } from '../fuse/index.ts';
import { DEVICE_ADVICE, deviceFailure, FUSERMOUNT_ADVICE, hasFusermount, LIBFUSE_ADVICE, PACKAGE_ADVICE } from './fuse-host.ts';
import { FUSE_SHIM } from './native-parts.ts';
import { Refusal } from './program.ts';

/**
 * The native part, when everything else is there that a mount needs, too.
 *
 * @throws Refusal that says what is missing, and how to get it
 */
export function loadShim(): Shim {
  if (!existsSync(FUSE_SHIM)) throw new Refusal('the native part of the mount is not built; run npm install again, with a C compiler');
  const failure = deviceFailure();
  if (failure !== undefined) throw new Refusal(`/dev/fuse: ${failure}; ${DEVICE_ADVICE}`);
  const shim = Shim.load(FUSE_SHIM);
  if (shim.missing !== undefined) throw new Refusal(`libfuse 2 cannot be loaded (${shim.missing}); ${LIBFUSE_ADVICE}`);
  if (process.getuid?.() !== 0 && !hasFusermount()) throw new Refusal(`fusermount is not there; ${FUSERMOUNT_ADVICE}`);
  try {
    loadFuseNative();
  } catch (error) {
    throw new Refusal(`the package fuse-native cannot be loaded (${(error as Error).message.split('\n')[0]}); ${PACKAGE_ADVICE}`);
  }
  return shim;
}

/** What is mounted at a folder, as the kernel's list has it; the last one is on top. */
function mountedAt(folder: string): string | undefined {
  const unescaped = (text = '') => text.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').trimEnd().split('\n');
  const found = lines.map((line) => line.split(' ')).filter((fields) => unescaped(fields[4]) === Buffer.from(folder).toString('latin1'));
  const fields = found.at(-1);
  return fields?.[fields.indexOf('-') + 1];
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

/** Where a folder really is. The folder itself is not asked: its server may be dead. */
function realPlace(given: string): string {
  const path = resolve(given);
  return path === '/' ? path : join(realpathSync(dirname(path)), basename(path));
}

/**
 * The folder for a mount. A mount there whose server has died is taken away first.
 *
 * @returns its absolute path
 * @throws Refusal when it is not an empty folder, or is in use
 */
export async function takeFolder(shim: Shim, given: string): Promise<string> {
  const refuse = (why: string) => new Refusal(`${given} ${why}`);
  try {
    const place = realPlace(given);
    try {
      statSync(place);
    } catch (error) {
      if (codeOf(error) !== 'ENOTCONN') throw error;
      await unmountLazily(shim, place).catch(({ message }: Error) => {
        throw refuse(`is a mount whose server has died, and cannot be unmounted: ${message}; as root: umount -l ${given}`);
      });
    }
    const folder = realpathSync(place);
    const type = mountedAt(folder);
    if (type?.startsWith('fuse')) throw refuse(`is a mount already (${type}); end that, or choose another folder`);
    if (readdirSync(folder).length > 0) throw refuse(`is not empty; choose an empty folder, or make one: mkdir ${given}.machine`);
    return folder;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw refuse(`does not exist; make it: mkdir -p ${given}`);
    if (codeOf(error) === 'ENOTDIR') throw refuse('is not a folder; choose an empty folder');
    if (codeOf(error) === 'EACCES') throw refuse('cannot be looked into: permission denied; choose a folder of your own');
    throw error;
  }
}
