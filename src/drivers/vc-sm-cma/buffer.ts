/** `struct vc_sm_buffer`: section 7.2 of docs/reference/vc-sm-cma.md. */
import type { DmaBuf, DmaBufAttachment, SgTable } from '../../dma-buf/index.ts';
import { type File, Mutex, type System } from '../../kernel/index.ts';
import type { CoherentMemory } from '../../memory/index.ts';

// enum vc_sm_vpu_mapping_state
export const VPU_NOT_MAPPED = 0;
export const VPU_MAPPED = 1;
export const VPU_UNMAPPING = 2;

/** Somebody's dma-buf that was imported. */
export interface Imported {
  /** With a reference, until the buffer is deleted. */
  readonly source: DmaBuf<any>;
  /** Both until the last local reference goes, or the buffer, as the design has it. */
  attachment: DmaBufAttachment<undefined> | undefined;
  table: SgTable | undefined;
}

/** What the local side holds of a buffer: the end of its last reference is the end of the local use. */
export interface LocalHandle {
  readonly file: File<any>;
  /** Gives one reference back. */
  put(): void;
  describe(): string;
}

/** Memory that the VPU and programs share. Its state is that of section 8.1 of docs/reference/vc-sm-cma.md. */
export class VcSmBuffer {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  readonly dmaAddr: number;
  readonly imported: Imported | undefined;
  readonly coherent: CoherentMemory | undefined;
  readonly isVpuAllocated: boolean;
  readonly lock: Mutex;
  kernelId = 0;
  /** 0 while the VPU does not have it. */
  vcHandle = 0;
  vpuState: 0 | 1 | 2 = VPU_NOT_MAPPED;
  /** The exported dma-buf is alive. */
  inUse = false;
  /** What this driver has exported; kept after its end, as a stale pointer. */
  dmabuf: DmaBuf<VcSmBuffer> | undefined;
  /** The command that shares it is under way. */
  isImporting = false;
  /** That command was interrupted, and the VPU's answer is still to come. */
  awaitsReply = false;
  /** The VPU has let go of it before its import had gone on. */
  releasedEarly = false;

  constructor(
    system: System,
    made: Pick<VcSmBuffer, 'name' | 'size' | 'dmaAddr' | 'imported' | 'coherent'> & { readonly isVpuAllocated?: boolean },
  ) {
    this.name = made.name;
    this.size = made.size;
    this.dmaAddr = made.dmaAddr;
    this.imported = made.imported;
    this.coherent = made.coherent;
    this.isVpuAllocated = made.isVpuAllocated ?? false;
    this.lock = new Mutex(`the buffer ${this.name}`, system.lockdep.lockClass('vc_sm_buffer'));
  }
}
