import { Errno, isErrno } from '../../abi/index.ts';
import { type Descriptors, type EventfdContext, type File, FMODE_PATH, type Kernel, type Memfd } from '../../kernel/index.ts';
import { hostEventfd } from './host-eventfd.ts';
import type { NativeInode } from './native-files.ts';
import { IO_UP_CLOSE, IO_UP_INSTALL, IO_UP_LOOKUP, IO_UP_SEND } from './protocol.ts';
import { outcome, type Slot } from './slot.ts';

/** The handle of an open descriptor that is none of the machine's. */
const NOT_OURS = 0;

/** The descriptors of a program behind the native door: real ones, which its thread makes, looks up and closes for the server. */
export class RemoteDescriptors implements Descriptors {
  readonly #slot: Slot;
  /** Reserved numbers whose file is still to come. */
  readonly #reserved = new Map<number, NativeInode>();

  /** Descriptors that the program has sent for the call under way, by their numbers there. */
  readonly #received = new Map<number, number>();

  constructor(slot: Slot) {
    this.#slot = slot;
  }

  at(fd: number): File | undefined {
    return this.#slot.known.get(fd);
  }

  *get(fd: number): Kernel<File> {
    const file = this.at(fd) ?? (yield* this.#lookUp(fd));
    if ((file.mode & FMODE_PATH) !== 0) throw new Errno('EBADF', `descriptor ${fd} is only a path`);
    return file.get();
  }

  *#lookUp(fd: number): Kernel<File> {
    const { client } = this.#slot;
    const handle = outcome(yield* this.#slot.ask(IO_UP_LOOKUP, fd), `descriptor ${fd}`);
    if (handle === NOT_OURS) return client.server.foreignFile;
    const file = client.fileOf(handle);
    if (file === undefined) throw new Errno('EBADF', `descriptor ${fd} is only reserved`);
    return file;
  }

  *memfd(fd: number): Kernel<Memfd | undefined> {
    const { client } = this.#slot;
    let received = this.#received.get(fd);
    if (received === undefined) {
      const sent = yield* this.#send(fd);
      if (typeof sent !== 'number') return sent.inode.sealable;
      received = sent;
      this.#received.set(fd, received);
    }
    return client.server.memfds.of(received);
  }

  *eventfd(fd: number): Kernel<EventfdContext> {
    const sent = yield* this.#send(fd);
    if (typeof sent !== 'number') throw new Errno('EINVAL', `${sent.path} is no eventfd`);
    return hostEventfd(this.#slot.client.server.addon, sent);
  }

  /** Has the program send a descriptor. @returns it, for the caller to close, or the file when it is one of the machine's */
  *#send(fd: number): Kernel<number | File> {
    const { client } = this.#slot;
    const handle = outcome(yield* this.#slot.ask(IO_UP_SEND, fd), `descriptor ${fd}`);
    if (handle === NOT_OURS) {
      const received = client.takeReceived(this.#slot.index);
      if (received === undefined) throw new Errno('EBADF', `the program has not sent descriptor ${fd}`);
      return received;
    }
    const file = client.fileOf(handle);
    if (file === undefined || (file.mode & FMODE_PATH) !== 0) throw new Errno('EBADF', `descriptor ${fd} is not open`);
    return file;
  }

  /** The call has ended. */
  dropReceived(): void {
    for (const received of this.#received.values()) this.#slot.client.server.addon.close(received);
    this.#received.clear();
  }

  *reserve(closeOnExec: boolean): Kernel<number> {
    const { inode, fd } = yield* this.#install(undefined, closeOnExec);
    if (this.#reserved.has(fd)) throw new Errno('EBADF', `the program says that descriptor ${fd} was made twice`);
    this.#reserved.set(fd, inode);
    return fd;
  }

  *fill(fd: number, file: File): Kernel<void> {
    const inode = this.#reserved.get(fd);
    if (inode === undefined) throw new Error(`descriptor ${fd} was not reserved`);
    this.#reserved.delete(fd);
    // Another thread may have closed it already.
    if (inode.hasEnded) file.put();
    else inode.file = file;
  }

  *cancel(fd: number): Kernel<void> {
    this.#reserved.delete(fd);
    try {
      yield* this.#slot.ask(IO_UP_CLOSE, fd);
    } catch (error) {
      // A program that is gone has closed it: who cancels goes on with cleaning up.
      if (!isErrno(error, 'EFAULT')) throw error;
    }
  }

  *install(file: File, closeOnExec: boolean): Kernel<number> {
    const { fd } = yield* this.#install(file, closeOnExec);
    return fd;
  }

  *#install(file: File | undefined, closeOnExec: boolean): Kernel<{ readonly inode: NativeInode; readonly fd: number }> {
    const { client } = this.#slot;
    client.server.system.faults.check('fd', '');
    const { inode, fd: sent } = client.server.files.make(file);
    const handle = client.hold(inode);
    try {
      const result = yield* client.sending(sent, () => this.#slot.ask(IO_UP_INSTALL, handle, closeOnExec ? 1 : 0, inode.ino));
      const fd = outcome(result, 'a new descriptor');
      return { inode, fd };
    } catch (error) {
      // The reference stays the caller's. The descriptor sent has kept the inode until now, so it has not been given back already.
      inode.file = undefined;
      throw error;
    } finally {
      client.server.addon.close(sent);
    }
  }
}
