import { CliProcess } from './cli-process.ts';
import { LOOPBACK } from './paths.ts';

/** A machine that `ioctopus serve` serves, in a process of its own. */
export class Served extends CliProcess {
  readonly socket: string;

  private constructor(socket: string, args: readonly string[]) {
    super(['serve', '--socket', socket, ...args]);
    this.socket = socket;
  }

  /** @throws Error with what it said, when it does not serve */
  static make(socket: string, { board = LOOPBACK, options = [] as readonly string[] } = {}): Promise<Served> {
    return new Served(socket, ['--board', board, ...options]).ready(/ is served at /);
  }
}
