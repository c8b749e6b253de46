import { Buffer } from 'node:buffer';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The longest path of a server's folder, in bytes: what `struct door` in native-shims/preload/preload.h has room for. */
export const FOLDER_MAX = 95;

/** Bytes of the path of a server's folder in a temporary folder. */
export function folderLength(temporary: string): number {
  return Buffer.byteLength(join(temporary, 'ioctopus-XXXXXX'));
}

/**
 * Makes a folder for a server, private to the user.
 *
 * @throws Error when the temporary folder is not there, or its path is too long for the library
 */
export function makeFolder(): string {
  if (folderLength(tmpdir()) > FOLDER_MAX) throw new Error(`${tmpdir()} is too long a path; set TMPDIR to a shorter one`);
  return mkdtempSync(join(tmpdir(), 'ioctopus-'));
}
