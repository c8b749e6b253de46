import { ConnectServer } from '../connect/index.ts';
import { putReadme } from '../fuse/index.ts';
import { findBoard } from './boards.ts';
import { Ending } from './ending.ts';
import { LIBRARY, loadNativeParts } from './native-parts.ts';
import { Refusal } from './program.ts';
import { bootFor, type RunOptions, say, shutDown, startServer, strictStatus } from './run.ts';
import { takeSocket } from './socket.ts';

export interface ServeOptions extends Omit<RunOptions, 'connect'> {
  readonly socket: string;
}

/**
 * Boots a machine and serves it until a signal ends it.
 *
 * @returns exit status
 * @throws Refusal when it cannot be served there
 */
export async function serve(options: ServeOptions): Promise<number> {
  const addon = loadNativeParts();
  const board = await findBoard(options.board);
  const path = await takeSocket(options.socket);
  const { machine, pacer } = bootFor(addon, board, options);
  const programs = startServer({ addon, machine, pacer, warps: options.time === 'warp' });
  const ending = new Ending();
  let server: ConnectServer | undefined;
  let isClean = false;
  try {
    putReadme(machine.system, `ioctopus run --connect ${path} -- COMMAND`);
    server = listen({ addon, machine, pacer, programs, library: LIBRARY, path });
    say(`${options.board} is served at ${path}; Ctrl-C ends it`);
    await ending.wanted;
  } finally {
    server?.close();
    programs.close();
    ending.stop();
    pacer.stop();
    isClean = shutDown(machine);
  }
  return strictStatus(options, isClean, 0);
}

function listen(options: ConstructorParameters<typeof ConnectServer>[0]): ConnectServer {
  try {
    return new ConnectServer(options);
  } catch (error) {
    throw new Refusal(`${options.path}: ${(error as Error).message}; choose a path in a folder of your own`);
  }
}
