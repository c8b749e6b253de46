import { connect as connectSocket, type Socket } from 'node:net';
import { Errno, type ErrnoName } from '../../abi/index.ts';
import { type Answer, type Ask, type Caller, type Hello, type Purpose, VERSION, type Welcome } from './protocol.ts';
import type { Value } from './values.ts';
import { Wire } from './wire.ts';

/** The failure of a call that was made over a connection. */
export class FailedCall extends Errno {
  /** The call's name. */
  readonly syscall: string;

  constructor(code: ErrnoName, reason: string, syscall: string) {
    super(code, reason);
    this.syscall = syscall;
  }
}

export interface Question {
  /** By which it can be cut; one that no other question has when left out. */
  readonly id?: number;
  readonly name: string;
  readonly args: readonly Value[];
  readonly from?: Caller;
  readonly bytes?: Uint8Array;
}

type Outcome = { readonly value: Value } | { readonly code: ErrnoName; readonly reason: string };

/** How the opening of a connection ends. */
interface Opening {
  resolve(connection: Connection): void;
  reject(error: Error): void;
}

/** The client's side of a connection: questions with their answers. */
export class Connection {
  /** Why there is no connection any more; resolves then. */
  readonly ended: Promise<string>;
  readonly #wire: Wire;
  readonly #pending = new Map<number, (outcome: Outcome) => void>();
  #welcome: Value;
  #opening: Opening | undefined;
  #end: (reason: string) => void = () => undefined;
  /** Why no call can be made any more. */
  #reason: string | undefined;
  #nextId = 1;

  private constructor(socket: Socket, purpose: Purpose, opening: Opening) {
    this.#opening = opening;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#wire = new Wire(socket, {
      message: (message) => (this.#opening === undefined ? this.#take(message as Answer) : this.#enter(message as Welcome)),
      end: (reason) => this.#lose(reason),
    });
    this.#wire.send({ version: VERSION, purpose } satisfies Hello);
  }

  /**
   * @param path of the socket of a server
   * @throws Error as net.connect's, when there is none; Error when it refuses
   */
  static open(path: string, purpose: Purpose): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connectSocket(path);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        new Connection(socket, purpose, { resolve, reject });
      });
    });
  }

  /** What the server said at first. */
  get welcome(): Value {
    return this.#welcome;
  }

  /**
   * @param signal cuts the call, as a signal without SA_RESTART does
   * @param syscall the call's name for messages
   * @throws FailedCall what the machine answers; ENODEV when there is no connection any more
   */
  async ask(question: Question, signal?: AbortSignal, syscall = question.name): Promise<Value> {
    if (this.#reason !== undefined) throw new FailedCall('ENODEV', this.#reason, syscall);
    if (signal?.aborted === true) throw new FailedCall('EINTR', 'the signal had come before', syscall);
    const id = question.id ?? this.#nextId++;
    const cut = () => this.cut(id, 'signal');
    const answered = new Promise<Outcome>((resolve) => this.#pending.set(id, resolve));
    this.#wire.send({ ...question, id } satisfies Ask);
    signal?.addEventListener('abort', cut, { once: true });
    const outcome = await answered;
    signal?.removeEventListener('abort', cut);
    if ('value' in outcome) return outcome.value;
    // Made here, so that its stack leads to the caller.
    throw new FailedCall(outcome.code, outcome.reason, syscall);
  }

  /** Says something that needs no answer. */
  tell(name: string, ...args: readonly Value[]): void {
    this.#wire.send({ id: this.#nextId++, name, args } satisfies Ask);
  }

  /** Resolves when the server has released what the connection held. */
  close(): Promise<void> {
    this.#lose('the connection was closed');
    return this.#wire.close();
  }

  cut(id: number, how: 'signal' | 'kill'): void {
    this.#wire.send({ id, cut: how } satisfies Ask);
  }

  #enter(welcome: Welcome): void {
    if ('refused' in welcome) throw new Error(welcome.refused);
    this.#welcome = welcome.welcome;
    this.#opening?.resolve(this);
    this.#opening = undefined;
  }

  #take(answer: Answer): void {
    const settle = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    settle?.('failed' in answer ? { code: answer.failed, reason: answer.reason } : { value: answer.value });
  }

  #lose(reason: string): void {
    this.#reason ??= reason;
    for (const settle of this.#pending.values()) settle({ code: 'ENODEV', reason });
    this.#pending.clear();
    this.#opening?.reject(new Error(reason));
    this.#end(reason);
  }
}
