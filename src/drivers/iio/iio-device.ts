/** A device of the industrial I/O subsystem, as `struct iio_dev`: drivers/iio/industrialio-core.c and the parts of -buffer.c about enabling. */
import { Errno } from '../../abi/index.ts';
import { type AttributeGroup, type Device, finish, type Kernel, type MaybeKernel, Mutex, type System } from '../../kernel/index.ts';
import { type BufferAccess, type BufferDirection, IioBuffer } from './buffer.ts';
import { bufferDeviceOperations } from './buffer-file.ts';
import { type Channel, channelAttributes } from './channel.ts';
import { iioBus } from './iio-bus.ts';
import type { RegisterAccess } from './register-access.ts';

export interface IioDeviceDescription {
  readonly system: System;
  readonly name: string;
  /** Of the device that it is a part of. */
  readonly parent: Device;
  readonly channels: readonly Channel[];
  readonly groups?: readonly AttributeGroup[];
  /** update_scan_mode: the hardware is to give these channels. */
  readonly updateScanMode?: (mask: number) => MaybeKernel<void>;
  /** What debugfs shows of its registers. */
  readonly registers?: RegisterAccess;
}

/** What a buffer starts with; both in samples. */
export interface BufferDefaults {
  readonly direction: BufferDirection;
  readonly length: number;
  readonly watermark: number;
}

export class IioDevice {
  readonly system: System;
  readonly name: string;
  readonly channels: readonly Channel[];
  readonly buffers: IioBuffer[] = [];
  /** Its name on the bus and below /dev: `iio:device0`. */
  id = '';
  /** It was unregistered: `info` is NULL. */
  isGone = false;
  /** IIO_BUSY_BIT_POS: its node is open. */
  isBusy = false;
  readonly #description: IioDeviceDescription;
  readonly #mlock: Mutex;
  #unregister: (() => void) | undefined;

  constructor(description: IioDeviceDescription) {
    this.#description = description;
    this.system = description.system;
    this.name = description.name;
    this.channels = description.channels;
    this.#mlock = new Mutex(`${this.name}`, this.system.lockdep.lockClass('iio_mlock'));
  }

  /** iio_device_attach_buffer. Before {@link register}. */
  attachBuffer(defaults: BufferDefaults, makeAccess: (buffer: IioBuffer) => BufferAccess): IioBuffer {
    const buffer = new IioBuffer(this, defaults, makeAccess);
    this.buffers.push(buffer);
    return buffer;
  }

  /** iio_device_register: its folder, and its node. */
  register(): void {
    const { parent, groups = [], registers } = this.#description;
    const own = { attributes: [{ name: 'name', mode: 0o444, show: () => `${this.name}\n` }, ...channelAttributes(this.channels)] };
    const bus = iioBus(this.system);
    const place = {
      parent,
      groups: [own, ...groups, ...this.buffers.flatMap((buffer, index) => buffer.groups(index))],
      ops: bufferDeviceOperations(this),
    };
    this.#unregister = bus.add(this, place, registers);
  }

  /**
   * iio_device_unregister, and what its buffers have goes. Files that are open say ENODEV from now on.
   *
   * @param freeBuffers what the driver does with what is behind its buffers
   */
  *unregister(freeBuffers: () => MaybeKernel<void>): Kernel<void> {
    if (this.isGone) return;
    this.#unregister?.();
    yield* this.#mlock.lock();
    yield* this.#disableBuffers();
    for (const buffer of this.buffers) buffer.isActive = false;
    this.isGone = true;
    this.#mlock.unlock();
    for (const { pollq } of this.buffers) pollq.wake();
    yield* finish(freeBuffers());
  }

  /** Does something that must not happen while a buffer is enabled or disabled. */
  *locked(work: () => void): Kernel<void> {
    yield* this.#mlock.lock();
    try {
      work();
    } finally {
      this.#mlock.unlock();
    }
  }

  /** What a write to `enable` does: nothing when it is so already. @throws Errno EINVAL, and what enabling says */
  *setEnabled(buffer: IioBuffer, isEnabled: boolean): Kernel<void> {
    yield* this.#mlock.lock();
    try {
      if (buffer.isActive !== isEnabled) yield* this.#update(buffer, isEnabled);
    } finally {
      this.#mlock.unlock();
    }
  }

  /** __iio_update_buffers. Buffers that hardware fills are enabled one at a time. */
  *#update(buffer: IioBuffer, isEnabled: boolean): Kernel<void> {
    if (isEnabled) {
      if (buffer.scanMask === 0) throw new Errno('EINVAL', 'no channel is enabled');
      if (this.buffers.some(({ isActive }) => isActive)) throw new Errno('EINVAL', 'another buffer is enabled');
      buffer.updateBytesPerDatum();
      yield* buffer.access.requestUpdate();
    }
    yield* this.#disableBuffers();
    buffer.isActive = isEnabled;
    if (!isEnabled) {
      buffer.pollq.wake();
      return;
    }
    try {
      yield* finish(this.#description.updateScanMode?.(buffer.scanMask));
      yield* buffer.access.enable();
    } catch (error) {
      buffer.isActive = false;
      buffer.pollq.wake();
      throw error;
    }
  }

  *#disableBuffers(): Kernel<void> {
    for (const { isActive, access } of this.buffers) if (isActive) yield* access.disable();
  }
}
