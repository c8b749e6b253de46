import { O_RDWR, PAGE_SIZE } from '../../abi/uapi/index.ts';
import { DmaBuf, type DmaBufAttachment, type DmaBufOps, type SgTable } from '../../dma-buf/index.ts';
import type { Kernel, System } from '../../kernel/index.ts';
import type { DmaDevice, PageRange } from '../../memory/index.ts';
import { PACKET_ALLOCATED, PACKET_FREE, PACKET_SIZE, setStatus, statusOf } from '../../ports/keembay/index.ts';
import type { IpcRegion } from './ipc-region.ts';
import { type PacketAllocator, ScannedPool, type ScanStatistics } from './packet-pool.ts';

/** Of a part of the region: the memory stays for as long as the buffer does. */
const operations: DmaBufOps<PageRange> = {
  mapDmaBuf: (attachment, direction) => attachment.device.mapSg([(attachment.dmabuf as DmaBuf<PageRange>).private], direction),
  unmapDmaBuf: (attachment, mapping, direction) => attachment.device.unmapSg(mapping, direction),
  release: ({ private: { memory } }) => memory.put(),
};

/** A buffer that shows some memory, and keeps it. */
export function exportRange(system: System, range: PageRange): DmaBuf<PageRange> {
  range.memory.get();
  const info = { exporterName: 'keembay-ipc', ops: operations, size: range.length, flags: O_RDWR, private: range };
  return new DmaBuf<PageRange>(system, info);
}

/** A buffer that the VPU has mapped. */
class MappedBuffer {
  readonly #dmabuf: DmaBuf<PageRange>;
  readonly #attachment: DmaBufAttachment<undefined>;
  readonly #table: SgTable;

  private constructor(dmabuf: DmaBuf<PageRange>, attachment: DmaBufAttachment<undefined>, table: SgTable) {
    this.#dmabuf = dmabuf;
    this.#attachment = attachment;
    this.#table = table;
  }

  static *make(device: DmaDevice, range: PageRange): Kernel<MappedBuffer> {
    const dmabuf = exportRange(device.system, range);
    const attachment = yield* dmabuf.attach(device);
    return new MappedBuffer(dmabuf, attachment, yield* attachment.mapUnlocked('bidirectional'));
  }

  *end(): Kernel<void> {
    yield* this.#attachment.unmapUnlocked(this.#table, 'bidirectional');
    yield* this.#dmabuf.detach(this.#attachment);
    this.#dmabuf.put();
  }
}

/** Each packet is a dma-buf of its own, of a page. Its last reference goes when a sweep sees the packet free: no fence says so. */
export class BufferPerPacket implements PacketAllocator {
  readonly costs = { buffers: 0, attachments: 0, wastedBytesMax: 0 };
  readonly #device: DmaDevice;
  readonly #region: IpcRegion;
  readonly #statistics: ScanStatistics;
  /** By page of the region. */
  readonly #held: (MappedBuffer | undefined)[];

  constructor(device: DmaDevice, region: IpcRegion, statistics: ScanStatistics) {
    this.#device = device;
    this.#region = region;
    this.#statistics = statistics;
    this.#held = new Array(region.size / PAGE_SIZE).fill(undefined);
  }

  #isFree = (page: number) => this.#held[page] === undefined || statusOf(this.#region.memory.bytes(), page * PAGE_SIZE) === PACKET_FREE;

  hasFree(): boolean {
    return this.#held.some((_, page) => this.#isFree(page));
  }

  *allocate(): Kernel<number | undefined> {
    for (const page of this.#held.keys()) if (this.#isFree(page)) yield* this.#end(page);
    this.#statistics.steps += this.#held.length;
    this.#statistics.stepsMax = this.#held.length;
    const page = this.#held.indexOf(undefined);
    if (page < 0) return undefined;
    this.#held[page] = yield* MappedBuffer.make(this.#device, this.#region.rangeOf(page * PAGE_SIZE, PAGE_SIZE));
    this.#count();
    const slot = (page * PAGE_SIZE) / PACKET_SIZE;
    setStatus(this.#region.memory.bytes(), page * PAGE_SIZE, PACKET_ALLOCATED);
    this.#region.record.taken(slot);
    return slot;
  }

  #count(): void {
    this.costs.buffers++;
    this.costs.attachments++;
    const wasted = this.#held.filter((buffer) => buffer !== undefined).length * (PAGE_SIZE - PACKET_SIZE);
    this.costs.wastedBytesMax = Math.max(this.costs.wastedBytesMax, wasted);
  }

  *#end(page: number): Kernel<void> {
    const buffer = this.#held[page];
    this.#held[page] = undefined;
    if (buffer !== undefined) yield* buffer.end();
  }

  release(slot: number): void {
    this.#region.record.freed(slot, 'cpu', false);
    setStatus(this.#region.memory.bytes(), slot * PACKET_SIZE, PACKET_FREE);
  }

  *remove(): Kernel<void> {
    for (const page of this.#held.keys()) yield* this.#end(page);
  }
}

/** The whole region is one dma-buf, which the VPU has mapped: it outlives the driver. Packets are found by the scan. */
export class BufferOfAll extends ScannedPool {
  override readonly costs = { buffers: 0, attachments: 0, wastedBytesMax: 0 };
  readonly #device: DmaDevice;
  readonly #range: PageRange;
  #buffer: MappedBuffer | undefined;

  constructor(device: DmaDevice, region: IpcRegion, statistics: ScanStatistics) {
    super(region, statistics);
    this.#device = device;
    this.#range = region.rangeOf(0, region.size);
  }

  override allocate(): number | undefined | Kernel<number | undefined> {
    return this.#buffer === undefined ? this.#allocateFirst() : super.allocate();
  }

  *#allocateFirst(): Kernel<number | undefined> {
    this.#buffer = yield* MappedBuffer.make(this.#device, this.#range);
    this.costs.buffers++;
    this.costs.attachments++;
    return super.allocate() as number | undefined;
  }

  *end(): Kernel<void> {
    if (this.#buffer !== undefined) yield* this.#buffer.end();
    this.#buffer = undefined;
  }
}
