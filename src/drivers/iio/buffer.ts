/** A buffer of a device, as `struct iio_buffer`, and its folders in sysfs: drivers/iio/industrialio-buffer.c. */
import { Errno } from '../../abi/index.ts';
import {
  type Attribute,
  type AttributeGroup,
  type Kernel,
  kstrtobool,
  kstrtouint,
  Mutex,
  type UserBuffer,
  WaitQueue,
} from '../../kernel/index.ts';
import type { AttachedDmabuf } from './attached-dmabuf.ts';
import { attributeName, formatScanType, scanBytes } from './channel.ts';
import type { DmabufAccess } from './dmabuf.ts';
import type { IioDevice } from './iio-device.ts';

/** What is behind a buffer, as `struct iio_buffer_access_funcs`. */
export interface BufferAccess {
  /** @returns bytes moved, 0 when there are none now @throws Errno EINVAL, EFAULT */
  read(to: UserBuffer): Kernel<number>;
  /** @throws Errno EINVAL, EFAULT */
  write(from: UserBuffer): Kernel<number>;
  /** What can be read, or written. */
  readonly available: number;
  /** The buffer is about to be enabled. @throws Errno ENOMEM */
  requestUpdate(): Kernel<void>;
  enable(): Kernel<void>;
  disable(): Kernel<void>;
  /** The length that a buffer gets of which this was wanted. */
  lengthFor(wanted: number): number;
  /** Whether programs cannot set the watermark. */
  readonly hasFixedWatermark: boolean;
  /** Left out, programs cannot give it dma-bufs. */
  readonly dmabufs?: DmabufAccess;
  readonly attributes?: readonly Attribute[];
}

export type BufferDirection = 'in' | 'out';

export class IioBuffer {
  readonly device: IioDevice;
  readonly direction: BufferDirection;
  readonly access: BufferAccess;
  /** In samples. */
  length: number;
  watermark: number;
  /** Of a scan; 0 until it is first enabled. */
  bytesPerDatum = 0;
  /** A bit for each scan index that it gets. */
  scanMask = 0;
  /** IIO_BUSY_BIT_POS: a descriptor of its own is out. */
  isBusy = false;
  /** iio_buffer_is_active. */
  isActive = false;
  readonly pollq: WaitQueue;
  readonly dmabufs: AttachedDmabuf[] = [];
  readonly dmabufsLock: Mutex;

  /** @param makeAccess what is behind it */
  constructor(
    device: IioDevice,
    { direction, length, watermark }: Pick<IioBuffer, 'direction' | 'length' | 'watermark'>,
    makeAccess: (buffer: IioBuffer) => BufferAccess,
  ) {
    this.device = device;
    this.direction = direction;
    this.length = length;
    this.watermark = watermark;
    this.pollq = new WaitQueue(`the buffer of ${device.name}`);
    this.dmabufsLock = new Mutex(`the dma-bufs of ${device.name}`, device.system.lockdep.lockClass('iio_dmabufs_mutex'));
    this.access = makeAccess(this);
  }

  /** iio_buffer_ready. @param toWait how much there must be; of a buffer that is disabled whatever is left will do */
  isReady(toWait: number): boolean {
    return this.device.isGone || this.access.available >= (this.isActive ? toWait : Math.min(toWait, 1));
  }

  updateBytesPerDatum(): void {
    this.bytesPerDatum = scanBytes(this.device.channels, this.scanMask);
  }

  /** `buffer0`, and of the first buffer also `buffer` and `scan_elements`, which old programs know. */
  groups(index: number): AttributeGroup[] {
    const own = [...this.#ownAttributes(), ...(this.access.attributes ?? [])];
    const elements = this.#scanElements();
    const groups: AttributeGroup[] = [{ name: `buffer${index}`, attributes: [...own, ...elements] }];
    if (index === 0) groups.push({ name: 'buffer', attributes: own }, { name: 'scan_elements', attributes: elements });
    return groups;
  }

  #ownAttributes(): Attribute[] {
    const { device, access } = this;
    return [
      {
        name: 'length',
        mode: 0o644,
        show: () => `${this.length}\n`,
        store: (text) => this.#storeLength(kstrtouint(text, 10)),
      },
      {
        name: 'enable',
        mode: 0o644,
        show: () => `${this.isActive ? 1 : 0}\n`,
        store: (text) => device.setEnabled(this, kstrtobool(text)),
      },
      {
        name: 'watermark',
        mode: access.hasFixedWatermark ? 0o444 : 0o644,
        show: () => `${this.watermark}\n`,
        ...(access.hasFixedWatermark ? {} : { store: (text: string) => this.#storeWatermark(kstrtouint(text, 10)) }),
      },
      { name: 'data_available', mode: 0o444, show: () => `${access.available}\n` },
      { name: 'direction', mode: 0o444, show: () => `${this.direction}\n` },
    ];
  }

  #scanElements(): Attribute[] {
    return this.device.channels.flatMap((channel) => {
      const { scan } = channel;
      if (scan === undefined) return [];
      const bit = 1 << scan.index;
      return [
        { name: attributeName(channel, 'index'), mode: 0o444, show: () => `${scan.index}\n` },
        { name: attributeName(channel, 'type'), mode: 0o444, show: () => formatScanType(scan.type) },
        {
          name: attributeName(channel, 'en'),
          mode: 0o644,
          show: () => `${(this.scanMask & bit) === 0 ? 0 : 1}\n`,
          store: (text: string) => this.#storeElement(bit, kstrtobool(text)),
        },
      ];
    });
  }

  *#storeLength(wanted: number): Kernel<void> {
    if (wanted === this.length) return;
    yield* this.#whileDisabled(() => {
      this.length = this.access.lengthFor(wanted);
      if (this.length < this.watermark) this.watermark = this.length;
    });
  }

  *#storeWatermark(wanted: number): Kernel<void> {
    if (wanted === 0) throw new Errno('EINVAL', 'a watermark is at least 1');
    yield* this.device.locked(() => {
      if (wanted > this.length) throw new Errno('EINVAL', `the buffer has ${this.length} samples`);
      this.#assertDisabled();
      this.watermark = wanted;
    });
  }

  #storeElement(bit: number, isEnabled: boolean): Kernel<void> {
    return this.#whileDisabled(() => {
      this.scanMask = isEnabled ? this.scanMask | bit : this.scanMask & ~bit;
    });
  }

  #whileDisabled(change: () => void): Kernel<void> {
    return this.device.locked(() => {
      this.#assertDisabled();
      change();
    });
  }

  #assertDisabled(): void {
    if (this.isActive) throw new Errno('EBUSY', 'the buffer is enabled');
  }
}
