/** A remote processor's reset, mailbox and watchdog, as its host's driver has them. */

/** Bits of {@link RemoteProcessorRegisters.faultStatus}. */
export const FAULT_MMU = 1;
export const FAULT_WATCHDOG = 2;
export const FAULT_FATAL = 4;

/** How the host controls a processor, and how they ring at each other. Bits of the mailbox are numbers of notify ids. */
export interface RemoteProcessorRegisters {
  /** Where it starts when it leaves reset. */
  writeBootAddress(address: bigint): void;
  /** Lets it run, or holds it in reset. Leaving reset, it looks at memory for what to do. */
  writeReset(isHeld: boolean): void;
  /** Whether it is out of reset, as when a boot loader has started it. */
  readonly isRunning: boolean;
  /** Host to processor: an edge on each line whose bit is set. */
  writeDoorbell(bits: number): void;
  /** Processor to host: lines that rang and were not cleared. The mailbox interrupt is high while there are any. */
  readMailboxStatus(): number;
  writeMailboxClear(bits: number): void;
  /** FAULT_ bits; the fault interrupt is high while there are any. */
  readFaultStatus(): number;
  writeFaultClear(bits: number): void;
}
