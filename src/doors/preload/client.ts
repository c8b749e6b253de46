import { Errno, errno } from '../../abi/index.ts';
import { AioContexts, type Credentials, type File, type Kernel, Mutex } from '../../kernel/index.ts';
import { commOf } from '../host/index.ts';
import type { Connection } from './addon.ts';
import type { Holder, NativeInode } from './native-files.ts';
import { IO_REGION_SIZE, IO_SLOTS } from './protocol.ts';
import type { PreloadServer } from './server.ts';
import { Slot } from './slot.ts';
import { TransferWindows } from './transfer-windows.ts';

/** The program behind a connection. */
export interface Process {
  readonly pid: number;
  readonly comm: string;
  readonly credentials: Credentials;
}

/** What the connection of a process is made of, besides what it proved about itself. */
export interface ClientParts {
  readonly index: number;
  readonly region: ArrayBuffer;
  readonly bell: number;
}

/** Whoever starts a machine is root in it; other users keep their numbers. */
function credentialsOf({ uid, gid, groups }: Connection): Credentials {
  const isOwner = uid === process.getuid?.();
  return { uid: isOwner ? 0 : uid, gid: isOwner ? 0 : gid, groups: isOwner ? [] : groups };
}

/**
 * The connection of one process: its region, its slots, and the files that it has proved to hold, by the handles that it knows them
 * by. It ends with the process, or when the last copy of its socket is closed (by exec, say).
 */
export class Client implements Holder {
  readonly server: PreloadServer;
  readonly process: Process;
  readonly index: number;
  readonly socket: number;
  readonly pidfd: number;
  readonly bell: number;
  readonly region: ArrayBuffer;
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly ints: Int32Array;
  readonly uints: Uint32Array;
  isAlive = true;
  /** Numbers of the epoll sets that it has shown to have. */
  readonly epolls = new Set<number>();
  readonly windows: TransferWindows;
  /** Its contexts of io_setup that have emulated requests. */
  readonly aio = new AioContexts();
  /** Held while one of them is made, so that it is made once. */
  readonly makingAio = new Mutex('the making of contexts of io_setup');
  readonly #slots: (Slot | undefined)[] = [];
  /** Handle 0 means none. */
  readonly #files: (NativeInode | undefined)[] = [undefined];
  readonly #freeHandles: number[] = [];
  /** Descriptors that arrived for slots whose request has not been looked at yet. */
  readonly #received = new Map<number, number>();
  /** One descriptor at a time is under way to the process: its threads receive from one socket. */
  readonly #sending: Mutex;

  constructor(server: PreloadServer, connection: Connection, parts: ClientParts) {
    this.server = server;
    this.process = { pid: connection.pid, comm: commOf(connection.pid), credentials: credentialsOf(connection) };
    this.index = parts.index;
    this.socket = connection.socket;
    this.pidfd = connection.pidfd;
    this.bell = parts.bell;
    this.region = parts.region;
    this.view = new DataView(parts.region);
    this.bytes = new Uint8Array(parts.region);
    this.ints = new Int32Array(parts.region, 0, IO_REGION_SIZE / 4);
    this.uints = new Uint32Array(parts.region, 0, IO_REGION_SIZE / 4);
    this.windows = new TransferWindows(server.addon);
    this.#sending = new Mutex(`the socket of process ${connection.pid}`);
  }

  slot(index: number): Slot {
    this.#slots[index] ??= new Slot(this, index);
    return this.#slots[index] as Slot;
  }

  /** Whether one of its threads waits for the machine; see {@link Slot.isWaiting}. */
  isWaiting(tid: number): boolean {
    return this.#slots.some((slot) => slot?.task.pid === tid && slot.isWaiting);
  }

  /** Makes a slot's new state known to the program. */
  publish(slot: Slot, state: number): void {
    if (this.isAlive) this.server.publish(slot.number, state);
  }

  // ---- files ------------------------------------------------------------------

  /** The handle by which the process knows an inode. */
  hold(inode: NativeInode): number {
    const known = inode.holders.get(this);
    if (known !== undefined) return known;
    const handle = this.#freeHandles.pop() ?? this.#files.length;
    this.#files[handle] = inode;
    inode.holders.set(this, handle);
    return handle;
  }

  forget(handle: number): void {
    this.#files[handle] = undefined;
    this.#freeHandles.push(handle);
  }

  /** The inode of a handle; undefined for one that stands for nothing. */
  inodeOf(handle: number): NativeInode | undefined {
    return this.#files[handle];
  }

  /** The file of a handle; undefined for one that stands for nothing, or for a descriptor that is only reserved. */
  fileOf(handle: number): File | undefined {
    return this.#files[handle]?.file;
  }

  /** Sends a descriptor, and keeps others from being sent until the process has taken it. */
  *sending<T>(fd: number, take: () => Kernel<T>): Kernel<T> {
    yield* this.#sending.lock();
    try {
      // The number of a socket that is closed may be somebody else's by now.
      if (!this.isAlive) throw new Errno('EFAULT', 'the program is gone');
      if (this.server.addon.send(this.socket, fd) < 0) throw new Errno('ENFILE', 'the program does not take what is sent to it');
      return yield* take();
    } finally {
      this.#sending.unlock();
    }
  }

  /** A descriptor that the process has sent for a slot's call: the inode that it shows, if it is one of ours. */
  receivedFor(slot: number): NativeInode | undefined {
    const fd = this.takeReceived(slot);
    if (fd === undefined) return undefined;
    const inode = this.server.files.identify(fd);
    this.server.addon.close(fd);
    return inode;
  }

  /** The descriptor itself; the caller closes it. */
  takeReceived(slot: number): number | undefined {
    const { addon } = this.server;
    for (
      let message = addon.receive(this.socket);
      message !== -errno.EAGAIN && message !== -errno.EPIPE;
      message = addon.receive(this.socket)
    ) {
      if (typeof message === 'number') continue;
      this.#dropReceived(message.slot);
      if (message.slot < IO_SLOTS) this.#received.set(message.slot, message.fd);
      else addon.close(message.fd);
    }
    const fd = this.#received.get(slot);
    this.#received.delete(slot);
    return fd;
  }

  #dropReceived(slot: number): void {
    const fd = this.#received.get(slot);
    if (fd !== undefined) this.server.addon.close(fd);
    this.#received.delete(slot);
  }

  // ---- the end ------------------------------------------------------------------

  /** The process is gone: its calls end where they can, and nothing of it stays. */
  end(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.aio.exit();
    for (const slot of this.#slots) slot?.end();
    for (const slot of this.#received.keys()) this.#dropReceived(slot);
    this.windows.end();
    for (const inode of this.#files) {
      inode?.file?.inode.locks?.dropOwner(this);
      inode?.holders.delete(this);
    }
  }
}
