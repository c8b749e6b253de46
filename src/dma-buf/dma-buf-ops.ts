import type { MaybeKernel, MemoryObject, Vma } from '../kernel/index.ts';
import type { DmaDirection, DmaMapping, KernelMapping } from '../memory/index.ts';
import type { CoherencyMode } from './coherency-mode.ts';
import type { DmaBuf } from './dma-buf.ts';
import type { DmaBufAttachment, SgTable } from './dma-buf-attachment.ts';
import type { DmaResv } from './dma-resv.ts';

/**
 * What an exporter does, as `struct dma_buf_ops`. `pin`, `unpin`, `mapDmaBuf`, `unmapDmaBuf`, `vmap` and `vunmap` are called with the
 * buffer's reservation lock held, all others without it.
 */
export interface DmaBufOps<P = unknown> {
  /** Keep what was mapped first until the attachment ends. Only without {@link pin}. */
  readonly cacheSgtMapping?: boolean;
  /** Judges whether a device can use the buffer; may set `attachment.private`. @throws Errno EBUSY when it never can */
  readonly attach?: (dmabuf: DmaBuf<P>, attachment: DmaBufAttachment<any>) => MaybeKernel<void>;
  readonly detach?: (dmabuf: DmaBuf<P>, attachment: DmaBufAttachment<any>) => MaybeKernel<void>;
  /** The memory stays where it is until {@link unpin}. An exporter with both is a dynamic one: it may move its memory. */
  readonly pin?: (attachment: DmaBufAttachment<any>) => MaybeKernel<void>;
  readonly unpin?: (attachment: DmaBufAttachment<any>) => MaybeKernel<void>;
  /** Maps the memory for the attachment's device. Undefined counts as ENOMEM. */
  readonly mapDmaBuf: (attachment: DmaBufAttachment<any>, direction: DmaDirection) => MaybeKernel<DmaMapping | undefined>;
  readonly unmapDmaBuf: (attachment: DmaBufAttachment<any>, mapping: DmaMapping, direction: DmaDirection) => MaybeKernel<void>;
  /** The device is about to access the buffer, or has done so: the proposed begin_access and end_access. Must not wait. */
  readonly beginAccess?: (attachment: DmaBufAttachment<any>, table: SgTable, direction: DmaDirection) => void;
  readonly endAccess?: (attachment: DmaBufAttachment<any>, table: SgTable, direction: DmaDirection) => void;
  /** The last reference is gone. */
  readonly release: (dmabuf: DmaBuf<P>) => MaybeKernel<void>;
  readonly beginCpuAccess?: (dmabuf: DmaBuf<P>, direction: DmaDirection) => MaybeKernel<void>;
  readonly endCpuAccess?: (dmabuf: DmaBuf<P>, direction: DmaDirection) => MaybeKernel<void>;
  /** Fills in `vma.backing`. The range has been checked. */
  readonly mmap?: (dmabuf: DmaBuf<P>, vma: Vma) => MaybeKernel<void>;
  readonly vmap?: (dmabuf: DmaBuf<P>) => MaybeKernel<KernelMapping>;
  readonly vunmap?: (dmabuf: DmaBuf<P>, mapping: KernelMapping) => MaybeKernel<void>;
}

/** What an exporter gives, as `struct dma_buf_export_info`. */
export interface DmaBufExportInfo<P> {
  readonly exporterName: string;
  readonly ops: DmaBufOps<P>;
  /** In bytes. */
  readonly size: number;
  /** Open flags: the access mode and O_NONBLOCK count. */
  readonly flags: number;
  readonly private: P;
  /** Fences to share with other buffers; one of its own when left out. */
  readonly resv?: DmaResv;
  /** `default` when left out. */
  readonly coherency?: CoherencyMode;
  /** Set when the buffer is exactly this memory, first byte to last: it can then be handed to native programs as it is. */
  readonly memory?: MemoryObject;
  /** Which memory it shows otherwise, as far as the CPU caches it: programs' accesses to the buffer are accesses to that. */
  readonly shows?: readonly MemoryObject[];
}

/** What an importer does, as `struct dma_buf_attach_ops`. One that gives it is a dynamic importer. */
export interface DmaBufAttachOps<I = unknown> {
  /** Whether it can use memory that is no RAM. */
  readonly allowPeer2Peer?: boolean;
  /**
   * The memory is about to move: mappings lead to the old place from now on. Called with the reservation lock held. The importer may
   * use the old place until the fences of its work have signalled, and maps the buffer again for what comes after.
   */
  readonly moveNotify: (attachment: DmaBufAttachment<I>) => MaybeKernel<void>;
}
