/** The driver of a device that moves bytes into and out of a dma-buf: an importer of the plainest kind. */
export { addDmaTest, type DmaTestDescription } from './dma-test.ts';
