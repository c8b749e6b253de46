import { spawn } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { BrokenRules, type Fault, type Finding, formatFault, formatFinding, Leak, type TraceLine } from '../../kernel/index.ts';
import { type Board, type HostTime, Machine, Pacer } from '../../machine/index.ts';
import type { Eviction } from '../../memory/index.ts';
import type { LauncherWelcome } from '../connect/index.ts';
import { type Addon, PreloadServer, type PreloadServerOptions, SharedMemoryProvider } from '../preload/index.ts';
import { findBoard } from './boards.ts';
import { join } from './join.ts';
import { LIBRARY, loadNativeParts } from './native-parts.ts';
import { assertServable, findProgram, Refusal } from './program.ts';

/** Which machine, what fails in it, and what to print of its calls. */
export interface BootOptions {
  readonly board: string;
  readonly seed: number;
  readonly strace?: boolean;
  /** `off` when left out. */
  readonly eviction?: Eviction;
  readonly fault?: readonly Fault[];
  readonly strict?: boolean;
}

export interface RunOptions extends BootOptions {
  readonly time: 'real' | 'warp';
  /** The socket of a server whose machine is joined, instead of booting one. */
  readonly connect?: string;
}

/** Exit status when the program was not run. */
export const EXIT_REFUSED = 125;
/** Exit status of a strict run whose program went well, but broke a rule of the kernel or left something. */
export const EXIT_BROKEN_RULES = 123;

/** What setTimeout can count to: a longer delay it takes for none. */
const TIMEOUT_MAX_ms = 2 ** 31 - 1;

/** A timer counts milliseconds: for shorter delays, as those of interrupts and mailboxes, the loop goes round until they are over. */
const ROUND_MAX_ns = 100_000;

export const say = (text: string) => process.stderr.write(`ioctopus: ${text}\n`);

export function hostTime(addon: Addon): HostTime {
  return {
    now: () => addon.now(),
    after(delay_ns, run) {
      // Whoever is called too early asks again.
      if (delay_ns < ROUND_MAX_ns) {
        const round = setImmediate(run);
        return () => clearImmediate(round);
      }
      const timer = setTimeout(run, Math.min(Math.ceil(delay_ns / 1e6), TIMEOUT_MAX_ms));
      return () => clearTimeout(timer);
    },
  };
}

/** A machine whose memory programs can share, and whose clock is the host's; what people should know of it is said. */
export function bootFor(addon: Addon, board: Board, options: BootOptions): { readonly machine: Machine; readonly pacer: Pacer } {
  const now = addon.now();
  const printTrace = (line: TraceLine) => process.stderr.write(`[pid ${line.pid}] ${line.text}\n`);
  const machine = new Machine(board, {
    seed: options.seed,
    start_ns: now,
    bootTime_s: Math.round(Date.now() / 1000 - now / 1e9),
    memory: (ledger) => new SharedMemoryProvider(addon, ledger),
    ...(options.eviction === undefined ? {} : { eviction: options.eviction }),
    faults: options.fault ?? [],
    history: options.strict ?? false,
    ...(options.strace === true ? { trace: printTrace } : {}),
  });
  machine.system.findings.onFinding = (finding: Finding) => say(formatFinding(finding));
  machine.faults.onHit = ({ text }) => say(`fault: ${text}`);
  machine.system.log.onLine = (line) => {
    if (line.level === 'err') say(line.text);
  };
  return { machine, pacer: new Pacer(machine.system, hostTime(addon)) };
}

/** @throws Refusal when the host does not let it */
export function startServer(options: PreloadServerOptions): PreloadServer {
  try {
    return new PreloadServer(options);
  } catch (error) {
    throw new Refusal(`the server cannot start: ${(error as Error).message}; "ioctopus doctor" says what is in the way`);
  }
}

/** LD_PRELOAD with our library before whatever else is to be loaded. */
function preloaded(library: string): string {
  const others = process.env.LD_PRELOAD;
  return others === undefined || others === '' ? library : `${library}:${others}`;
}

/** How programs reach a machine. */
export interface Programs extends LauncherWelcome {
  /** The launcher has started a program. */
  follow(pid: number): void;
}

export const programsOf = (server: PreloadServer): Programs => ({
  door: server.door,
  folder: server.folder,
  library: LIBRARY,
  follow: (pid) => void server.follow(pid),
});

/** Runs a program with the device nodes of a machine. @param path where the program is @returns its exit status, as {@link run} */
export function runUnder(programs: Programs, path: string, command: readonly string[]): Promise<number> {
  const env = { ...process.env, LD_PRELOAD: preloaded(programs.library), IOCTOPUS_DOOR: programs.door };
  // The library removes it from our child.
  const mark = `${programs.folder}/unloaded.${process.pid}`;
  writeFileSync(mark, '');
  return runChild(path, command, env, {
    atStart: (pid) => programs.follow(pid),
    atEnd() {
      if (!existsSync(mark)) return;
      rmSync(mark);
      say(`the preload library was not loaded into ${path}, so it saw none of the machine`);
    },
  });
}

/** Runs a program with the device nodes of a machine that is served. @param socket of the server */
export async function runJoined(socket: string, path: string, command: readonly string[]): Promise<number> {
  const connection = await join(socket, 'launcher');
  try {
    const welcome = connection.welcome as LauncherWelcome;
    return await runUnder({ ...welcome, follow: (pid) => connection.tell('follow', pid) }, path, command);
  } finally {
    await connection.close();
  }
}

/**
 * Runs a program with the machine's device nodes.
 *
 * @returns its exit status; 128 and the signal's number when a signal ended it; {@link EXIT_BROKEN_RULES}
 * @throws Refusal when it cannot be run
 */
export async function run(command: readonly string[], options: RunOptions): Promise<number> {
  const path = findProgram(command[0] as string);
  assertServable(path);
  if (options.connect !== undefined) return runJoined(options.connect, path, command);
  const addon = loadNativeParts();
  const { machine, pacer } = bootFor(addon, await findBoard(options.board), options);
  const server = startServer({ addon, machine, pacer, warps: options.time === 'warp' });
  let status: number;
  let isClean = false;
  try {
    status = await runUnder(programsOf(server), path, command);
  } finally {
    server.close();
    pacer.stop();
    isClean = shutDown(machine);
  }
  return strictStatus(options, isClean, status);
}

/** The exit status of a run. */
export function strictStatus({ strict }: BootOptions, isClean: boolean, status: number): number {
  return strict === true && !isClean && status === 0 ? EXIT_BROKEN_RULES : status;
}

interface ChildEvents {
  atStart(pid: number): void;
  atEnd(): void;
}

function runChild(path: string, command: readonly string[], env: NodeJS.ProcessEnv, events: ChildEvents): Promise<number> {
  const child = spawn(path, command.slice(1), { stdio: 'inherit', env, argv0: command[0] });
  if (child.pid !== undefined) events.atStart(child.pid);
  // A signal to us is meant for the program, and we end when it does. What a terminal sends reaches the program by itself.
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'];
  const forward = (signal: NodeJS.Signals) => {
    if (signal === 'SIGTERM' || signal === 'SIGHUP') child.kill(signal);
  };
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const each of signals) process.off(each, forward);
      events.atEnd();
      resolve(code ?? 128 + constants.signals[signal as NodeJS.Signals]);
    });
  });
}

/** Says what the machine had left, and which faults never came. Findings have been said as they came. @returns whether all is well */
export function shutDown(machine: Machine): boolean {
  for (const { fault, uses } of machine.faults.unused) {
    say(`the fault ${formatFault(fault)} never came: ${uses === 1 ? 'one use' : `${uses} uses`} of ${fault.service} fitted`);
  }
  try {
    machine.shutdown();
    return true;
  } catch (error) {
    if (error instanceof Leak) for (const line of error.left) say(`left at the end: ${line}`);
    else if (!(error instanceof BrokenRules)) say((error as Error).message);
    return false;
  }
}
