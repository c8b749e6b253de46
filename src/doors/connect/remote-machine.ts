import { Connection } from './client.ts';
import { type RemoteSys, RemoteSysCalls } from './remote-sys.ts';

/** A machine that another process serves, as one of its tasks sees it. */
export class RemoteMachine {
  /** The task's system calls. */
  readonly sys: RemoteSys;
  /** Why there is no connection any more, once there is none. */
  readonly ended: Promise<string>;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.sys = new RemoteSysCalls(connection) as RemoteSys;
    this.ended = connection.ended;
  }

  /** Ends the task: its files are closed, its memory is unmapped, its calls fail with ENODEV. Resolves when that is done. */
  close(): Promise<void> {
    return this.#connection.close();
  }
}

/**
 * Joins the machine that `ioctopus serve --socket PATH` serves, as a task of its own with root's rights. Calls fail with ENODEV when
 * the server has gone.
 *
 * @throws Error ENOENT or ECONNREFUSED when nobody serves there, EACCES for other users than the server's and root
 */
export async function connect(path: string): Promise<RemoteMachine> {
  return new RemoteMachine(await Connection.open(path, 'calls'));
}
