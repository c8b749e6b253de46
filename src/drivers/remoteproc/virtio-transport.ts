/** drivers/remoteproc/remoteproc_virtio.c: a virtio device whose status, features and configuration are in the resource table. Section 20.3. */
import { Errno } from '../../abi/index.ts';
import { VIRTIO_F_RING_PACKED } from '../../abi/uapi/index.ts';
import { finish, type Kernel } from '../../kernel/index.ts';
import { allocateCoherent } from '../../memory/index.ts';
import { fw_rsc_vdev, fw_rsc_vdev_vring, VDEV_DFEATURES, VDEV_GFEATURES, VDEV_STATUS, VRING_DA } from '../../ports/remoteproc/index.ts';
import {
  splitRingFeatures,
  splitRingSize,
  type VirtioDevice,
  type VirtioTransport,
  Virtqueue,
  type VirtqueueInfo,
} from '../../virtio/index.ts';
import type { Rproc } from './rproc.ts';
import type { ResourceTable } from './table.ts';
import { type Rvdev, ringRegion, type Vring } from './vdev.ts';

export class RprocTransport implements VirtioTransport {
  readonly #vdev: Rvdev;

  constructor(vdev: Rvdev) {
    this.#vdev = vdev;
  }

  getStatus(): number {
    return this.#view.getUint8(this.#at(VDEV_STATUS));
  }

  setStatus(status: number): void {
    this.#view.setUint8(this.#at(VDEV_STATUS), status);
    this.#vdev.rproc.observer.virtio(`status of vdev${this.#vdev.index} = 0x${status.toString(16)}`);
  }

  reset(): void {
    this.setStatus(0);
  }

  getFeatures(): bigint {
    return BigInt(this.#view.getUint32(this.#at(VDEV_DFEATURES), true));
  }

  /** Packed rings are not for this transport, and what is above bit 31 has no place in the table. @throws Errno EINVAL */
  finalizeFeatures(device: VirtioDevice): void {
    device.features = splitRingFeatures(device.features) & ~(1n << BigInt(VIRTIO_F_RING_PACKED));
    if (device.features >> 32n !== 0n) throw new Errno('EINVAL', 'a resource table has only 32 feature bits');
    this.#view.setUint32(this.#at(VDEV_GFEATURES), Number(device.features), true);
    this.#vdev.rproc.observer.virtio(`features of vdev${this.#vdev.index} = 0x${device.features.toString(16)}`);
  }

  findVqs(device: VirtioDevice, queues: readonly VirtqueueInfo[]): Virtqueue[] {
    try {
      return queues.map((info, index) => this.#findVq(device, info, index));
    } catch (error) {
      this.delVqs(device);
      throw error;
    }
  }

  delVqs(_device: VirtioDevice): void {
    for (const vring of this.#vdev.vrings) vring.queue = undefined;
  }

  get(offset: number, into: Uint8Array): void {
    const at = this.#config(offset, into.length, 'get');
    if (at !== undefined) into.set(this.#bytes.subarray(at, at + into.length));
  }

  set(offset: number, bytes: Uint8Array): void {
    const at = this.#config(offset, bytes.length, 'set');
    if (at !== undefined) this.#bytes.set(bytes, at);
  }

  allocateCoherent(size: number) {
    const { pool, rproc } = this.#vdev;
    const { parent } = rproc;
    const memory = pool?.allocate(size) ?? parent.allocateCoherent?.(size) ?? allocateCoherent(parent.dma, parent.cma, size);
    rproc.observer.buffers.set(this.#vdev.index, { physical: memory.physical, len: size });
    return {
      range: { memory: memory.memory, offset: memory.offset, length: size },
      address: memory.physical,
      free: () => {
        rproc.observer.buffers.delete(this.#vdev.index);
        memory.free();
      },
    };
  }

  /** Not to be kept. A virtio device goes before the table that it is in. */
  get #view(): DataView {
    return (this.#vdev.rproc.tablePtr as ResourceTable).view();
  }

  get #bytes(): Uint8Array {
    return (this.#vdev.rproc.tablePtr as ResourceTable).bytes();
  }

  #at(field: number): number {
    return this.#vdev.rscOffset + field;
  }

  /** Where bytes of the configuration space are in the table; undefined when it has not so many. */
  #config(offset: number, length: number, what: string): number | undefined {
    const { rscOffset, rproc } = this.#vdev;
    const { size } = rproc.tablePtr as ResourceTable;
    const { config_len, num_of_vrings } = fw_rsc_vdev.decode(this.#view, rscOffset);
    const at = rscOffset + fw_rsc_vdev.size + num_of_vrings * fw_rsc_vdev_vring.size + offset;
    if (offset + length <= config_len && at + length <= size) return at;
    this.#vdev.print('err', `rproc_virtio_${what}: access out of bounds`);
    return undefined;
  }

  /** rp_find_vq. @throws Errno EINVAL, ENOMEM */
  #findVq(device: VirtioDevice, { name, callback }: VirtqueueInfo, index: number): Virtqueue {
    const vring = this.#vdev.vrings[index];
    if (vring === undefined) throw new Errno('EINVAL', `vdev${this.#vdev.index} has ${this.#vdev.vrings.length} vrings`);
    const entry = ringRegion(vring);
    if (entry?.va === undefined) throw new Errno('ENOMEM', `no memory for the ring ${index} of vdev${this.#vdev.index}`);
    const { num, align } = vring;
    const size = splitRingSize(num, align);
    if (size > entry.va.length) throw new Errno('ENOMEM', `${entry.name} has ${entry.va.length} bytes, the ring ${size}`);
    entry.va.bytes(size).fill(0);
    if ((num & (num - 1)) !== 0) {
      device.print('warn', `Bad virtqueue length ${num}`);
      this.#vdev.print('err', `vring_new_virtqueue ${name} failed`);
      throw new Errno('ENOMEM', `a ring has a power of two of entries, not ${num}`);
    }
    const queue = new Virtqueue({
      device,
      index,
      name,
      num,
      align,
      memory: entry.va.range(size),
      notify: () => notify(vring),
      callback,
    });
    vring.queue = queue;
    this.#view.setUint32(vring.offset + VRING_DA, entry.da, true);
    return queue;
  }
}

/** rproc_virtio_notify. */
function notify({ vdev: { rproc }, notifyid }: Vring): boolean {
  rproc.observer.virtio(`kick ${notifyid}`);
  rproc.ops.kick?.(rproc, notifyid);
  return true;
}

/**
 * rproc_vq_interrupt: the remote processor rang.
 *
 * @returns whether there was something for the queue of that number
 */
export function* vqInterrupt(rproc: Rproc, notifyid: number): Kernel<boolean> {
  const queue = rproc.notifyids.find(notifyid)?.queue;
  return queue === undefined ? false : yield* finish(queue.interrupt());
}
