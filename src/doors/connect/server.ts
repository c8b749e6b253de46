import { lstatSync, unlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { errnoName } from '../../abi/index.ts';
import type { Machine, Pacer } from '../../machine/index.ts';
import { commOf } from '../host/index.ts';
import type { Addon, PreloadServer } from '../preload/index.ts';
import { CallSession } from './call-session.ts';
import { LauncherSession } from './launcher-session.ts';
import { MountSession } from './mount-session.ts';
import { type Answer, type Ask, type Caller, type Hello, type Purpose, VERSION, type Welcome } from './protocol.ts';
import type { Session } from './session.ts';
import type { Value } from './values.ts';
import { Wire } from './wire.ts';

export interface ConnectServerOptions {
  readonly addon: Addon;
  readonly machine: Machine;
  readonly pacer: Pacer;
  /** The same machine's door for native programs. */
  readonly programs: PreloadServer;
  /** The preload library that goes with it. */
  readonly library: string;
  /** Where to listen: nothing may be there. */
  readonly path: string;
}

/** Who may connect, besides root: the user who serves. */
const isAllowed = (uid: number) => uid === 0 || uid === process.getuid?.();

/**
 * A machine's socket: whoever connects joins the machine that is served, in one of the ways of {@link Purpose}. A connection is a
 * {@link Session}; what it holds of the machine goes with it.
 */
export class ConnectServer {
  readonly path: string;
  readonly #options: ConnectServerOptions;
  readonly #listener: number;
  readonly #inode: number;
  readonly #watcher: ReturnType<Addon['onReadable']>;
  readonly #connections = new Map<Wire, Session | undefined>();

  /** @throws Error when the host does not let it listen there */
  constructor(options: ConnectServerOptions) {
    const { addon, path } = options;
    this.#options = options;
    this.path = path;
    this.#listener = addon.listen(path, true);
    if (this.#listener < 0) throw new Error(errnoName(-this.#listener) ?? `errno ${-this.#listener}`);
    this.#inode = lstatSync(path).ino;
    this.#watcher = addon.onReadable(this.#listener, () => this.#accept());
  }

  get sessions(): number {
    return this.#connections.size;
  }

  /** Ends all connections. The socket's file goes, unless it is another server's by now. */
  close(): void {
    const { addon } = this.#options;
    addon.stop(this.#watcher);
    addon.close(this.#listener);
    if (lstatSync(this.path, { throwIfNoEntry: false })?.ino === this.#inode) unlinkSync(this.path);
    for (const wire of [...this.#connections.keys()]) wire.drop('the machine is switched off');
  }

  #accept(): void {
    const { addon } = this.#options;
    for (let peer = addon.accept(this.#listener); typeof peer !== 'number'; peer = addon.accept(this.#listener)) {
      addon.close(peer.pidfd);
      if (isAllowed(peer.uid)) this.#connect(new Socket({ fd: peer.socket, readable: true, writable: true }), peer.pid);
      else addon.close(peer.socket);
    }
  }

  #connect(socket: Socket, pid: number): void {
    const wire = new Wire(socket, {
      message: (message) => {
        const session = this.#connections.get(wire);
        if (session === undefined) this.#greet(wire, pid, message as Hello);
        else this.#ask(session, message as Ask);
      },
      end: () => {
        const session = this.#connections.get(wire);
        this.#connections.delete(wire);
        if (session === undefined) return;
        this.#settle();
        session.end();
      },
    });
    this.#connections.set(wire, undefined);
  }

  #greet(wire: Wire, pid: number, hello: Hello): void {
    if (hello?.version !== VERSION) {
      wire.send({ refused: `the server speaks version ${VERSION} of the protocol, not ${hello?.version}` } satisfies Welcome);
      throw new Error('another version');
    }
    const { session, welcome } = this.#makeSession(wire, hello.purpose, { pid, comm: commOf(pid) });
    this.#connections.set(wire, session);
    wire.send({ welcome } satisfies Welcome);
  }

  #makeSession(wire: Wire, purpose: Purpose, caller: Caller): { readonly session: Session; readonly welcome?: Value } {
    const { machine, programs, library } = this.#options;
    const { system } = machine;
    const answer = (answer: Answer) => wire.send(answer);
    const complain = (error: unknown) => {
      system.log.print('err', `a call failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      return error instanceof Error ? error.message : String(error);
    };
    const context = { system, answer, complain };
    if (purpose === 'launcher') {
      const { door, folder } = programs;
      return { session: new LauncherSession(programs), welcome: { door, folder, library } };
    }
    // What it waits for outside nobody can see, so time does not jump while it is connected.
    const unfollow = programs.follow(caller.pid);
    const made = purpose === 'mount' ? new MountSession(context) : new CallSession(caller, context);
    const session: Session = {
      ask: (ask) => made.ask(ask),
      end() {
        made.end();
        unfollow();
      },
    };
    return { session };
  }

  #ask(session: Session, ask: Ask): void {
    if (!Number.isSafeInteger(ask?.id)) throw new Error('a question without a number');
    this.#settle();
    session.ask(ask);
  }

  #settle(): void {
    this.#options.programs.settle();
    this.#options.pacer.catchUp();
  }
}
