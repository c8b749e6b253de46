import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cli, root } from './paths.ts';

/** A command of `ioctopus` that goes on until it is ended, in a process of its own. */
export class CliProcess {
  readonly process: ChildProcess;
  /** What it has said so far. */
  stderr = '';

  protected constructor(args: readonly string[]) {
    this.process = spawn(process.execPath, [cli, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'pipe'] });
    this.process.stderr?.on('data', (data: Buffer) => {
      this.stderr += data.toString();
    });
  }

  /** Waits until it says that it is ready. @throws Error with what it said, when it ends before */
  protected async ready(pattern: RegExp): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.process.stderr?.on('data', () => {
        if (pattern.test(this.stderr)) resolve();
      });
      this.process.once('close', () => reject(new Error(this.stderr)));
    });
    return this;
  }

  /** Waits until what it has said on standard error matches. */
  async said(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.stderr)) await once(this.process.stderr as NodeJS.ReadableStream, 'data');
  }

  /** @returns the exit status, or the signal that ended it */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    const closed = this.ended();
    this.process.kill(signal);
    return closed;
  }

  /** Waits for its end. */
  async ended(): Promise<number | NodeJS.Signals> {
    const [status, by] = await once(this.process, 'close');
    return status ?? by;
  }
}
