import { Errno } from '../abi/index.ts';
import { finish, type Kernel, type System, type Tracked } from '../kernel/index.ts';
import type { DmaDevice, DmaDirection, DmaMapping, DmaSegment } from '../memory/index.ts';
import { checkAttach } from './coherency-mode.ts';
import { DeviceAccesses } from './device-access.ts';
import type { DmaBuf } from './dma-buf.ts';
import type { DmaBufAttachOps } from './dma-buf-ops.ts';
import { DMA_RESV_USAGE_KERNEL } from './dma-resv-usage.ts';

/** What an importer sees of a mapping: where its device finds the buffer. The pages are the exporter's business. */
export interface SgTable {
  readonly segments: readonly DmaSegment[];
}

interface CachedMapping {
  readonly table: SgTable;
  readonly direction: DmaDirection;
}

/** CONFIG_DMABUF_MOVE_NOTIFY. */
const makeMoveNotify = (_system: System) => ({ isEnabled: false });

/**
 * Builds the kernel with CONFIG_DMABUF_MOVE_NOTIFY: dynamic importers no longer pin what they map, so it may move. Without it, which is
 * how distributions build theirs, each mapping pins.
 */
export function enableMoveNotify(system: System): void {
  system.single(makeMoveNotify).isEnabled = true;
}

/**
 * A device that a buffer is attached to, as `struct dma_buf_attachment`. Made by {@link DmaBuf.attach}; it holds no reference to the
 * buffer, its importer does.
 *
 * Invariant: a table that the importer has is in `#mappings` until it is unmapped, the cached one until detach.
 */
export class DmaBufAttachment<I = unknown> implements Tracked {
  readonly kind = 'attachment';
  readonly dmabuf: DmaBuf<any>;
  readonly device: DmaDevice;
  /** Undefined for a static importer. */
  readonly importerOps: DmaBufAttachOps<I> | undefined;
  readonly importerPrivate: I;
  /** For the exporter to keep what it likes. */
  private: unknown;
  /** What the device has announced by begin_access. */
  readonly accesses = new DeviceAccesses(this);
  readonly #mappings = new Map<SgTable, DmaMapping>();
  #cached: CachedMapping | undefined;

  /** For {@link attach}. */
  constructor(dmabuf: DmaBuf<any>, device: DmaDevice, importerOps: DmaBufAttachOps<I> | undefined, importerPrivate: I) {
    this.dmabuf = dmabuf;
    this.device = device;
    this.importerOps = importerOps;
    this.importerPrivate = importerPrivate;
  }

  get isDynamic(): boolean {
    return this.importerOps !== undefined;
  }

  get peer2peer(): boolean {
    return this.importerOps?.allowPeer2Peer ?? false;
  }

  /** Tables that the importer has, or the attachment itself keeps. */
  get mapped(): number {
    return this.#mappings.size;
  }

  /** dma_buf_pin, for dynamic importers; under the reservation lock. @throws Errno what the exporter says */
  *pin(): Kernel<void> {
    this.#assertDynamic('pin');
    this.dmabuf.assertLocked('pin');
    const { pin } = this.dmabuf.ops;
    if (pin !== undefined) yield* finish(pin(this));
  }

  /** dma_buf_unpin; under the reservation lock. */
  *unpin(): Kernel<void> {
    this.#assertDynamic('unpin');
    this.dmabuf.assertLocked('unpin');
    yield* this.#unpin();
  }

  /**
   * dma_buf_map_attachment, under the reservation lock. A static importer gets a buffer whose KERNEL fences have signalled; a dynamic
   * one waits for them itself.
   *
   * When only one side is dynamic, or the exporter says so, mappings are kept: until the attachment ends all calls give the same table.
   *
   * @throws Errno EBUSY when the mapping that is kept is for another direction; ERESTARTSYS; ENOMEM; what the exporter says
   */
  *map(direction: DmaDirection): Kernel<SgTable> {
    this.dmabuf.assertLocked('map_attachment');
    const cached = this.#cached;
    if (cached !== undefined) {
      if (cached.direction !== direction && cached.direction !== 'bidirectional')
        throw new Errno('EBUSY', `${this.describe()} keeps a mapping ${cached.direction}`);
      return cached.table;
    }
    const { ops } = this.dmabuf;
    if (this.#pinsToMap) yield* finish(ops.pin?.(this));
    let table: SgTable;
    try {
      table = yield* this.#map(direction);
    } catch (error) {
      if (this.#pinsToMap) yield* this.#unpin();
      throw error;
    }
    if (ops.cacheSgtMapping === true) this.#cached = { table, direction };
    return table;
  }

  /** dma_buf_map_attachment_unlocked: the same, and takes the lock itself. */
  mapUnlocked(direction: DmaDirection): Kernel<SgTable> {
    return this.dmabuf.underLock('map_attachment_unlocked', () => this.map(direction));
  }

  /** dma_buf_unmap_attachment, under the reservation lock. A table that is kept stays mapped until the attachment ends. */
  *unmap(table: SgTable, direction: DmaDirection): Kernel<void> {
    this.dmabuf.assertLocked('unmap_attachment');
    if (this.#cached?.table === table) return;
    if (!this.#mappings.has(table)) {
      this.#report('dma-buf-not-mapped', 'a table was unmapped that it does not have');
      return;
    }
    yield* this.#unmap(table, direction);
    if (this.#pinsToMap) yield* this.unpin();
  }

  /** dma_buf_unmap_attachment_unlocked. */
  unmapUnlocked(table: SgTable, direction: DmaDirection): Kernel<void> {
    return this.dmabuf.underLock('unmap_attachment_unlocked', () => this.unmap(table, direction));
  }

  /** The exporter's side of a table, for the core and for exporters. */
  mappingOf(table: SgTable): DmaMapping | undefined {
    return this.#mappings.get(table);
  }

  /** The second part of attach, under the lock: what a static importer of a dynamic exporter, or the reverse, will use is mapped now. */
  *mapEarly(): Kernel<void> {
    const { ops } = this.dmabuf;
    if (this.isDynamic === this.#exporterIsDynamic) return;
    if (this.#exporterIsDynamic) yield* finish(ops.pin?.(this));
    try {
      this.#cached = { table: yield* this.#map('bidirectional'), direction: 'bidirectional' };
    } catch (error) {
      if (this.#exporterIsDynamic) yield* this.#unpin();
      throw error;
    }
  }

  /** The first part of detach, under the lock: what is kept is unmapped. */
  *dropCached(): Kernel<void> {
    const cached = this.#cached;
    if (cached === undefined) return;
    this.#cached = undefined;
    yield* this.#unmap(cached.table, cached.direction);
    if (this.#exporterIsDynamic) yield* this.#unpin();
  }

  describe(): string {
    return `attachment of ${this.dmabuf.describe()} to ${this.device.name}`;
  }

  get #exporterIsDynamic(): boolean {
    return this.dmabuf.ops.pin !== undefined;
  }

  /** Whether each mapping pins the memory, because nobody would be told of a move. */
  get #pinsToMap(): boolean {
    return this.#exporterIsDynamic && !this.dmabuf.system.single(makeMoveNotify).isEnabled;
  }

  /** __map_dma_buf. */
  *#map(direction: DmaDirection): Kernel<SgTable> {
    const { dmabuf } = this;
    const mapping = yield* finish(dmabuf.ops.mapDmaBuf(this, direction));
    if (mapping === undefined) throw new Errno('ENOMEM', `${dmabuf.exporterName} mapped nothing`);
    if (!this.isDynamic) {
      try {
        yield* dmabuf.resv.wait(DMA_RESV_USAGE_KERNEL);
      } catch (error) {
        yield* finish(dmabuf.ops.unmapDmaBuf(this, mapping, direction));
        throw error;
      }
    }
    dmabuf.system.history?.note(dmabuf, `was mapped for ${this.device.name}`);
    const table = { segments: mapping.segments };
    this.#mappings.set(table, mapping);
    if (this.accesses.areRequired) mapping.onAccess = (what) => this.accesses.accessed(table, what);
    return table;
  }

  *#unmap(table: SgTable, direction: DmaDirection): Kernel<void> {
    const mapping = this.#mappings.get(table) as DmaMapping;
    this.accesses.assertNone('it was unmapped', table);
    this.#mappings.delete(table);
    this.dmabuf.system.history?.note(this.dmabuf, `was unmapped for ${this.device.name}`);
    yield* finish(this.dmabuf.ops.unmapDmaBuf(this, mapping, direction));
  }

  *#unpin(): Kernel<void> {
    yield* finish(this.dmabuf.ops.unpin?.(this));
  }

  #assertDynamic(what: string): void {
    if (!this.isDynamic) this.#report('dma-buf-static-importer', `${what} by an importer that is not dynamic`);
  }

  #report(rule: string, text: string): void {
    this.dmabuf.system.findings.report(rule, `${this.describe()}: ${text}`, this.dmabuf);
  }
}

/** dma_buf_dynamic_attach. @param list the buffer's attachments, newest first */
export function* attach<I>(list: DmaBufAttachment<any>[], attachment: DmaBufAttachment<I>): Kernel<DmaBufAttachment<I>> {
  const { dmabuf } = attachment;
  checkAttach(dmabuf, attachment.device);
  dmabuf.system.kmalloc('struct dma_buf_attachment');
  yield* finish(dmabuf.ops.attach?.(dmabuf, attachment));
  dmabuf.system.ledger.add(attachment);
  try {
    yield* dmabuf.underLock('attach', function* () {
      list.unshift(attachment);
      yield* attachment.mapEarly();
    });
  } catch (error) {
    yield* detach(list, attachment);
    throw error;
  }
  return attachment;
}

/** dma_buf_detach. */
export function* detach(list: DmaBufAttachment<any>[], attachment: DmaBufAttachment<any>): Kernel<void> {
  const { dmabuf } = attachment;
  const { ops, system } = dmabuf;
  if (!list.includes(attachment)) {
    system.findings.report('dma-buf-not-attached', `${attachment.describe()} was detached, but has ended`, dmabuf);
    return;
  }
  attachment.accesses.assertNone('it ended');
  yield* dmabuf.underLock('detach', function* () {
    yield* attachment.dropCached();
    list.splice(list.indexOf(attachment), 1);
  });
  if (attachment.mapped > 0) system.findings.report('dma-buf-detached-mapped', `${attachment.describe()} ended with a mapping`, dmabuf);
  yield* finish(ops.detach?.(dmabuf, attachment));
  system.ledger.remove(attachment);
  dmabuf.cpuView?.detached();
}
