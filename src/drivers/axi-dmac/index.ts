/** drivers/dma/dma-axi-dmac.c: the driver of Analog Devices' AXI-DMAC. */
export { AxiDmacChannel, type AxiDmacChannelDescription } from './channel.ts';
