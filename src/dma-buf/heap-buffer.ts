import type { MemoryObject, System, Vma } from '../kernel/index.ts';
import { cachesOf, type DmaDevice, type DmaMapping, KernelMapping, type PageRange } from '../memory/index.ts';
import { statedMode } from './coherency-mode.ts';
import { syncingAccess } from './device-access.ts';
import { DmaBuf } from './dma-buf.ts';
import type { DmaBufOps } from './dma-buf-ops.ts';

/** What a heap keeps for each attachment. */
interface HeapAttachment {
  readonly device: DmaDevice;
  readonly pages: readonly PageRange[];
  /** Set while the device may use the buffer. */
  mapping: DmaMapping | undefined;
}

/** What stands behind a buffer of a heap: pages, and one memory object that shows them in a row. */
export interface HeapBuffer {
  /** Contiguous pieces, in order: the entries of its scatter list. */
  readonly pages: readonly PageRange[];
  readonly memory: MemoryObject;
  /** Gives the pages back. */
  readonly free: () => void;
  /** Newest first. */
  readonly attachments: HeapAttachment[];
}

/** What system_heap.c and cma_heap.c do alike: all but where pages come from, and mmap. */
export const heapOperations = {
  attach(dmabuf, attachment) {
    dmabuf.system.kmalloc('struct dma_heap_attachment');
    const { device } = attachment;
    const own: HeapAttachment = { device, pages: dmabuf.private.pages, mapping: undefined };
    attachment.private = own;
    dmabuf.private.attachments.unshift(own);
  },

  detach(dmabuf, attachment) {
    const { attachments } = dmabuf.private;
    attachments.splice(attachments.indexOf(attachment.private as HeapAttachment), 1);
  },

  mapDmaBuf(attachment, direction) {
    const own = attachment.private as HeapAttachment;
    own.mapping = attachment.device.mapSg(own.pages, direction);
    return own.mapping;
  },

  unmapDmaBuf(attachment, mapping, direction) {
    (attachment.private as HeapAttachment).mapping = undefined;
    attachment.device.unmapSg(mapping, direction);
  },

  beginCpuAccess(dmabuf, direction) {
    for (const { device, mapping } of dmabuf.private.attachments) if (mapping !== undefined) device.syncSgForCpu(mapping, direction);
  },

  endCpuAccess(dmabuf, direction) {
    for (const { device, mapping } of dmabuf.private.attachments) if (mapping !== undefined) device.syncSgForDevice(mapping, direction);
  },

  ...syncingAccess,

  vmap: ({ private: { memory }, size }) => new KernelMapping([{ memory, offset: 0, length: size }]),

  release({ private: { free, memory } }) {
    free();
    memory.put();
  },
} satisfies DmaBufOps<HeapBuffer>;

/** A mapping that shows part of a buffer. The core has checked that it is one. */
export function mapHeapBuffer({ private: { memory } }: DmaBuf<HeapBuffer>, vma: Vma): void {
  vma.backing = [{ memory, offset: vma.offset, length: vma.length }];
}

/** A contiguous piece of memory that a heap has found. */
export interface HeapPiece {
  readonly address: number;
  /** In bytes. */
  readonly length: number;
}

/** What a heap has found for a buffer. */
export interface HeapPages<T extends HeapPiece> {
  /** In order. */
  readonly pieces: readonly T[];
  /** Says which bytes a piece shows. */
  readonly back: (piece: T, memory: MemoryObject, offset: number) => void;
  /** Gives all pieces back. */
  readonly free: () => void;
}

/** What a heap exports: its name is the exporter's too. */
export interface HeapExport {
  readonly name: string;
  readonly ops: DmaBufOps<HeapBuffer>;
  /** Of the buffer's file. */
  readonly flags: number;
  /** The CPU does not cache the memory. */
  readonly isUncached?: boolean;
}

/** Exports a buffer of zeros over pages. When that fails the pages are given back. @throws Errno ENOMEM, ENFILE */
export function exportHeapBuffer<T extends HeapPiece>(
  system: System,
  { name, ops, flags, isUncached = false }: HeapExport,
  found: HeapPages<T>,
): DmaBuf<HeapBuffer> {
  const size = found.pieces.reduce((sum, { length }) => sum + length, 0);
  let memory: MemoryObject | undefined;
  try {
    system.kmalloc('struct sg_table');
    memory = system.memory.allocate(size, `a ${name} heap buffer`);
    const pages: PageRange[] = [];
    let offset = 0;
    for (const piece of found.pieces) {
      found.back(piece, memory, offset);
      pages.push({ address: piece.address, memory, offset, length: piece.length });
      offset += piece.length;
    }
    const buffer: HeapBuffer = { pages, memory, free: found.free, attachments: [] };
    if (isUncached) cachesOf(system).setUncached?.(memory);
    const coherency = statedMode(system, isUncached ? 'memory-write-combined' : 'dma-api');
    return new DmaBuf(system, { exporterName: name, ops, size, flags, private: buffer, memory, coherency });
  } catch (error) {
    found.free();
    memory?.put();
    throw error;
  }
}
