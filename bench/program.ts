import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Quantiles } from './statistics.ts';

/** A round that takes longer hangs, in milliseconds. */
const ROUND_MAX_ms = 30_000;

/** What a program can measure, how often, and after which pause before each time. */
export interface Work {
  readonly name: string;
  readonly samples: number;
  readonly pause_ns?: number;
}

/** A program that measures rounds on demand, as `native/round.h` says; it sleeps in between. */
export class Program {
  readonly #command: readonly string[];
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #ended: Promise<string>;

  constructor(command: readonly string[]) {
    this.#command = command;
    const child = spawn(command[0] as string, command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', (status, signal) => resolve(signal ?? `status ${status}`));
    });
    // A program that has ended already shows by its missing answer.
    child.stdin.on('error', () => undefined);
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** @throws Error when the program ends instead, or does not answer in time */
  async round({ name, samples, pause_ns = 0 }: Work): Promise<Quantiles> {
    const timer = setTimeout(() => this.#child.kill(), ROUND_MAX_ms);
    this.#child.stdin?.write(`${name} ${samples} ${pause_ns}\n`);
    const answer = await this.#answers.next();
    clearTimeout(timer);
    if (answer.done) throw new Error(`${this.#command.join(' ')}: no answer to "${name}", ended with ${await this.#ended}`);
    return JSON.parse(answer.value);
  }

  /** Lets it exit, and waits until it has. */
  async end(): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), ROUND_MAX_ms);
    this.#child.stdin?.end();
    await this.#ended;
    clearTimeout(timer);
  }
}

/** Has programs at hand while something runs. */
export async function withPrograms<N extends string, T>(
  commands: Readonly<Record<N, readonly string[]>>,
  run: (programs: Readonly<Record<N, Program>>) => Promise<T>,
): Promise<T> {
  const programs = Object.fromEntries(
    Object.entries<readonly string[]>(commands).map(([name, command]) => [name, new Program(command)]),
  ) as Record<N, Program>;
  try {
    return await run(programs);
  } finally {
    await Promise.all(Object.values<Program>(programs).map((program) => program.end()));
  }
}

/** Compiles every C file of a folder into another. @param includes where headers of ours are @throws Error when one does not compile */
export function compileAll(folder: string, into: string, includes: string): void {
  const headers = [`-I${includes}`];
  const cc = process.env.CC ?? 'cc';
  for (const source of readdirSync(folder).filter((name) => name.endsWith('.c'))) {
    const out = join(into, basename(source, '.c'));
    const { status, error } = spawnSync(cc, ['-std=gnu11', '-O2', '-Wall', '-Wextra', ...headers, '-o', out, join(folder, source)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (error !== undefined) throw new Error(`no C compiler: ${error.message}`);
    if (status !== 0) throw new Error(`${cc} could not compile ${source}`);
  }
}
