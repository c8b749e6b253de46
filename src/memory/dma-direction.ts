/** Which way data moves, as `enum dma_data_direction`: out of memory, into memory, or both. */
export type DmaDirection = 'to-device' | 'from-device' | 'bidirectional';

/** Whether a device may read what was mapped so. */
export const deviceReads = (direction: DmaDirection) => direction !== 'from-device';

/** Whether a device may write what was mapped so. */
export const deviceWrites = (direction: DmaDirection) => direction !== 'to-device';
