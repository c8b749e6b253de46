/**
 * Drivers of Analog Devices' converter cores, as they are in the vendor's kernel: cf_axi_adc for what the AD9361 receives, cf_axi_dds for what
 * it sends. What programs know them by: names, channels and attributes.
 */
import { Errno } from '../../abi/index.ts';
import { addPlatformDevice, type Kernel, type System } from '../../kernel/index.ts';
import type { ContiguousRegion } from '../../memory/index.ts';
import type { DmaChannel } from '../../ports/dmaengine/index.ts';
import {
  ADI_DCFILT_OFFSET_SHIFT,
  ADI_ENABLE,
  ADI_REG_CHAN_CNTRL,
  ADI_REG_CHAN_CNTRL_1,
  type ConverterRegisters,
  type SampleClock,
} from '../../ports/iio-converter/index.ts';
import type { Channel, ChannelAttribute, ScanType } from './channel.ts';
import { DmaQueue } from './dma-queue.ts';
import { IioDevice } from './iio-device.ts';
import { parseInteger } from './value-text.ts';

export interface ConverterDescription {
  readonly system: System;
  readonly registers: ConverterRegisters;
  readonly clock: SampleClock;
  readonly dma: DmaChannel;
  /** Memory for read(2) and write(2). */
  readonly region: ContiguousRegion;
  readonly channels: number;
}

/** A driver at work. */
export interface Converter {
  readonly device: IioDevice;
  /** Takes it away, as unbinding the driver does. Once. */
  remove(): Kernel<void>;
}

/** What the AD9361 can do, in Hz. */
const RATE_MIN = 2_083_333;
const RATE_MAX = 61_440_000;
const OFFSET_LIMIT = 2 ** 15;

/** Registers of the core, not of the transceiver, as the vendor's programs tell them apart. */
const CORE_REGISTERS = 0x80000000;

/** iio_dma_buffer_init. */
const DEFAULT_LENGTH = 4096;

const RECEIVED: ScanType = { sign: 'S', realbits: 12, storagebits: 16, shift: 0, endianness: 'le' };
const SENT: ScanType = { sign: 'S', realbits: 16, storagebits: 16, shift: 0, endianness: 'le' };

function samplingFrequency(clock: SampleClock): ChannelAttribute[] {
  return [
    {
      name: 'sampling_frequency',
      share: 'type',
      show: () => `${clock.rate}`,
      store(text) {
        const rate = parseInteger(text);
        if (rate < RATE_MIN || rate > RATE_MAX) throw new Errno('EINVAL', `${rate} Hz is not between ${RATE_MIN} and ${RATE_MAX}`);
        clock.rate = rate;
      },
    },
    { name: 'sampling_frequency_available', share: 'type', show: () => `[${RATE_MIN} 1 ${RATE_MAX}]` },
  ];
}

/** The offset of a channel, in units of its least bit. */
function calibbias(registers: ConverterRegisters, channel: number): ChannelAttribute {
  const register = ADI_REG_CHAN_CNTRL_1(channel);
  return {
    name: 'calibbias',
    show: () => `${registers.read(register) >> ADI_DCFILT_OFFSET_SHIFT}`,
    store(text) {
      const offset = parseInteger(text);
      if (offset < -OFFSET_LIMIT || offset >= OFFSET_LIMIT) throw new Errno('EINVAL', `${offset} does not fit 16 bits`);
      registers.write(register, (registers.read(register) & 0xffff) | (offset << ADI_DCFILT_OFFSET_SHIFT));
    },
  };
}

function addConverter(description: ConverterDescription, name: string, direction: 'in' | 'out'): Converter {
  const { system, registers, clock, dma, region, channels: count } = description;
  const channels = Array.from({ length: count }, (_, index): Channel => {
    const scan = { index, type: direction === 'in' ? RECEIVED : SENT };
    const shared = samplingFrequency(clock);
    if (direction === 'out') return { type: 'voltage', isOutput: true, channel: index, scan, attributes: shared };
    return { type: 'voltage', channel: index, scan, attributes: [calibbias(registers, index), ...shared] };
  });
  const parent = addPlatformDevice(system, { name });
  const device = new IioDevice({
    system,
    name,
    parent,
    channels,
    updateScanMode(mask) {
      for (const { channel } of channels) registers.write(ADI_REG_CHAN_CNTRL(channel), (mask & (1 << channel)) === 0 ? 0 : ADI_ENABLE);
    },
    registers: {
      read: (register) => (register >= CORE_REGISTERS ? registers.read(register - CORE_REGISTERS) : 0),
      write(register, value) {
        if (register >= CORE_REGISTERS) registers.write(register - CORE_REGISTERS, value);
      },
    },
  });
  let queue: DmaQueue | undefined;
  device.attachBuffer({ direction, length: DEFAULT_LENGTH, watermark: DEFAULT_LENGTH / 2 }, (buffer) => {
    queue = new DmaQueue(buffer, dma, region);
    return queue;
  });
  device.register();
  let isRemoved = false;
  return {
    device,
    *remove() {
      if (isRemoved) return;
      isRemoved = true;
      yield* device.unregister(() => queue?.exit());
      yield* dma.release();
    },
  };
}

/** `cf-ad9361-lpc`. */
export const addReceiver = (description: ConverterDescription): Converter => addConverter(description, 'cf-ad9361-lpc', 'in');

/** `cf-ad9361-dds-core-lpc`, without its tone generators. */
export const addTransmitter = (description: ConverterDescription): Converter => addConverter(description, 'cf-ad9361-dds-core-lpc', 'out');
