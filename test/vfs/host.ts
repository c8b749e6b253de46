import fs from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import type { Credentials } from '../../src/kernel/index.ts';

/** A folder on a tmpfs of the machine that the tests run on, to compare with. */
export class HostTmpfs {
  static readonly isAvailable = fs.existsSync('/dev/shm') && fs.statfsSync('/dev/shm').type === 0x01021994;
  /** Whether calls can be made as another user for a moment. */
  static readonly canSwitch = isMainThread && process.geteuid?.() === 0;
  /** Whether a setting that changes what strangers may do is on, as `protected_hardlinks`; Linux itself has them off. */
  static isProtected(name: string): boolean {
    return fs.readFileSync(`/proc/sys/fs/${name}`, 'latin1').trim() !== '0';
  }

  /** Who the tests run as. */
  static readonly identity: Credentials = {
    uid: process.geteuid?.() ?? 0,
    gid: process.getegid?.() ?? 0,
    groups: (process.getgroups?.() ?? []).filter((gid) => gid !== process.getegid?.()),
  };

  readonly #top = fs.mkdtempSync('/dev/shm/ioctopus-');
  /** Several folders down, so that paths with `..` do not get out. */
  readonly path: string;

  constructor(below: string) {
    fs.chmodSync(this.#top, 0o755);
    this.path = this.#top + below;
    fs.mkdirSync(this.path, { recursive: true });
  }

  remove(): void {
    if (process.geteuid?.() !== 0) makeSearchable(this.#top);
    fs.rmSync(this.#top, { recursive: true, force: true });
  }
}

function makeSearchable(folder: string): void {
  fs.chmodSync(folder, 0o700);
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) makeSearchable(`${folder}/${entry.name}`);
  }
}

/** Runs host calls as somebody else. The real uid stays, so access(2) must not be among them. */
export function asUser<T>(who: Credentials, run: () => T): T {
  const groups = process.getgroups?.() ?? [];
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  if (who.uid === uid) return run();
  process.setgroups?.([...who.groups]);
  process.setegid?.(who.gid);
  process.seteuid?.(who.uid);
  try {
    return run();
  } finally {
    process.seteuid?.(uid);
    process.setegid?.(gid);
    process.setgroups?.(groups);
  }
}
