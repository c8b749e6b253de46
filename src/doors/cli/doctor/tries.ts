import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { O_RDWR } from '../../../abi/uapi/index.ts';
import type { Addon, LimitedCall } from '../../preload/index.ts';

const IN_DELETE_SELF = 0x400;

/** A call of the host that did not do what the server needs. */
export interface Failure {
  readonly call:
    | LimitedCall
    | 'F_SETLEASE'
    | 'IN_DELETE_SELF'
    | 'pidfd_open'
    | 'process_vm_readv'
    | 'listen'
    | 'mkdtemp'
    | '/proc/PID/syscall';
  /** 0 when it answered otherwise than Linux does. */
  readonly errno: number;
}

const failed = (call: Failure['call'], result: number): Failure => ({ call, errno: -result });

const failedWith = (call: Failure['call'], error: unknown): Failure => failed(call, (error as NodeJS.ErrnoException).errno ?? 0);

/** Something that the server or the library does with the host. @returns what failed, undefined when nothing did */
export type Try = () => Failure | undefined;

/** A memory file, opened again as programs get it, while something is done with it. */
function withMemoryFile(addon: Addon, run: (fd: number) => Failure | undefined): Failure | undefined {
  const made = addon.memfd('ioctopus', 4096);
  if (made < 0) return failed('memfd_create', made);
  const fd = addon.reopen(made, O_RDWR);
  addon.close(made);
  if (fd < 0) return failed('open', fd);
  try {
    return run(fd);
  } finally {
    addon.close(fd);
  }
}

function tryMapping(addon: Addon): Failure | undefined {
  return withMemoryFile(addon, (fd) => {
    const mapped = addon.map(fd, 4096);
    if (typeof mapped === 'number') return failed('mmap', mapped);
    addon.unmap(mapped);
    return undefined;
  });
}

/** Whether the end of a memory file is reported, at once. */
function tryWatching(addon: Addon): Failure | undefined {
  const inotify = addon.inotify();
  if (inotify < 0) return failed('inotify_init1', inotify);
  try {
    const failure = withMemoryFile(addon, (fd) => {
      const watch = addon.watch(inotify, fd, IN_DELETE_SELF);
      return watch < 0 ? failed('inotify_add_watch', watch) : undefined;
    });
    return failure ?? (addon.watchEvents(inotify) === null ? failed('IN_DELETE_SELF', 0) : undefined);
  } finally {
    addon.close(inotify);
  }
}

/** Whether a lease tells when nobody else has a file. */
function tryLeases(addon: Addon): Failure | undefined {
  return withMemoryFile(addon, (fd) => {
    if (!addon.soleHolder(fd)) return failed('F_SETLEASE', 0);
    const other = addon.reopen(fd, O_RDWR);
    if (other < 0) return failed('open', other);
    const isGrantedToTwo = addon.soleHolder(fd);
    addon.close(other);
    return isGrantedToTwo ? failed('F_SETLEASE', 0) : undefined;
  });
}

function trySocket(addon: Addon): Failure | undefined {
  let folder: string;
  try {
    folder = mkdtempSync(join(tmpdir(), 'ioctopus-'));
  } catch (error) {
    return failedWith('mkdtemp', error);
  }
  try {
    const listener = addon.listen(join(folder, 'socket'));
    if (listener < 0) return failed('listen', listener);
    addon.close(listener);
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether the call can be seen in which a program waits that was started here. */
export function tryChildCall(): Failure | undefined {
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  child.once('error', () => undefined);
  try {
    readFileSync(`/proc/${child.pid}/syscall`);
    return undefined;
  } catch (error) {
    return failedWith('/proc/PID/syscall', error);
  } finally {
    child.kill('SIGKILL');
  }
}

function tryDoorbell(addon: Addon): Failure | undefined {
  const bell = addon.event();
  if (bell < 0) return failed('eventfd', bell);
  addon.close(bell);
  return undefined;
}

function answered(call: Failure['call'], result: number): Failure | undefined {
  return result < 0 ? failed(call, result) : undefined;
}

/** Everything that is tried of the host through the server's addon. */
export interface Tries {
  readonly memoryFiles: Try;
  readonly watching: Try;
  readonly leases: Try;
  readonly socket: Try;
  readonly doorbell: Try;
  readonly peer: Try;
  readonly ownMemory: Try;
}

export function triesOf(addon: Addon): Tries {
  return {
    memoryFiles: () => tryMapping(addon),
    watching: () => tryWatching(addon),
    leases: () => tryLeases(addon),
    socket: () => trySocket(addon),
    doorbell: () => tryDoorbell(addon),
    peer: () => answered('pidfd_open', addon.tryPeer()),
    ownMemory: () => answered('process_vm_readv', addon.tryOwnMemory()),
  };
}
