/** Where a device keeps the messages of its clients: 5.4 of docs/reference/ims-dsa.md. */
import type { MsiMessage } from '../irq/index.ts';
import type { WaitQueue } from '../kernel/index.ts';

/** What can go wrong when a message or a mask is rewritten (6.6), each as a switch. */
export const IMS_HAZARDS = ['torn', 'noflush', 'stale'] as const;
export type ImsHazard = (typeof IMS_HAZARDS)[number];

/** Bits of the control word of an entry. */
export const IMS_CTRL_MASK = 1 << 0;
/** The emulator's: an event waits for the mask to go. */
export const IMS_CTRL_PENDING = 1 << 1;
export const IMS_CTRL_PASID_ENABLE = 1 << 3;
export const IMS_CTRL_PASID_SHIFT = 12;

export interface ImsEntry {
  readonly message: MsiMessage;
  readonly isMasked: boolean;
  readonly isPending: boolean;
  /** Whose descriptors may name it; those of all when undefined. */
  readonly pasid: number | undefined;
}

/** What happened in a storage, counted. */
export interface ImsStorageCounts {
  /** Messages that the driver wrote. */
  writes: number;
  /** Events that came while their entry was masked and that nothing remembered. */
  lost: number;
  /** Events that went out with a message that is no longer, or not yet, what the driver wrote. */
  stale: number;
  /** Events that went out with half of one message and half of another. */
  torn: number;
}

/**
 * One of the variants. The driver's side writes, the device's side fires.
 *
 * Invariant: an entry that nobody has opened, or that was closed, is masked and empty.
 */
export interface ImsStorage {
  readonly counts: ImsStorageCounts;
  /** Masked, without a message. */
  open(slot: number, pasid: number | undefined): void;
  close(slot: number): void;
  /** As the driver sees it. */
  entry(slot: number): ImsEntry;
  /** Whether the device has something else than the driver wrote. */
  isStale(slot: number): boolean;
  write(slot: number, message: MsiMessage): void;
  setMask(slot: number, isMasked: boolean): void;
  /** What was written since goes to the device. Only for storage that is not written at once. */
  readonly sync?: (slot: number) => void;
  /** The device has something to say. */
  fire(slot: number): void;
  /** How many writes are on their way, and who waits for them. */
  readonly underWay: number;
  readonly settled: WaitQueue;
  setLatches(latches: boolean): void;
}

export const controlWord = ({ isMasked, isPending, pasid }: ImsEntry): number =>
  ((isMasked ? IMS_CTRL_MASK : 0) |
    (isPending ? IMS_CTRL_PENDING : 0) |
    (pasid === undefined ? 0 : IMS_CTRL_PASID_ENABLE | (pasid << IMS_CTRL_PASID_SHIFT))) >>>
  0;
