import { Errno } from '../abi/index.ts';
import { PAGE_SIZE } from '../abi/uapi/index.ts';
import { type DmaBuf, type DmaBufAttachment, DmaResv, type SgTable } from '../dma-buf/index.ts';
import { Counted, finish, type Kernel, type MaybeKernel, type PageRange, type PinnedPages, sliceRanges, Vma } from '../kernel/index.ts';
import { PageCache } from '../memory/index.ts';
import type { DrmDevice } from './drm-device.ts';
import type { DrmFile } from './drm-file.ts';
import type { OffsetNode } from './vma-offsets.ts';

/** A buffer of another exporter's that a card uses. */
export interface ImportedBuffer {
  /** With a reference. */
  readonly dmabuf: DmaBuf<any>;
  readonly attachment: DmaBufAttachment<undefined>;
  /** Where the card finds it. */
  readonly table: SgTable;
}

/**
 * A buffer of a card, as `struct drm_gem_object` with the pages of drm_gem_shmem_helper.c, or the card's view of a buffer from
 * elsewhere.
 *
 * Invariants: (1) it has a name and a dma-buf only while some client has a handle of it; (2) pages come when somebody first maps it
 * or attaches a device to it, and go with it.
 */
export class GemObject extends Counted {
  readonly kind = 'object';
  readonly device: DrmDevice;
  /** In bytes, a multiple of the page size. */
  readonly size: number;
  readonly resv: DmaResv;
  /** Where in the card's file it is mapped. */
  readonly node: OffsetNode<GemObject>;
  /** Set when it is another exporter's buffer. */
  readonly imported: ImportedBuffer | undefined;
  /** What it was exported as, or imported from; with a reference. */
  dmabuf: DmaBuf<any> | undefined;
  /** In the numbers that all clients know; 0 for none. */
  name = 0;
  #handles = 0;
  /** How many handles each client has: those may map it. */
  readonly #clients = new Map<DrmFile, number>();
  #pages: PinnedPages | undefined;

  /** drm_gem_shmem_create. @param imported becomes the object's own @throws Errno ENOMEM; ENOSPC when no offset is left */
  constructor(device: DrmDevice, size: number, imported?: ImportedBuffer) {
    super();
    device.system.kmalloc('struct drm_gem_object');
    this.device = device;
    this.size = size;
    this.node = device.offsets.add(size / PAGE_SIZE, this);
    this.imported = imported;
    this.resv = imported?.dmabuf.resv ?? new DmaResv(device.system, this.describe());
    device.system.ledger.add(this);
  }

  /** drm_gem_handle_create. @returns the lowest number that the client has free */
  addHandle(file: DrmFile): number {
    this.get();
    this.#handles++;
    this.#clients.set(file, (this.#clients.get(file) ?? 0) + 1);
    return file.handles.allocate(this);
  }

  /** drm_gem_object_release_handle; the number stays taken. */
  dropHandle(file: DrmFile, handle: number): void {
    file.prime.remove(handle);
    const left = (this.#clients.get(file) as number) - 1;
    if (left > 0) this.#clients.set(file, left);
    else this.#clients.delete(file);
    if (--this.#handles === 0) this.#forgetNames();
    this.put();
  }

  #forgetNames(): void {
    if (this.name !== 0) this.device.names.remove(this.name);
    this.name = 0;
    const { dmabuf } = this;
    this.dmabuf = undefined;
    dmabuf?.put();
  }

  /** drm_vma_node_is_allowed. */
  isKnownTo(file: DrmFile): boolean {
    return this.#clients.has(file);
  }

  /**
   * The mmap of drm_gem_shmem_helper.c: shows the object from its first page on, whatever the offset.
   *
   * @throws Errno EINVAL for a private mapping; ENOMEM; what the exporter of an imported buffer says
   */
  mmap(vma: Vma): MaybeKernel<void> {
    if (this.imported !== undefined) return this.#mapImported(this.imported.dmabuf, vma);
    if (!vma.shared) throw new Errno('EINVAL', 'an object of a card has no private mappings');
    vma.kind = 'frames';
    vma.backing = sliceRanges(this.pages(), 0, vma.length);
  }

  *#mapImported(dmabuf: DmaBuf<any>, vma: Vma): Kernel<void> {
    const { length, protection, flags, hint, shared, mayWrite } = vma;
    const there = new Vma(dmabuf.file, { length, protection, flags, hint, shared, mayWrite, offset: 0 });
    yield* finish(dmabuf.mmap(there));
    vma.kind = there.kind;
    vma.backing = there.backing;
  }

  /** drm_gem_shmem_get_pages: shared memory, which gives single pages. @throws Errno ENOMEM */
  pages(): readonly PageRange[] {
    const { ram, system } = this.device;
    const source = (_first: number, count: number) => ({
      memory: system.memory.allocate(count * PAGE_SIZE, this.describe()),
      offset: 0,
      count,
    });
    if (this.#pages === undefined) {
      const cache = new PageCache(ram, source);
      try {
        this.#pages = cache.pin(0, this.size / PAGE_SIZE);
      } finally {
        cache.drop(0);
      }
    }
    return this.#pages.ranges;
  }

  /** drm_gem_shmem_free. */
  protected released(): void {
    const { system, offsets } = this.device;
    system.ledger.remove(this);
    offsets.remove(this.node);
    this.#pages?.unpin();
    if (this.imported === undefined) this.resv.finish();
    else system.defer(`release of ${this.describe()}`, giveBack(this.imported));
  }

  describe(): string {
    return `object at 0x${(this.node.start * PAGE_SIZE).toString(16)} of ${this.device.name}, ${this.size} bytes`;
  }
}

/** drm_prime_gem_destroy. */
export function* giveBack({ dmabuf, attachment, table }: ImportedBuffer): Kernel<void> {
  yield* attachment.unmapUnlocked(table, 'bidirectional');
  yield* dmabuf.detach(attachment);
  dmabuf.put();
}
