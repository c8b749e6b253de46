import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { generic } from '../../src/boards/index.ts';
import { hostTime } from '../../src/doors/cli/run.ts';
import { type Addon, loadAddon, PreloadServer, SharedMemoryProvider } from '../../src/doors/preload/index.ts';
import { type Board, Machine, Pacer } from '../../src/machine/index.ts';
import { root } from './paths.ts';

const built = (name: string) => join(root, 'dist/native', name);

/** What a server holds for its clients. Equal before a program runs and after its end. */
export interface Held {
  readonly clients: number;
  readonly files: number;
  /** Live kernel objects, each in a line without its origin. */
  readonly objects: readonly string[];
  readonly ram: number;
  /** Calls and releases that go on. */
  readonly coroutines: number;
  /** What the server's descriptors show, sorted. */
  readonly descriptors: readonly string[];
}

export interface Exit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

function descriptors(): string[] {
  const links: string[] = [];
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      links.push(readlinkSync(`/proc/self/fd/${fd}`).replace(/:\[\d+\]$/, ''));
    } catch {
      // The descriptor of the listing itself.
    }
  }
  return links.sort();
}

/** A server of the native door inside the test's own process, where its tables can be looked at. */
export class NativeServer {
  readonly addon: Addon = loadAddon(built('ioctopus.node'));
  readonly machine: Machine;
  readonly server: PreloadServer;
  /** What it said on standard error, were it the launcher: errors of the log. */
  readonly complaints: string[] = [];
  readonly pacer: Pacer;
  readonly #children = new Set<ChildProcess>();

  constructor(board: Board = generic()) {
    const now = this.addon.now();
    this.machine = new Machine(board, {
      seed: 1,
      start_ns: now,
      bootTime_s: 0,
      memory: (ledger) => new SharedMemoryProvider(this.addon, ledger),
    });
    this.machine.system.log.onLine = (line) => {
      if (line.level === 'err') this.complaints.push(line.text);
    };
    this.pacer = new Pacer(this.machine.system, hostTime(this.addon));
    this.server = new PreloadServer({ addon: this.addon, machine: this.machine, pacer: this.pacer });
  }

  /** Starts a program as its client; nothing of its input or output comes here unless `stdio` says so. */
  start(
    command: readonly string[],
    { env = {}, library = built('libioctopus.so'), stdio = ['ignore', 'ignore', 'inherit'] as ('ignore' | 'inherit' | 'pipe')[] } = {},
  ): { readonly child: ChildProcess; readonly ended: Promise<Exit> } {
    const child = spawn(command[0] as string, command.slice(1), {
      stdio,
      env: { ...process.env, LD_PRELOAD: library, IOCTOPUS_DOOR: this.server.door, ...env },
    });
    this.#children.add(child);
    const ended = new Promise<Exit>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status, signal) => {
        this.#children.delete(child);
        resolve({ status, signal });
      });
    });
    return { child, ended };
  }

  run(...args: Parameters<NativeServer['start']>): Promise<Exit> {
    return this.start(...args).ended;
  }

  /** Lets the event loop look once at everything that has happened by now. */
  async turn(): Promise<void> {
    for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Moves the time to the next event, and lets it happen. */
  skip(): void {
    this.pacer.skipToNext();
    this.pacer.catchUp();
  }

  held(): Held {
    const { system, ram } = this.machine;
    return {
      clients: this.server.clients.length,
      files: this.server.files.count,
      objects: system.ledger.live().map((thing) => thing.describe()),
      ram: ram.freeBytes,
      coroutines: system.scheduler.alive.size,
      descriptors: descriptors(),
    };
  }

  /** Ends everything. @throws Leak, BrokenRules */
  close(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    this.server.close();
    this.pacer.stop();
    this.machine.shutdown();
  }
}

/** What a program prints as the only client of a server, which is closed then. @throws Leak, BrokenRules, an Error when it fails */
export async function printed(command: readonly string[], server: NativeServer): Promise<string> {
  try {
    const { child, ended } = server.start(command, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [output, { status, signal }] = await Promise.all([text(child.stdout as NonNullable<typeof child.stdout>), ended]);
    if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status ?? signal}, having printed:\n${output}`);
    await server.turn();
    return output;
  } finally {
    server.close();
  }
}

/** Runs a program on a machine of its own. @returns how it ended and all that it printed @throws Leak, BrokenRules */
export async function runOn(
  board: Board,
  command: readonly string[],
): Promise<Exit & { readonly stdout: string; readonly stderr: string }> {
  const server = new NativeServer(board);
  try {
    const { child, ended } = server.start(command, { stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr, exit] = await Promise.all([
      text(child.stdout as NonNullable<typeof child.stdout>),
      text(child.stderr as NonNullable<typeof child.stderr>),
      ended,
    ]);
    await server.turn();
    return { ...exit, stdout, stderr };
  } finally {
    server.close();
  }
}

/** Builds the preload library that ends its program at a step of its protocol with the server. @returns its path */
export function buildSteppingLibrary(folder: string): string {
  const path = join(folder, 'libioctopus-steps.so');
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'native-shims/build.mjs'), '--steps', path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`building the library with steps failed:\n${stderr}`);
  return path;
}
