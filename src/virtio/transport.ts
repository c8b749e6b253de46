/** linux/virtio_config.h: how a driver reaches a virtio device. */
import type { MaybeKernel, MemoryRange } from '../kernel/index.ts';
import type { VirtioDevice } from './virtio-device.ts';
import type { Virtqueue } from './virtqueue.ts';

/** A queue that a driver wants, as `struct virtqueue_info`. */
export interface VirtqueueInfo {
  readonly name: string;
  /** Called, from a thread, when the device has used buffers; without one it is told not to interrupt. */
  readonly callback?: (queue: Virtqueue) => MaybeKernel<void>;
}

/** Memory that the driver and the device share, as dma_alloc_coherent gives: zero at first. */
export interface CoherentBuffer {
  /** The bytes; `length` is what was asked for. */
  readonly range: MemoryRange;
  /** Physical address of the first byte. */
  readonly address: number;
  /** dma_free_coherent. */
  free(): void;
}

/** `struct virtio_config_ops`, and the memory that the parent device gives. None of them waits. */
export interface VirtioTransport {
  /** The status byte: VIRTIO_CONFIG_S_ bits. */
  getStatus(): number;
  setStatus(status: number): void;
  /** Writes 0 to the status: the device forgets all. */
  reset(): void;
  /** Feature bits that the device offers. */
  getFeatures(): bigint;
  /** Tells the device `device.features`, after bits that the transport cannot do have been taken from them. @throws Errno */
  finalizeFeatures(device: VirtioDevice): void;
  /**
   * Makes the queues, by `new Virtqueue(…)` over the rings that the device knows of.
   *
   * @throws Errno what is wrong with one; none is left then
   */
  findVqs(device: VirtioDevice, queues: readonly VirtqueueInfo[]): Virtqueue[];
  /** Ends all queues of {@link findVqs}. */
  delVqs(device: VirtioDevice): void;
  /** Reads the device's configuration space. What is beyond it stays as it was. */
  get(offset: number, into: Uint8Array): void;
  /** Writes it. What is beyond it is lost. */
  set(offset: number, bytes: Uint8Array): void;
  /** dma_alloc_coherent of the device's parent. @param size in bytes @throws Errno ENOMEM */
  allocateCoherent(size: number): CoherentBuffer;
}
