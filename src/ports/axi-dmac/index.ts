/** Registers of Analog Devices' AXI-DMAC, a DMA controller between memory and a stream: as drivers/dma/dma-axi-dmac.c of 6.12 knows them. */

export const AXI_DMAC_REG_IRQ_MASK = 0x80;
/** Read: what interrupts; writing ones clears. */
export const AXI_DMAC_REG_IRQ_PENDING = 0x84;
/** Read: the same without the mask. */
export const AXI_DMAC_REG_IRQ_SOURCE = 0x88;
export const AXI_DMAC_REG_CTRL = 0x400;
/** Read: the number that the next transfer gets. */
export const AXI_DMAC_REG_TRANSFER_ID = 0x404;
/** Write 1: queues a transfer. Read: 1 while there is no room for another. */
export const AXI_DMAC_REG_START_TRANSFER = 0x408;
export const AXI_DMAC_REG_FLAGS = 0x40c;
export const AXI_DMAC_REG_DEST_ADDRESS = 0x410;
export const AXI_DMAC_REG_SRC_ADDRESS = 0x414;
/** In bytes, less 1. */
export const AXI_DMAC_REG_X_LENGTH = 0x418;
/** Read: a bit for each number whose transfer is done and was not started again. */
export const AXI_DMAC_REG_TRANSFER_DONE = 0x428;
export const AXI_DMAC_REG_ACTIVE_TRANSFER_ID = 0x42c;
/** Upper halves of the addresses. */
export const AXI_DMAC_REG_DEST_ADDRESS_HIGH = 0x490;
export const AXI_DMAC_REG_SRC_ADDRESS_HIGH = 0x494;

export const AXI_DMAC_CTRL_ENABLE = 1 << 0;
/** A transfer has left the queue's entrance: there is room for another. */
export const AXI_DMAC_IRQ_SOT = 1 << 0;
/** A transfer is done. */
export const AXI_DMAC_IRQ_EOT = 1 << 1;
/** Begins again at its end, until the controller is disabled, and interrupts no more. */
export const AXI_DMAC_FLAG_CYCLIC = 1 << 0;
export const AXI_DMAC_FLAG_LAST = 1 << 1;

/** How many numbers there are for transfers. */
export const AXI_DMAC_TRANSFER_IDS = 32;
/** Bits of the length register, so one transfer has at most 16 MiB. */
export const AXI_DMAC_LENGTH_BITS = 24;
/** Bytes of the memory bus: addresses and lengths are multiples. */
export const AXI_DMAC_WIDTH = 8;

/** Registers of 32 bits, by offset from the controller's base. */
export interface AxiDmacRegisters {
  read(offset: number): number;
  write(offset: number, value: number): void;
}
