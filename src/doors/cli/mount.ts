import { Mount } from '../fuse/index.ts';
import { findBoard } from './boards.ts';
import { loadShim, takeFolder } from './mount-point.ts';
import { loadNativeParts } from './native-parts.ts';
import { assertServable, findProgram, Refusal } from './program.ts';
import { type BootOptions, bootFor, runUnder, say, shutDown, startServer, strictStatus } from './run.ts';

const ENDING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Waits for a signal that ends the mount, or for somebody to unmount it. */
class Ending {
  readonly wanted: Promise<void>;
  #end: () => void = () => undefined;

  constructor() {
    this.wanted = new Promise((resolve) => {
      this.#end = resolve;
    });
    for (const signal of ENDING) process.on(signal, this.#end);
  }

  readonly now = () => this.#end();

  stop(): void {
    for (const signal of ENDING) process.off(signal, this.#end);
  }
}

/**
 * Mounts a machine's file tree. With a command it runs that with the machine's device nodes, too, and unmounts when it ends; else a signal
 * ends it.
 *
 * @returns exit status: the command's, as `run` says, or 0
 * @throws Refusal when it cannot be mounted, or the command not be run
 */
export async function mount(given: string, command: readonly string[], options: BootOptions): Promise<number> {
  // All of this before the mount: afterwards only this process could answer what it asks the file system there.
  const program = command.length === 0 ? undefined : findProgram(command[0] as string);
  if (program !== undefined) assertServable(program);
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
    mounted = await Mount.make({ shim, machine, pacer, folder, onEnd: ending.now }).catch((error: Error) => {
      throw new Refusal(`mounting at ${folder} failed: ${error.message}; "ioctopus doctor" says what may be in the way`);
    });
    if (server !== undefined && program !== undefined) {
      status = await runUnder(server, program, command);
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
