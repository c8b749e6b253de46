import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { cli, root } from './paths.ts';

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface EndedBy extends Ended {
  readonly signal: NodeJS.Signals | null;
}

export interface RunSettings {
  /** Options of `ioctopus run`. */
  readonly options?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  /** Where the program starts; the project's folder when left out. */
  readonly cwd?: string;
}

/** Collects what a program prints; bytes are characters. */
export function collect(child: ChildProcessWithoutNullStreams): { readonly shown: () => string; readonly ended: Promise<EndedBy> } {
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString('latin1');
  });
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString('latin1');
  });
  const ended = new Promise<EndedBy>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
  return { shown: () => stdout, ended };
}

/** Starts a program and collects what it prints. @returns its end, and its pid */
export function start(
  command: string,
  args: readonly string[],
  settings: RunSettings = {},
): { readonly pid: number; readonly ended: Promise<Ended> } {
  const child = spawn(command, args, { cwd: settings.cwd ?? root, env: { ...process.env, ...settings.env }, stdio: 'pipe' });
  // A program may end without reading all of it.
  child.stdin.on('error', () => {});
  child.stdin.end(settings.input ?? '');
  return { pid: child.pid as number, ended: collect(child).ended.then(({ status, stdout, stderr }) => ({ status, stdout, stderr })) };
}

/** Runs a program under `ioctopus run`. Bytes of its output are characters. */
export function runNative(command: readonly string[], settings: RunSettings = {}): Promise<Ended> {
  return start(process.execPath, [cli, 'run', ...(settings.options ?? []), '--', ...command], settings).ended;
}
