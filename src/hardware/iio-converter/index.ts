/** A converter like the FMComms3's: what the AD9361 receives and sends, and the cores in the FPGA that hand it to a DMA controller. */
export { AdcCore, type AdcDescription } from './adc.ts';
export { DacCore, type DacDescription } from './dac.ts';
export { SamplePattern } from './pattern.ts';
