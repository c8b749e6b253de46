import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { S_ISGID, S_ISUID } from '../../abi/uapi/index.ts';

/** Why a program cannot be run under the preload library: one line for people. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

const PT_INTERP = 3;
const ELF_HEADER_SIZE = 64;
const EM_X86_64 = 62;
const EM_AARCH64 = 183;
const MACHINES: Readonly<Record<string, number>> = { x64: EM_X86_64, arm64: EM_AARCH64 };
/** Scripts whose interpreters are scripts. */
const SCRIPT_DEPTH_MAX = 4;

/** Where execvp(3) would find a command. @throws Refusal when it would not */
export function findProgram(command: string, path = process.env.PATH ?? '/bin:/usr/bin'): string {
  const candidates = command.includes('/') ? [command] : path.split(delimiter).map((folder) => join(folder || '.', command));
  let denied = false;
  for (const candidate of candidates) {
    try {
      // Throws, too, in a folder that may not be searched.
      const stat = statSync(candidate, { throwIfNoEntry: false });
      if (stat === undefined || stat.isDirectory()) continue;
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      denied = true;
    }
  }
  throw new Refusal(denied ? `${command}: permission denied` : `${command}: not found`);
}

function readStart(path: string, length: number, at = 0): Buffer {
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(fd, buffer, 0, length, at));
  } finally {
    closeSync(fd);
  }
}

/** The dynamic linker that an ELF file asks for; undefined for a static program. */
function interpreterOf(path: string, header: Buffer): string | undefined {
  const offset = Number(header.readBigUInt64LE(32));
  const entrySize = header.readUInt16LE(54);
  const entries = header.readUInt16LE(56);
  const table = readStart(path, entrySize * entries, offset);
  for (let at = 0; at + entrySize <= table.length; at += entrySize) {
    if (table.readUInt32LE(at) !== PT_INTERP) continue;
    const name = readStart(path, Number(table.readBigUInt64LE(at + 32)), Number(table.readBigUInt64LE(at + 8)));
    return name.toString('latin1').replace(/\0.*$/s, '');
  }
  return undefined;
}

/**
 * Checks that the dynamic linker will load the preload library into a program, following scripts to their interpreters.
 *
 * @param path of the file that will be executed
 * @throws Refusal for what cannot be served: static, setuid, foreign C library, other processor
 */
export function assertServable(path: string, depth = 0): void {
  const stat = statSync(path);
  const changesUser = (stat.mode & S_ISUID) !== 0 && stat.uid !== process.getuid?.();
  const changesGroup = (stat.mode & S_ISGID) !== 0 && stat.gid !== process.getgid?.();
  if (changesUser || changesGroup)
    throw new Refusal(`${path}: runs as another user (setuid), so the system does not load a preload library into it`);
  const header = readStart(path, ELF_HEADER_SIZE);
  if (header.subarray(0, 2).toString('latin1') === '#!') {
    const line = readStart(path, 256).toString('utf8').slice(2).split('\n')[0] ?? '';
    const interpreter = line.trim().split(/\s+/)[0] ?? '';
    if (depth >= SCRIPT_DEPTH_MAX) throw new Refusal(`${path}: too many interpreters of interpreters`);
    assertServable(findProgram(interpreter), depth + 1);
    return;
  }
  if (header.subarray(0, 4).toString('latin1') !== '\x7fELF' || header.length < ELF_HEADER_SIZE) {
    throw new Refusal(`${path}: neither an ELF program nor a script with an interpreter`);
  }
  if (header[4] !== 2) throw new Refusal(`${path}: a 32-bit program; only 64-bit ones are served`);
  if (header.readUInt16LE(18) !== MACHINES[process.arch]) throw new Refusal(`${path}: made for another processor`);
  const interpreter = interpreterOf(path, header);
  if (interpreter === undefined) throw new Refusal(`${path}: statically linked, so no preload library can be loaded into it`);
  if (!/\/ld-linux[^/]*$/.test(interpreter)) throw new Refusal(`${path}: uses ${interpreter}, not the GNU C library`);
}
