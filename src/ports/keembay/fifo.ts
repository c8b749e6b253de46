/** A TIM IPC FIFO as the processors see it: section 2 of docs/reference/keembay-ipc.md. */

/** Entries of 32 bits. */
export const TIM_IPC_FIFO_DEPTH = 128;

/** Write: push. */
export const TIM_IPC_FIFO = 0x00;
/** Read: pop, in one step. */
export const TIM_IPC_FIFO_ATM = 0x04;
/** Read: pointers and fill level. */
export const TIM_IPC_FIFO_STAT = 0x0c;
/** Which of the writers 0..31 found it full; writing ones clears. */
export const TIM_IPC_FIFO_OF_FLAG0 = 0x10;
/** The same for the writers 32..62. */
export const TIM_IPC_FIFO_OF_FLAG1 = 0x14;

/** What popping an empty FIFO gives. No word of a writer is that, because nobody has processor id 63. */
export const TIM_IPC_FIFO_EMPTY = 0xffffffff;
/** The bits of a word that say who wrote it. */
export const PROCESSOR_ID_MASK = 0x3f;

export const fillLevelOf = (stat: number): number => (stat >>> 16) & 0xff;

/** Registers of 32 bits, by offset from the FIFO's base. */
export interface TimIpcRegisters {
  read(offset: number): number;
  write(offset: number, value: number): void;
}
