import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { CliProcess } from './cli-process.ts';
import { hasCompiler } from './compiler.ts';
import { LOOPBACK } from './paths.ts';
import { collect, type Ended, type EndedBy } from './run.ts';

function canMount(): boolean {
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch {
    return false;
  }
  return hasCompiler && spawnSync('ldconfig', ['-p'], { encoding: 'utf8' }).stdout?.includes('libfuse.so.2 ') === true;
}

/** Whether FUSE file systems can be mounted here; tests that need it are reported as not run when not. */
export const hasFuse = canMount();

/** A test that mounts. */
export const testWithFuse = test.skipIf(!hasFuse);

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<EndedBy>;
  /** Waits until its whole output is a text. */
  readonly shows: (text: string) => Promise<void>;
}

/** A machine that `ioctopus mount` has mounted, in a process of its own. */
export class Mounted extends CliProcess {
  readonly folder: string;

  private constructor(folder: string, options: readonly string[]) {
    super(['mount', folder, ...options]);
    this.folder = folder;
  }

  /** @param machine the options that say which @throws Error when it does not mount */
  static make({
    folder = mkdtempSync(join(tmpdir(), 'ioctopus-mount-')),
    machine = ['--board', LOOPBACK] as readonly string[],
    options = [] as readonly string[],
    ready = /is mounted at/,
  } = {}): Promise<Mounted> {
    return new Mounted(folder, [...machine, ...options]).ready(ready);
  }

  /** Starts a shell command with the mount as its folder. */
  start(command: string): Started {
    const child = spawn('sh', ['-c', command], { cwd: this.folder, stdio: 'pipe' });
    const { shown, ended } = collect(child);
    const shows = async (text: string) => {
      while (shown() !== text) await once(child.stdout, 'data');
    };
    return { child, ended, shows };
  }

  async sh(command: string): Promise<Ended> {
    const { child, ended } = this.start(command);
    child.stdin?.end();
    const { status, stdout, stderr } = await ended;
    return { status, stdout, stderr };
  }
}

/** Whether something is mounted at a folder. */
export function isMounted(folder: string): boolean {
  return spawnSync('grep', ['-q', ` ${folder} fuse`, '/proc/mounts']).status === 0;
}
