import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Errno, isErrno } from '../../abi/index.ts';
import { type Coroutine, type File, isKernel, type Kernel, type MaybeKernel, RawRestart, type System, settle } from '../../kernel/index.ts';
import type { Machine, Pacer } from '../../machine/index.ts';
import { type Addon, COME_BACK, type Connection, EVENTS_MAX, must, NOTHING, REPORT_SIZE, type Watcher } from './addon.ts';
import { Client } from './client.ts';
import { Exhausted, granted, type Resource } from './exhausted.ts';
import { makeFolder } from './folder.ts';
import { makeForeignFile } from './foreign-file.ts';
import { HostMemfds } from './host-memfd.ts';
import { NativeEpolls } from './native-epolls.ts';
import { NativeFiles } from './native-files.ts';
import * as protocol from './protocol.ts';
import { type Call, readRequest } from './requests/index.ts';
import { SharedPage } from './shared-page.ts';
import type { Slot } from './slot.ts';
import { Warp } from './warp.ts';

const EPOLLIN = 0x1;
const EPOLLRDHUP = 0x2000;

/** Keys in the set of events: the watched inodes, the listening socket, then two per client. */
const KEY_FILES = 0;
const KEY_LISTENER = 1;
/** From here on: the pipe of an epoll set, by the set's number. */
const KEY_EPOLLS = 2 ** 40;
const keyOfProcess = (index: number) => 2 + 2 * index;
const keyOfSocket = (index: number) => 3 + 2 * index;
const indexOfKey = (key: number) => Math.floor((key - 2) / 2);

export interface PreloadServerOptions {
  readonly addon: Addon;
  readonly machine: Machine;
  readonly pacer: Pacer;
  /** Whether time may jump while nobody under the launcher does anything. */
  readonly warps?: boolean;
}

/**
 * The server side of the native door: programs under the preload library connect to its socket, and their calls become calls of the
 * machine's kernel. See native-shims/README.md for the other side.
 */
export class PreloadServer {
  readonly addon: Addon;
  readonly system: System;
  readonly files: NativeFiles;
  readonly epolls: NativeEpolls;
  readonly memfds: HostMemfds;
  /** What a descriptor shows as that is open, but none of the machine's: a file of another kind than any call wants. */
  readonly foreignFile: File;
  /** Private to the user: the socket and the list of emulated paths are in it. */
  readonly folder: string;
  readonly #pacer: Pacer;
  readonly #listener: number;
  /** What has happened outside, and the time of the last look: see {@link Addon.start}. */
  readonly #report = new Float64Array(REPORT_SIZE);
  readonly #events: number;
  readonly #watcher: Watcher;
  readonly #clients = new Map<number, Client>();
  /** What all programs map. */
  readonly page: SharedPage;
  readonly #warp: Warp | undefined;
  /** A slot whose new state is published by the next look for calls, or NOTHING. */
  #held = NOTHING;
  #heldState = 0;
  /** Traced calls under way that have not been seen to wait. */
  readonly #unannounced = new Map<Slot, { readonly call: Call; readonly coroutine: Coroutine<unknown> }>();
  readonly #lacked = new Set<Resource>();
  #isServing = false;
  #isClosed = false;

  constructor({ addon, machine, pacer, warps = false }: PreloadServerOptions) {
    this.addon = addon;
    this.system = machine.system;
    this.#pacer = pacer;
    addon.raiseFileLimit();
    this.#events = must(addon.start(this.#report.buffer as ArrayBuffer), 'epoll_create');
    this.files = new NativeFiles(addon);
    this.epolls = new NativeEpolls(addon, this.system, {
      watch: (pipe, set) => addon.epollAdd(this.#events, pipe, 0, KEY_EPOLLS + set),
      unwatch: (pipe) => addon.epollDelete(this.#events, pipe),
    });
    this.memfds = new HostMemfds(addon, machine.system, machine.ram);
    this.foreignFile = makeForeignFile(this.system);
    this.folder = makeFolder();
    this.page = new SharedPage(addon, this.system, this.folder);
    this.#listener = must(addon.listen(join(this.folder, 'socket')), 'listening');
    must(addon.epollAdd(this.#events, this.files.events, EPOLLIN, KEY_FILES), 'epoll_ctl');
    must(addon.epollAdd(this.#events, this.#listener, EPOLLIN, KEY_LISTENER), 'epoll_ctl');
    this.#watcher = addon.onReadable(this.#events, () => this.#turn());
    if (warps)
      this.#warp = new Warp(
        this.system,
        pacer,
        () => this.clients,
        (ahead_ns) => this.page.publishTime(ahead_ns),
      );
  }

  /** What a program needs in its environment to find the server: the value of IOCTOPUS_DOOR. */
  get door(): string {
    return `${this.files.dev.toString(16)}${this.#warp === undefined ? '' : '+'}:${this.folder}`;
  }

  get clients(): readonly Client[] {
    return [...this.#clients.values()];
  }

  /** Ends all connections and removes the folder. Files that programs still hold are released. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.addon.stop(this.#watcher);
    for (const client of this.clients) this.#drop(client);
    this.system.scheduler.runReady();
    this.epolls.close();
    this.files.close();
    this.foreignFile.put();
    this.system.scheduler.runReady();
    for (const fd of [this.#listener, this.#events]) this.addon.close(fd);
    this.#warp?.stop();
    this.page.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /**
   * A program that a launcher started: time may jump while it and its children do nothing.
   *
   * @returns a function that ends this
   */
  follow(pid: number): () => void {
    return this.#warp?.follow(pid) ?? (() => undefined);
  }

  /** Takes note of what programs have closed, and who has ended: for another door, before it serves a call. */
  settle(): void {
    if (this.#isServing || this.#isClosed) return;
    this.addon.collect();
    this.#takeEvents();
  }

  /** Makes a slot's new state known to its program, at the latest before the server sleeps. */
  publish(slot: number, state: number): void {
    this.page.refresh();
    if (this.#isServing && this.#held === NOTHING) {
      this.#held = slot;
      this.#heldState = state;
    } else {
      this.addon.answer(slot, state);
    }
  }

  // ---- the loop -------------------------------------------------------------------

  /** Something happened outside: serves whoever calls until nobody does. */
  #turn(): void {
    if (this.#isServing || this.#isClosed) return;
    this.#isServing = true;
    let slot: number;
    do {
      slot = this.#next();
      this.#pacer.catchUpTo(this.#report[0] as number);
      const isCalled = this.#takeEvents();
      if (slot >= 0) this.#serve(slot);
      // Last: a new process may get the number of one that has just ended.
      if (isCalled) this.#accept();
    } while (slot >= 0 || this.#held !== NOTHING);
    this.#isServing = false;
    if (slot === COME_BACK) setImmediate(() => this.#turn());
    else this.#warp?.consider();
  }

  #next(): number {
    const held = this.#held;
    this.#held = NOTHING;
    return this.addon.next(held, this.#heldState);
  }

  #serve(number: number): void {
    const client = this.#clients.get(Math.floor(number / protocol.IO_SLOTS));
    if (client === undefined) return;
    const slot = client.slot(number % protocol.IO_SLOTS);
    const state = slot.uint(protocol.SLOT_STATE);
    // What does not fit is the end of a request to end a call that had ended already, or a program that tries us.
    if (slot.state === 'asking' && state === protocol.IO_REPLY) slot.replied();
    else if (slot.state === 'idle' && state === protocol.IO_REQUEST) this.#begin(slot);
    if (slot.state === 'serving' && slot.uint(protocol.SLOT_CANCEL) !== 0) slot.task.signals.interrupt();
    if (this.system.scheduler.ready > 0) this.system.scheduler.runReady();
    if (this.#unannounced.size > 0) this.#announce(slot);
  }

  /** Starts the call of a slot; it is answered when it ends. */
  #begin(slot: Slot): void {
    slot.state = 'serving';
    slot.endWatch();
    slot.task.pid = slot.uint(protocol.SLOT_TID);
    const op = slot.uint(protocol.SLOT_OP);
    if (op === protocol.IO_IDENTIFY) this.#identify(slot);
    else if (op === protocol.IO_NOTE) this.#note(slot);
    // Before a call is served, everything that has ended is taken note of.
    else if (op === protocol.IO_SETTLE) slot.answer(0, undefined);
    else this.#call(slot, readRequest(slot));
  }

  #call(slot: Slot, call: Call): void {
    const { task } = slot;
    const { scheduler } = this.system;
    task.callName = call.name;
    task.callSubject = call.args[0] as number;
    task.callDetail = call.args[1] as number;
    const before = scheduler.enter(task);
    try {
      this.files.forgetCensus();
      const answer = call.begin();
      if (isKernel(answer) || this.system.hasDeferred || this.system.lockdep.held > 0) {
        scheduler.enter(before);
        this.#run(slot, call, answer);
      } else {
        this.#finish(slot, call, answer, undefined);
      }
    } catch (error) {
      this.#finish(slot, call, undefined, error);
    } finally {
      scheduler.enter(before);
    }
  }

  /** A call that may wait. */
  #run(slot: Slot, call: Call, answer: MaybeKernel<unknown>): void {
    const { task } = slot;
    const whole = settle(task, answer) as Kernel<unknown>;
    const coroutine = this.system.scheduler.start(`process ${slot.client.process.pid}`, task, whole, (outcome) => {
      this.#unannounced.delete(slot);
      if (outcome.ok) this.#finish(slot, call, outcome.value, undefined);
      else this.#finish(slot, call, undefined, outcome.error);
    });
    if (this.system.tracer === undefined || coroutine.state === 'ended') return;
    this.#unannounced.set(slot, { call, coroutine });
    this.#announce(slot);
  }

  /** Says in the trace that a call waits, once: for something of the machine's, not for the program's own thread. */
  #announce(slot: Slot): void {
    const waiting = this.#unannounced.get(slot);
    if (waiting?.coroutine.waitingFor === undefined || slot.state !== 'serving') return;
    this.#unannounced.delete(slot);
    this.system.tracer?.waiting(slot.task, waiting.call.name, waiting.call.args, waiting.coroutine.waitingFor.what);
  }

  #finish(slot: Slot, call: Call, value: unknown, thrown: unknown): void {
    // A fault plan wants it to fail, though no handler ran that could say so.
    const refused = slot.task.signals.takeRefusal() && (isErrno(thrown, 'ERESTARTSYS') || isErrno(thrown, 'ERESTARTNOHAND'));
    const error = refused ? new Errno('EINTR', (thrown as Errno).reason) : thrown;
    if (error instanceof Exhausted) this.#lack(error.resource, error.reason);
    else if (error !== undefined && !(error instanceof Errno) && slot.client.isAlive) this.#complain(call, error);
    this.system.tracer?.finished(slot.task, call.name, call.args, error ?? value);
    slot.task.callName = '';
    slot.dropFiles();
    if (!slot.client.isAlive) return;
    // The library would start it again; only the program's own signals may cause that.
    if (error instanceof RawRestart && !slot.task.signals.pending) slot.answer(-error.errno, undefined);
    else slot.answer(error === undefined ? (call.end?.(value) ?? (value as number)) : -1, error);
  }

  /** Not the program's fault: it gets EIO, people get to know. */
  #complain(call: Call, error: unknown): void {
    this.system.log.print('err', `${call.name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }

  /** Says once what there is too little of, and what helps. */
  #lack(resource: Resource, text: string): void {
    if (this.#lacked.has(resource)) return;
    this.#lacked.add(resource);
    this.system.log.print('err', text);
  }

  /** Which emulated file a descriptor is that the program has sent. */
  #identify(slot: Slot): void {
    const inode = slot.client.receivedFor(slot.index);
    slot.answer(inode === undefined ? 0 : slot.client.hold(inode), undefined);
  }

  /** A call that only the program's own kernel saw. */
  #note(slot: Slot): void {
    const text = new TextDecoder().decode(slot.data(slot.uint(protocol.SLOT_LENGTH)).slice());
    this.system.tracer?.note(slot.task, text);
    slot.answer(0, undefined);
  }

  // ---- who comes and goes ------------------------------------------------------------

  #accept(): void {
    for (
      let connection = this.addon.accept(this.#listener);
      typeof connection !== 'number';
      connection = this.addon.accept(this.#listener)
    ) {
      try {
        this.#connect(connection);
      } catch (error) {
        if (!(error instanceof Exhausted)) throw error;
        this.#lack(error.resource, error.reason);
        this.addon.refuse(connection.socket, error.errno);
        for (const fd of [connection.socket, connection.pidfd]) this.addon.close(fd);
      }
    }
  }

  /** @throws Exhausted when there is no room for another process */
  #connect(connection: Connection): void {
    const earlier = this.clients.find((client) => client.process.pid === connection.pid && connection.pid > 0);
    if (earlier !== undefined) this.#drop(earlier);
    const opened: number[] = [];
    const kept = (fd: number, what: string) => {
      opened.push(granted(fd, what));
      return fd;
    };
    let region: ArrayBuffer | undefined;
    try {
      const file = kept(this.addon.memfd('ioctopus-region', protocol.IO_REGION_SIZE), 'memfd_create');
      const bell = kept(this.addon.event(), 'eventfd');
      const mapped = this.addon.map(file, protocol.IO_REGION_SIZE);
      if (typeof mapped === 'number') throw new Exhausted('memory');
      region = mapped;
      const flags = this.system.tracer === undefined ? 0 : protocol.IO_REPORT_LOCAL;
      const index = this.addon.addClient(region, bell, flags, () => this.#turn());
      if (index < 0) throw new Exhausted('connections');
      const client = new Client(this, connection, { index, region, bell });
      this.#clients.set(index, client);
      this.addon.epollAdd(this.#events, client.pidfd, EPOLLIN, keyOfProcess(index));
      this.addon.epollAdd(this.#events, client.socket, EPOLLRDHUP, keyOfSocket(index));
      this.addon.send(client.socket, file, bell);
      this.addon.close(file);
    } catch (error) {
      if (region !== undefined) this.addon.unmap(region);
      for (const fd of opened) this.addon.close(fd);
      throw error;
    }
  }

  /** Takes note of files, processes and connections that have ended by now. @returns whether somebody connects */
  #takeEvents(): boolean {
    let isCalled = false;
    for (let count = this.#report[1] as number; count > 0; count = this.#report[1] as number) {
      for (const key of this.#report.subarray(2, 2 + count)) {
        if (key === KEY_FILES) {
          this.files.drain();
          this.epolls.settleAll();
        } else if (key === KEY_LISTENER) {
          isCalled = true;
        } else if (key >= KEY_EPOLLS) {
          this.epolls.drop(key - KEY_EPOLLS);
        } else {
          const client = this.#clients.get(indexOfKey(key));
          if (client !== undefined) this.#drop(client);
        }
      }
      this.#report[1] = 0;
      if (this.system.scheduler.ready > 0) this.system.scheduler.runReady();
      if (count === EVENTS_MAX) this.addon.collect();
    }
    return isCalled;
  }

  #drop(client: Client): void {
    this.#clients.delete(client.index);
    if (Math.floor(this.#held / protocol.IO_SLOTS) === client.index) this.#held = NOTHING;
    this.addon.epollDelete(this.#events, client.pidfd);
    this.addon.epollDelete(this.#events, client.socket);
    client.end();
    this.addon.removeClient(client.index);
    this.addon.unmap(client.region);
    for (const fd of [client.pidfd, client.socket, client.bell]) this.addon.close(fd);
  }

  /** A real folder for a program whose working folder is an emulated one: its path below `cwd` says which. */
  mirror(path: string): void {
    mkdirSync(join(this.folder, 'cwd', path), { recursive: true, mode: 0o700 });
  }
}
