/** The client's side of dmaengine (linux/dmaengine.h): how a driver uses one channel of a DMA controller. */
import type { Kernel } from '../../kernel/index.ts';
import type { DmaDevice, DmaSegment } from '../../memory/index.ts';

/** What is to be moved, as `struct dma_async_tx_descriptor`: in memory, in the channel's direction. */
export interface DmaTransaction {
  /** In order; as `struct dma_vec`. */
  readonly vectors: readonly DmaSegment[];
  /** DMA_PREP_REPEAT: begins again at its end, until the channel is terminated, and is never done. */
  readonly isCyclic: boolean;
  /** callback_result, from the controller's interrupt. @param residue bytes that were not moved */
  readonly done: (residue: number) => void;
}

export interface DmaChannel {
  /** As which the controller accesses memory. */
  readonly device: DmaDevice;
  /** Addresses and lengths are multiples of it, in bytes. */
  readonly alignment: number;
  /**
   * dmaengine_prep_peripheral_dma_vec, and dmaengine_prep_slave_single for one vector.
   *
   * @returns whether the controller can do that, as what is not aligned it cannot
   */
  canPrepare(transaction: DmaTransaction): boolean;
  /** dmaengine_submit: puts a transaction that can be prepared behind the others. */
  submit(transaction: DmaTransaction): void;
  /** dma_async_issue_pending: what was submitted begins. */
  issuePending(): void;
  /** dmaengine_terminate_sync: everything stops where it is, and nothing of it is told to be done. */
  terminate(): void;
  /** dma_release_channel. */
  release(): Kernel<void>;
}
