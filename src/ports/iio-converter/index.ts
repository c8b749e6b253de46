/** What is between a converter of signals, as Analog Devices builds them into an FPGA, its driver and its DMA controller. */

/** Read: whether samples were lost; writing ones clears. */
export const ADI_REG_DMA_STATUS = 0x88;
/** Of what comes in: nobody took a sample. */
export const ADI_DMA_OVF = 1 << 2;
/** Of what goes out: there was no sample to send. */
export const ADI_VDMA_UNF = 1 << 0;

export const ADI_REG_CHAN_CNTRL = (channel: number): number => 0x400 + channel * 0x40;
/** The channel's samples are part of the stream. */
export const ADI_ENABLE = 1 << 0;

/** Bits 16 to 31: what is added to each sample of a channel, with a sign. */
export const ADI_REG_CHAN_CNTRL_1 = (channel: number): number => 0x410 + channel * 0x40;
export const ADI_DCFILT_OFFSET_SHIFT = 16;

/** Registers of 32 bits, by offset from the converter's base. */
export interface ConverterRegisters {
  read(offset: number): number;
  write(offset: number, value: number): void;
}

/** The transceiver's clock: how often all channels are sampled. */
export interface SampleClock {
  /** In Hz. */
  rate: number;
}

/** Samples on their way from the converter to whoever moves them to memory: enabled channels only, one scan after the other. */
export interface SampleSource {
  /**
   * Somebody will take so many bytes, in whole scans.
   *
   * @param continues whether it follows what was taken before without a gap; otherwise samples in between are lost
   * @returns in how many virtual nanoseconds the last of them will be there; Infinity for never
   */
  begin(length: number, continues: boolean): number;
  /** Takes them now. @param put is given them piece by piece, and keeps none */
  take(length: number, put: (bytes: Uint8Array) => void): void;
  /** Nobody takes samples any more, so that none is missed. */
  end(): void;
}

/** Samples on their way from memory to the converter. */
export interface SampleSink {
  /** Somebody has so many bytes to send. See {@link SampleSource.begin}. @returns when the last of them will have been sent */
  begin(length: number, continues: boolean): number;
  /** These were sent. The bytes are the sender's. */
  put(bytes: Uint8Array): void;
  /** From now on the same samples are sent again and again. @param fetch reads them from memory, as it is then */
  repeat(fetch: () => Uint8Array): void;
  end(): void;
}
