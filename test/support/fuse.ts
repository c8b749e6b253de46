import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { hasCompiler } from './compiler.ts';
import { cli, root } from './paths.ts';

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

export const LOOPBACK = join(root, 'test/support/loopback-board.ts');

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
export class Mounted {
  readonly folder: string;
  readonly process: ChildProcess;
  /** What it has said so far. */
  stderr = '';

  private constructor(folder: string, board: string, options: readonly string[]) {
    this.folder = folder;
    this.process = spawn(process.execPath, [cli, 'mount', folder, '--board', board, ...options], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    this.process.stderr?.on('data', (data: Buffer) => {
      this.stderr += data.toString();
    });
  }

  /** @throws Error when it does not mount */
  static async make({
    folder = mkdtempSync(join(tmpdir(), 'ioctopus-mount-')),
    board = LOOPBACK,
    options = [] as readonly string[],
    ready = /is mounted at/,
  } = {}): Promise<Mounted> {
    const mounted = new Mounted(folder, board, options);
    await new Promise<void>((resolve, reject) => {
      mounted.process.stderr?.on('data', () => {
        if (ready.test(mounted.stderr)) resolve();
      });
      mounted.process.once('close', () => reject(new Error(mounted.stderr)));
    });
    return mounted;
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

  /** Waits until what it has said on standard error matches. */
  async said(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.stderr)) await once(this.process.stderr as NodeJS.ReadableStream, 'data');
  }

  /** @returns the exit status, or the signal that ended it */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    const closed = once(this.process, 'close');
    this.process.kill(signal);
    const [status, by] = await closed;
    return status ?? by;
  }
}

/** Whether something is mounted at a folder. */
export function isMounted(folder: string): boolean {
  return spawnSync('grep', ['-q', ` ${folder} fuse`, '/proc/mounts']).status === 0;
}
