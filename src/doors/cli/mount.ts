import { RemoteServing } from '../connect/index.ts';
import { Mount, type MountOptions, putReadme, Requests } from '../fuse/index.ts';
import { findBoard } from './boards.ts';
import { Ending } from './ending.ts';
import { join } from './join.ts';
import { loadShim, takeFolder } from './mount-point.ts';
import { loadNativeParts } from './native-parts.ts';
import { assertServable, findProgram, Refusal } from './program.ts';
import { type BootOptions, bootFor, programsOf, runJoined, runUnder, say, shutDown, startServer, strictStatus } from './run.ts';

export interface MountCommandOptions extends BootOptions {
  /** The socket of a server whose machine is joined, instead of booting one. */
  readonly connect?: string;
}

/** @throws Refusal when libfuse cannot */
function make(options: MountOptions): Promise<Mount> {
  return Mount.make(options).catch((error: Error) => {
    throw new Refusal(`mounting at ${options.folder} failed: ${error.message}; "ioctopus doctor" says what may be in the way`);
  });
}

/** Where a program is that will be run. @throws Refusal when it cannot be */
function findServable(command: readonly string[]): string | undefined {
  if (command.length === 0) return undefined;
  const program = findProgram(command[0] as string);
  assertServable(program);
  return program;
}

/**
 * Mounts a machine's file tree. With a command it runs that with the machine's device nodes, too, and unmounts when it ends; else a signal
 * ends it.
 *
 * @returns exit status: the command's, as `run` says, or 0
 * @throws Refusal when it cannot be mounted, or the command not be run
 */
export async function mount(given: string, command: readonly string[], options: MountCommandOptions): Promise<number> {
  if (options.connect !== undefined) return mountJoined(given, command, options.connect);
  // All of this before the mount: afterwards only this process could answer what it asks the file system there.
  const program = findServable(command);
  const addon = loadNativeParts();
  const shim = loadShim();
  const board = await findBoard(options.board);
  const folder = await takeFolder(shim, given);
  const { machine, pacer } = bootFor(addon, board, options);
  const server = program === undefined ? undefined : startServer({ addon, machine, pacer });
  const ending = new Ending();
  let mounted: Mount | undefined;
  let status = 0;
  let isClean = false;
  try {
    putReadme(machine.system, `ioctopus mount ${folder} -- COMMAND`);
    const before = () => {
      server?.settle();
      pacer.catchUp();
    };
    mounted = await make({ shim, serving: new Requests(machine.system, before), folder, onEnd: ending.now });
    if (server !== undefined && program !== undefined) {
      status = await runUnder(programsOf(server), program, command);
    } else {
      say(`${options.board} is mounted at ${folder}; Ctrl-C unmounts it`);
      await ending.wanted;
    }
  } finally {
    await mounted?.close();
    server?.close();
    ending.stop();
    pacer.stop();
    isClean = shutDown(machine);
  }
  return strictStatus(options, isClean, status);
}

/** The same for a machine that is served: this process asks the server what the kernel asks of the mount. The server's end is its end. */
async function mountJoined(given: string, command: readonly string[], socket: string): Promise<number> {
  const program = findServable(command);
  const shim = loadShim();
  const folder = await takeFolder(shim, given);
  const connection = await join(socket, 'mount');
  const ending = new Ending();
  let isServed = true;
  void connection.ended.then(() => {
    isServed = false;
    ending.now();
  });
  let mounted: Mount | undefined;
  try {
    mounted = await make({ shim, serving: new RemoteServing(connection), folder, onEnd: ending.now });
    if (program !== undefined) return await runJoined(socket, program, command);
    say(`the machine at ${socket} is mounted at ${folder}; Ctrl-C unmounts it`);
    await ending.wanted;
    if (isServed) return 0;
    say(`the server at ${socket} has ended`);
    return 1;
  } finally {
    await mounted?.close();
    await connection.close();
    ending.stop();
  }
}
