import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Addon, loadAddon } from '../preload/index.ts';
import { Refusal } from './program.ts';

const built = (path: string) => fileURLToPath(new URL(`../../../dist/${path}`, import.meta.url));

/** Where the build puts them. */
export const ADDON = built('native/ioctopus.node');
export const LIBRARY = built('native/libioctopus.so');
/** The native part of the mount. */
export const FUSE_SHIM = built('native/fuse.node');
/** The command line's main module. */
export const MAIN = built('doors/cli/main.js');

/**
 * The server's addon, when the preload library is there, too.
 *
 * @throws Refusal when they were not built
 * @throws Error when the addon cannot be loaded
 */
export function loadNativeParts(): Addon {
  if (!existsSync(LIBRARY) || !existsSync(ADDON)) {
    throw new Refusal(
      'the native parts are not built; install a C compiler (Debian and Ubuntu: apt-get install gcc libc6-dev) and run npm install again',
    );
  }
  return loadAddon(ADDON);
}
