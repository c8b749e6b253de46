/** A DMA controller between memory and a stream of samples. */
export { AxiDmac, type AxiDmacDescription } from './axi-dmac.ts';
