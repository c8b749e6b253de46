/** Variants of the driver that its review weighed: section 17.2 of docs/reference/vc-sm-cma.md. */

export interface Design {
  /**
   * What an import gives the local side. `second-dma-buf`: another dma-buf, whose last reference (descriptors and mappings) ends the local
   * use. `explicit`: a plain file, or for kernel code a handle to be freed; the buffer is mapped through its own descriptor, and
   * there are no allocations.
   */
  readonly handle: 'second-dma-buf' | 'explicit';
  /** When the source is unmapped and detached: with the end of the local use, as in every revision, or when the VPU has let go, too. */
  readonly detaches: 'at-local-end' | 'at-released';
}

/** As shipped. */
export const SHIPPED: Design = { handle: 'second-dma-buf', detaches: 'at-local-end' };
