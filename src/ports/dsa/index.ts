/** What crosses between the driver idxd and a DSA: registers, portals, and what a program writes to them. */
import type { WaitQueue } from '../../kernel/index.ts';
import type { DeviceMemory } from './descriptor.ts';

export { Completion, DESCRIPTOR_SIZE, Descriptor, type DeviceMemory, OP_SPECIFIC, RECORD_SIZE } from './descriptor.ts';
export * as dsaRegisters from './registers.ts';

/** A descriptor on its way through the device. */
export interface DsaWork {
  readonly isDone: boolean;
  /** Woken when it is done. */
  readonly done: WaitQueue;
}

/** How a descriptor comes: by the portal that leaves room for others, by the one that does not. */
export type DsaPortal = 'limited' | 'unlimited';

/** A device as its driver reaches it. */
export interface DsaPort {
  /** 32 bits of BAR 0. */
  read(offset: number): number;
  write(offset: number, value: number): void;
  /**
   * 64 bytes arrive at a queue's portal, with a PASID from the processor, as ENQCMD sends them.
   *
   * @param memory what the PASID stands for, through whoever can reach it now
   * @returns undefined when the device says that it must be tried again
   */
  enqueue(wq: number, portal: DsaPortal, descriptor: Uint8Array, memory: DeviceMemory): DsaWork | undefined;
  /** The same without an answer, as MOVDIR64B sends them. @returns undefined when they are lost */
  store(wq: number, descriptor: Uint8Array, memory: DeviceMemory): DsaWork | undefined;
}
