import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { CliProcess } from './cli-process.ts';
import { hasCompiler } from './compiler.ts';
import { LOOPBACK } from './paths.ts';

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

export interface Shown {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Shown & { readonly signal: NodeJS.Signals | null }>;
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
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString('latin1');
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString('latin1');
    });
    const ended = once(child, 'close').then(([status, signal]) => ({ status, signal, stdout, stderr }));
    const shows = async (text: string) => {
      while (stdout !== text) await once(child.stdout, 'data');
    };
    return { child, ended, shows };
  }

  async sh(command: string): Promise<Shown> {
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
