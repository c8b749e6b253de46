import { Errno } from '../../abi/index.ts';
import { type DmaBuf, type DmaBufAttachment, dmaBufGet, type SgTable } from '../../dma-buf/index.ts';
import { Idr, type Kernel, Mutex, type Task } from '../../kernel/index.ts';
import type { DmaDevice, DmaDirection } from '../../memory/index.ts';
import { type IpcLink, PACKET_SIZE } from '../../ports/keembay/index.ts';

/**
 * When the VPU loses a buffer that its importer releases: at once, as real drivers do it; when no packet names it any more; or that is
 * EBUSY while one does. Section 19.5 of docs/reference/keembay-ipc.md.
 */
export type PayloadLifetime = 'eager' | 'deferred' | 'refuse';

/** A buffer that a file has imported. */
export interface Payload {
  /** With a reference. */
  readonly dmabuf: DmaBuf<any>;
  readonly attachment: DmaBufAttachment<undefined>;
  readonly table: SgTable;
  readonly direction: DmaDirection;
  /** Where the VPU sees its first byte. */
  readonly vpuAddr: number;
  /** Imports of the same buffer that were not released. */
  imports: number;
}

export interface ImportRequest {
  readonly fd: number;
  readonly access: number;
  /** In bytes, as `length`; a length of 0 is up to the end. */
  readonly offset: number;
  readonly length: number;
}

export interface Imported {
  readonly handle: number;
  /** Where the VPU sees the part that was asked for. */
  readonly vpuAddr: number;
}

/** By `access`: nothing said is both. */
const DIRECTIONS: readonly DmaDirection[] = ['bidirectional', 'to-device', 'from-device', 'bidirectional'];

function* end({ dmabuf, attachment, table, direction }: Payload): Kernel<void> {
  yield* attachment.unmapUnlocked(table, direction);
  yield* dmabuf.detach(attachment);
  dmabuf.put();
}

/** The buffers that one file has imported. */
export class FilePayloads {
  readonly #all: Payloads;
  readonly #byHandle = new Idr<Payload>();
  /** One import or release after the other. */
  readonly #lock = new Mutex('the imports of a file of keembay-ipc');

  constructor(all: Payloads) {
    this.#all = all;
  }

  /** @throws Errno EBADF, EINVAL, EIO, EOVERFLOW, ERESTARTSYS */
  *import(request: ImportRequest, task: Task): Kernel<Imported> {
    yield* this.#lock.lock({ mode: 'interruptible' });
    try {
      return yield* this.#import(request, task);
    } finally {
      this.#lock.unlock();
    }
  }

  *#import(request: ImportRequest, task: Task): Kernel<Imported> {
    return yield* this.importBuffer(yield* dmaBufGet(request.fd, task), request);
  }

  /** @param dmabuf with a reference, which this takes @throws Errno EINVAL, EIO, EOVERFLOW */
  *importBuffer(dmabuf: DmaBuf<any>, { access, offset, length }: Omit<ImportRequest, 'fd'>): Kernel<Imported> {
    try {
      const direction = DIRECTIONS[access];
      if (direction === undefined) throw new Errno('EINVAL', `there is no access ${access}`);
      if (offset % PACKET_SIZE !== 0) throw new Errno('EINVAL', `offset ${offset} is not a multiple of ${PACKET_SIZE}`);
      if (offset >= dmabuf.size || offset + length > dmabuf.size)
        throw new Errno('EINVAL', `${length} bytes at ${offset} are not within a buffer of ${dmabuf.size}`);
      for (const [handle, payload] of this.#byHandle) {
        if (payload.dmabuf !== dmabuf) continue;
        payload.imports++;
        dmabuf.put();
        return { handle, vpuAddr: payload.vpuAddr + offset };
      }
      const payload = yield* this.#attach(dmabuf, direction);
      return { handle: this.#byHandle.allocate(payload), vpuAddr: payload.vpuAddr + offset };
    } catch (error) {
      dmabuf.put();
      throw error;
    }
  }

  *#attach(dmabuf: DmaBuf<any>, direction: DmaDirection): Kernel<Payload> {
    const attachment = yield* dmabuf.attach(this.#all.device);
    try {
      const table = yield* attachment.mapUnlocked(direction);
      try {
        return { dmabuf, attachment, table, direction, vpuAddr: this.#placeOf(dmabuf, table), imports: 1 };
      } catch (error) {
        yield* attachment.unmapUnlocked(table, direction);
        throw error;
      }
    } catch (error) {
      yield* dmabuf.detach(attachment);
      throw error;
    }
  }

  /** @throws Errno EINVAL, EOVERFLOW */
  #placeOf(dmabuf: DmaBuf<any>, { segments }: SgTable): number {
    const [first] = segments;
    if (first === undefined || segments.length > 1)
      throw new Errno('EINVAL', `the VPU needs one segment, and the buffer has ${segments.length}`);
    if (first.busAddress + dmabuf.size > 2 ** 32) throw new Errno('EOVERFLOW', 'the VPU has 32 bits of address');
    return first.busAddress;
  }

  /** @param isForced whether it goes even while a packet names it @throws Errno EINVAL, EBUSY */
  *release(handle: number, isForced: boolean): Kernel<void> {
    yield* this.#lock.lock({ mode: 'interruptible' });
    try {
      yield* this.#release(handle, isForced);
    } finally {
      this.#lock.unlock();
    }
  }

  *#release(handle: number, isForced: boolean): Kernel<void> {
    const payload = this.#byHandle.find(handle);
    if (payload === undefined) throw new Errno('EINVAL', `this file has no import ${handle}`);
    if (payload.imports === 1 && !isForced) this.#all.assertReleasable(payload);
    if (--payload.imports > 0) return;
    this.#byHandle.remove(handle);
    yield* this.#all.letGo(payload);
  }

  /** The file closes. */
  *releaseAll(): Kernel<void> {
    for (const [handle, payload] of this.#byHandle) {
      this.#byHandle.remove(handle);
      yield* this.#all.letGo(payload);
    }
  }
}

/** Buffers that messages are about, of all files. */
export class Payloads {
  readonly device: DmaDevice;
  readonly #ipc: Pick<IpcLink, 'isNamed'>;
  readonly #lifetime: PayloadLifetime;
  /** Released, and a packet still names them. */
  #waiting: Payload[] = [];

  constructor(device: DmaDevice, ipc: Pick<IpcLink, 'isNamed'>, lifetime: PayloadLifetime) {
    this.device = device;
    this.#ipc = ipc;
    this.#lifetime = lifetime;
  }

  /** @throws Errno EBUSY while a packet names it, if that matters */
  assertReleasable(payload: Payload): void {
    if (this.#lifetime === 'refuse' && this.#isNamed(payload)) throw new Errno('EBUSY', 'a packet in use names the buffer');
  }

  *letGo(payload: Payload): Kernel<void> {
    if (this.#lifetime === 'deferred' && this.#isNamed(payload)) this.#waiting.push(payload);
    else yield* end(payload);
  }

  /** Ends what waits and is not named any more. */
  *sweep(): Kernel<void> {
    if (this.#waiting.length === 0) return;
    const done = this.#waiting.filter((payload) => !this.#isNamed(payload));
    this.#waiting = this.#waiting.filter((payload) => !done.includes(payload));
    for (const payload of done) yield* end(payload);
  }

  /** The device goes. */
  *endAll(): Kernel<void> {
    for (const payload of this.#waiting.splice(0)) yield* end(payload);
  }

  #isNamed({ vpuAddr, dmabuf }: Payload): boolean {
    return this.#ipc.isNamed(vpuAddr, dmabuf.size);
  }
}
