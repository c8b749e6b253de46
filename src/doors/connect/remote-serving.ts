import { errno, isErrno } from '../../abi/index.ts';
import type { Answer, Call, Caller, Serving } from '../fuse/index.ts';
import type { Connection } from './client.ts';
import type { ReadAnswer } from './mount-session.ts';

/** Serves a mount of this process by a machine that another process serves. */
export class RemoteServing implements Serving {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  serve<T>(number: number, from: Caller, call: Call, answer: Answer<T>): void {
    void this.#ask(number, from, call).then(
      (value) => answer(0, value as T),
      (error) => answer(isErrno(error) ? error.errno : errno.EIO, undefined),
    );
  }

  interrupt(number: number, how: 'signal' | 'kill'): void {
    this.#connection.cut(number, how);
  }

  end(): void {
    void this.#connection.close();
  }

  async #ask(id: number, from: Caller, { name, args, bytes }: Call): Promise<unknown> {
    if (name !== 'read') return this.#connection.ask({ id, name, args, from, ...(bytes === undefined ? {} : { bytes }) });
    const { count, bytes: read } = (await this.#connection.ask({ id, name, args, from })) as ReadAnswer;
    bytes?.set(read);
    return count;
  }
}
