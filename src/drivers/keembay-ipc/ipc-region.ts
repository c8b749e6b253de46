import { Errno } from '../../abi/index.ts';
import { PAGE_SIZE } from '../../abi/uapi/index.ts';
import type { MemoryObject, PageRange } from '../../kernel/index.ts';
import { ArrayMemoryProvider, type ContiguousRegion, type DmaDevice, type DmaMapping } from '../../memory/index.ts';
import { PACKET_SIZE, PacketRecord, type SharedRegion } from '../../ports/keembay/index.ts';

/**
 * A reserved region that is all one coherent allocation: section 3 of docs/reference/keembay-ipc.md. Its memory is never shown to
 * programs, so it is not the door's to provide.
 */
export class IpcRegion implements SharedRegion {
  readonly vpuAddr: number;
  readonly size: number;
  readonly memory: MemoryObject;
  readonly record: PacketRecord;
  readonly #reserved: ContiguousRegion;
  readonly #device: DmaDevice;
  readonly #mapping: DmaMapping;
  readonly #address: number;

  /**
   * dma_alloc_coherent of all of it: the allocator of a reserved region rounds up to a power of two, and has nowhere else to look.
   *
   * @param sender whose packets they are
   * @throws Errno ENOMEM when its pages are no power of two; EIO when the device cannot reach it
   */
  constructor(device: DmaDevice, reserved: ContiguousRegion, sender: 'cpu' | 'vpu') {
    const { system } = device;
    this.#device = device;
    this.#reserved = reserved;
    this.size = reserved.size;
    const rounded = PAGE_SIZE * 2 ** Math.ceil(Math.log2(reserved.size / PAGE_SIZE));
    if (rounded > reserved.size)
      throw new Errno('ENOMEM', `region ${reserved.name} of ${reserved.size} bytes has no ${rounded}, and that many would be taken`);
    this.#address = reserved.allocate(rounded);
    this.memory = new ArrayMemoryProvider(() => system.ledger).allocate(rounded, `region ${reserved.name}`);
    reserved.back(this.#address, this.memory, 0);
    const pages: PageRange[] = [{ memory: this.memory, offset: 0, length: rounded, address: this.#address }];
    try {
      this.#mapping = device.mapSg(pages, 'bidirectional');
    } catch (error) {
      reserved.free(this.#address);
      this.memory.put();
      throw error;
    }
    this.vpuAddr = (this.#mapping.segments[0] as { busAddress: number }).busAddress;
    this.record = new PacketRecord(Math.floor(this.size / PACKET_SIZE), sender, () => system.now());
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

  release(): void {
    this.#device.unmapSg(this.#mapping, 'bidirectional');
    this.#reserved.free(this.#address);
    this.memory.put();
  }
}
