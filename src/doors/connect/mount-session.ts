import { Errno, errnoName } from '../../abi/index.ts';
import { type MountCallName, Requests } from '../fuse/index.ts';
import type { Ask } from './protocol.ts';
import type { Session, SessionContext } from './session.ts';
import type { Value } from './values.ts';
import { CALL_BYTES_MAX } from './wire.ts';

/** Names, numbers and times are all that a mount's calls take. */
const isArgument = (value: Value) => ['string', 'number'].includes(typeof value) || (typeof value === 'object' && value !== null);

/** What a read brings: the bytes that its memory was given. */
export interface ReadAnswer {
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** A connection of a mount: the client's kernel asks, by the client's number of each request. Files of the mount end with it. */
export class MountSession implements Session {
  readonly #requests: Requests;
  readonly #context: SessionContext;

  constructor(context: SessionContext) {
    this.#context = context;
    // The server has looked at the time already.
    this.#requests = new Requests(context.system, () => undefined);
  }

  ask(ask: Ask): void {
    if ('cut' in ask) {
      this.#requests.interrupt(ask.id, ask.cut);
      return;
    }
    const { id, name, args, from, bytes } = ask;
    if (!Array.isArray(args) || !args.every(isArgument) || !Number.isSafeInteger(from?.pid)) throw new Errno('EINVAL', `no call ${name}`);
    const memory = name === 'read' ? new Uint8Array(Math.min(Math.max(args[1] as number, 0), CALL_BYTES_MAX)) : bytes;
    const call = { name: name as MountCallName, args, ...(memory === undefined ? {} : { bytes: memory }) };
    this.#requests.serve(id, { pid: from?.pid ?? 0, comm: `${from?.comm}` }, call, (code, value) => {
      if (code !== 0) this.#context.answer({ id, failed: errnoName(code) ?? 'EIO', reason: '' });
      else if (memory === undefined || name !== 'read') this.#context.answer({ id, value });
      else this.#context.answer({ id, value: { count: value as number, bytes: memory.subarray(0, value as number) } satisfies ReadAnswer });
    });
  }

  end(): void {
    this.#requests.end();
  }
}
