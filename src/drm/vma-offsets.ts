import { Errno } from '../abi/index.ts';

/** DRM_FILE_PAGE_OFFSET_START and _SIZE of drm/drm_vma_manager.h, in pages. */
const FIRST = 0x100000;
const COUNT = 0xfffff * 256;

/** A stretch of a card's file at which one object can be mapped, in pages. */
export interface OffsetNode<T> {
  readonly start: number;
  readonly pages: number;
  readonly object: T;
}

interface Hole {
  readonly start: number;
  readonly pages: number;
}

/**
 * Which object is mapped at which offset of a card's file, as `struct drm_vma_offset_manager`. Of the holes that are large enough the
 * smallest one is taken, from its start; among equals the one that was made last (drm_mm with DRM_MM_INSERT_BEST).
 */
export class VmaOffsets<T> {
  readonly #nodes = new Map<number, OffsetNode<T>>();
  /** In the order in which they were made. */
  readonly #holes = new Set<Hole>([{ start: FIRST, pages: COUNT }]);

  /** drm_vma_offset_add. @throws Errno ENOSPC for no pages, or more than there is room for */
  add(pages: number, object: T): OffsetNode<T> {
    let best: Hole | undefined;
    for (const hole of this.#holes) if (hole.pages >= pages && (best === undefined || hole.pages <= best.pages)) best = hole;
    if (pages === 0 || best === undefined) throw new Errno('ENOSPC', `no offsets are left for ${pages} pages`);
    this.#holes.delete(best);
    const node = { start: best.start, pages, object };
    this.#nodes.set(node.start, node);
    if (best.pages > pages) this.#holes.add({ start: best.start + pages, pages: best.pages - pages });
    return node;
  }

  /** drm_vma_offset_remove. */
  remove(node: OffsetNode<T>): void {
    let { start, pages } = node;
    this.#nodes.delete(start);
    for (const hole of this.#holes) {
      if (hole.start + hole.pages !== start && hole.start !== start + pages) continue;
      this.#holes.delete(hole);
      start = Math.min(start, hole.start);
      pages += hole.pages;
    }
    this.#holes.add({ start, pages });
  }

  /** drm_vma_offset_exact_lookup_locked: what begins there and has at least so many pages. */
  find(start: number, pages: number): OffsetNode<T> | undefined {
    const node = this.#nodes.get(start);
    return node !== undefined && pages <= node.pages ? node : undefined;
  }
}
