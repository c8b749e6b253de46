import type { Device, MaybeKernel, MemoryRange } from '../../kernel/index.ts';
import type { CoherentMemory, CoherentPool, ContiguousRegion, DmaDevice, IommuDomain } from '../../memory/index.ts';
import type { FirmwareLoader } from './elf-loader.ts';
import type { KernelAddress } from './kernel-address.ts';
import type { Rproc } from './rproc.ts';
import type { ResourceTable } from './table.ts';

/** Where a device address is for the kernel. */
export interface Translated {
  readonly va: KernelAddress;
  readonly isIomem: boolean;
}

/** What an alloc op of the patch under review is told. */
export interface AllocRequest {
  readonly da: number;
  readonly pa: number;
  readonly len: number;
  readonly flags: number;
}

export interface AllocGrant {
  readonly va: KernelAddress;
  readonly dma: number;
  readonly da: number;
  readonly free: () => void;
}

/** What a platform does, as `struct rproc_ops`. Section 19 of docs/reference/remoteproc.md. All of them throw Errno. */
export interface RprocOps extends FirmwareLoader {
  /** Before firmware is looked at: registers regions. */
  readonly prepare?: (rproc: Rproc) => MaybeKernel<void>;
  readonly unprepare?: (rproc: Rproc) => MaybeKernel<void>;
  readonly start?: (rproc: Rproc) => MaybeKernel<void>;
  readonly stop?: (rproc: Rproc) => MaybeKernel<void>;
  readonly attach?: (rproc: Rproc) => MaybeKernel<void>;
  readonly detach?: (rproc: Rproc) => MaybeKernel<void>;
  /** Tells the processor that a ring has something new. @param notifyid its number */
  readonly kick?: (rproc: Rproc, notifyid: number) => void;
  readonly daToVa?: (rproc: Rproc, da: bigint, len: number) => Translated | undefined;
  /** An entry of a vendor's. @returns RSC_HANDLED or RSC_IGNORED */
  readonly handleRsc?: (rproc: Rproc, type: number, view: DataView, offset: number, available: number) => number;
  /** The table of a processor that runs already. */
  readonly getLoadedRscTable?: (rproc: Rproc) => ResourceTable | undefined;
  /** @returns how long the machine should wait, in milliseconds */
  readonly panic?: (rproc: Rproc) => number;
  /** The ordinary dump when left out. */
  readonly coredump?: (rproc: Rproc) => MaybeKernel<void>;
  /** Of the patch under review, with the policy `alloc-op` only. @returns undefined where it refuses */
  readonly alloc?: (rproc: Rproc, request: AllocRequest) => AllocGrant | undefined;
}

/** The device that the processor is a part of, and what memory there is for it. */
export interface RprocParent {
  readonly device: Device;
  /** As dev_driver_string and dev_name begin a line of the log. */
  readonly label: string;
  readonly dma: DmaDevice;
  readonly cma: ContiguousRegion;
  /** The bytes behind a physical address. */
  readonly resolve: (physical: number) => MemoryRange | undefined;
  /** From a pool that was declared for it: then there is no other memory. @throws Errno ENOMEM */
  readonly allocateCoherent?: (size: number) => CoherentMemory;
  /** of_reserved_mem_device_init_by_idx. */
  readonly reservedPool?: (index: number) => CoherentPool | undefined;
  /** Whether pools that are declared for its virtio devices round requests up; true when left out. */
  readonly roundsUp?: boolean;
  /** What its bus goes through, when it has an IOMMU. */
  readonly iommu?: { domain: IommuDomain | undefined };
}
