import { Errno } from '../../abi/index.ts';
import type { MemoryObject } from '../../kernel/index.ts';
import { CoherentRegion, type ContiguousRegion, type DmaDevice, type PageRange } from '../../memory/index.ts';
import { PACKET_SIZE, PacketRecord, type SharedRegion } from '../../ports/keembay/index.ts';

/** A reserved region of packets: section 3 of docs/reference/keembay-ipc.md. */
export class IpcRegion implements SharedRegion {
  readonly vpuAddr: number;
  readonly size: number;
  readonly memory: MemoryObject;
  readonly record: PacketRecord;
  readonly #coherent: CoherentRegion;

  /**
   * @param sender whose packets they are
   * @param slots how many of its packets are used; all that it has room for when left out
   * @throws Errno ENOMEM when its pages are no power of two; EIO when the device cannot reach it
   */
  constructor(device: DmaDevice, reserved: ContiguousRegion, sender: 'cpu' | 'vpu', slots = Number.POSITIVE_INFINITY) {
    this.#coherent = new CoherentRegion(device, reserved);
    this.size = this.#coherent.size;
    this.memory = this.#coherent.memory;
    this.vpuAddr = this.#coherent.busAddress;
    const { system } = device;
    this.record = new PacketRecord(Math.min(slots, Math.floor(this.size / PACKET_SIZE)), sender, () => system.now());
  }

  /** How many packets it holds. */
  get slots(): number {
    return this.record.slots.length;
  }

  /** Where the VPU sees a packet. @throws Errno EINVAL for a region that reaches the end of 32 bits or beyond */
  vpuAddrOf(slot: number): number {
    if (this.vpuAddr + this.size > 0xffffffff) throw new Errno('EINVAL', 'the region is not below 4 GiB');
    return this.vpuAddr + slot * PACKET_SIZE;
  }

  /** Some of its bytes, for whoever maps them once more. */
  rangeOf(offset: number, length: number): PageRange {
    return this.#coherent.rangeOf(offset, length);
  }

  release(): void {
    this.#coherent.release();
  }
}
