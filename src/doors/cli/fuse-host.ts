/** What a mount needs of the host, for the command that mounts and for the doctor. */
import { closeSync, openSync } from 'node:fs';
import { Shim } from '../fuse/index.ts';
import { FUSE_SHIM } from './native-parts.ts';
import { findProgram } from './program.ts';

export const DEVICE_ADVICE =
  'load the module (as root: modprobe fuse); for a container start it with --device /dev/fuse --cap-add SYS_ADMIN';
export const LIBFUSE_ADVICE = 'install it (Debian: apt-get install libfuse2; Ubuntu 24.04 and newer: apt-get install libfuse2t64)';
export const FUSERMOUNT_ADVICE = 'who is not root needs it: install it (Debian and Ubuntu: apt-get install fuse3)';
export const PACKAGE_ADVICE = 'install it beside ioctopus (npm install fuse-native@2.2.6); it is made for Linux on x86-64';

/** Why the device cannot be opened, as an errno's name; undefined when it can. */
export function deviceFailure(): string | undefined {
  try {
    closeSync(openSync('/dev/fuse', 'r+'));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

/** Why libfuse 2 cannot be loaded, in the dynamic linker's words; undefined when it can. */
export function libfuseFailure(): string | undefined {
  return Shim.load(FUSE_SHIM).missing;
}

export function hasFusermount(): boolean {
  try {
    findProgram('fusermount');
    return true;
  } catch {
    return false;
  }
}
