import { addCmaHeap, addSystemHeap, addUdmabuf, type CoherencySettings, setCoherency } from '../dma-buf/index.ts';
import { AxiDmacChannel } from '../drivers/axi-dmac/index.ts';
import { addFunctionFs } from '../drivers/functionfs/index.ts';
import { addReceiver, addTransmitter, type Converter } from '../drivers/iio/index.ts';
import { AxiDmac } from '../hardware/axi-dmac/index.ts';
import { AdcCore, DacCore, type DacDescription } from '../hardware/iio-converter/index.ts';
import { addSgController, releaseSgInterrupt, type UsbLink } from '../hardware/usb/index.ts';
import { irqs, WiredController } from '../irq/index.ts';
import type { Board, Machine } from '../machine/index.ts';
import { DmaDevice, type DmaDeviceTraits, NonCoherentCaches, type NonCoherentOptions } from '../memory/index.ts';
import type { SampleSink, SampleSource } from '../ports/iio-converter/index.ts';
import { addUsbGadgets } from '../usb/index.ts';

export interface Zcu102Options extends Pick<DacDescription, 'onSent'> {
  /** In Hz; 30.72 MHz when left out. */
  readonly rate?: number;
  /** Whether samples come as fast as somebody takes them, instead of at that rate. */
  readonly isUnlimited?: boolean;
  /** What DMA of samples moves in a nanosecond: 4 bytes when left out. */
  readonly dmaBytesPer_ns?: number;
}

/** What can be chosen of the board whose USB controller does not see the CPU's caches. */
export interface NonCoherentZcu102Options extends Zcu102Options, Partial<CoherencySettings>, Omit<NonCoherentOptions, 'eviction'> {}

/** What is on a board that has been booted. */
export interface Zcu102Parts {
  readonly adc: AdcCore;
  readonly dac: DacCore;
  readonly receiver: Converter;
  readonly transmitter: Converter;
  /** Its USB device controller, and the host that it is plugged into. */
  readonly usb: UsbLink;
}

export interface Zcu102Board extends Board {
  /** Of the machine that was booted last. */
  readonly parts: Zcu102Parts;
}

const MIB = 2 ** 20;
const RATE = 30_720_000;
/** Two antennas, each with an in-phase and a quadrature part. */
const CHANNELS = 4;
const CMA = { name: 'linux,cma', base: 1024 * MIB, size: 256 * MIB };
/** Inputs of the GIC: SPIs begin at 32. */
const SPI = 32;
const RECEIVE_INPUT = SPI + 109;
const SEND_INPUT = SPI + 108;
const USB_INPUT = SPI + 65;

/** How its devices reach memory. */
interface Buses {
  readonly converter: Omit<DmaDeviceTraits, 'name'>;
  readonly usb: Omit<DmaDeviceTraits, 'name'>;
}

function setUp(machine: Machine, options: Zcu102Options, buses: Buses): Zcu102Parts {
  const { system, ram } = machine;
  addSystemHeap(system, ram);
  const region = ram.region(CMA.name);
  addCmaHeap(system, region);
  addUdmabuf(system);
  const all = irqs(system);
  // Nothing lies between a line and the processor: a paced machine would wait a millisecond for the first microsecond.
  const gic = new WiredController(all, { name: 'GICv2', lines: 256, latency_ns: 0, waitsForEnd: true });
  const core = { system, channels: CHANNELS, rate: options.rate ?? RATE, isUnlimited: options.isUnlimited ?? false };
  const adc = new AdcCore(core);
  const dac = new DacCore({ ...core, ...(options.onSent === undefined ? {} : { onSent: options.onSent }) });
  const controller = (name: string, input: number, stream: { source: SampleSource } | { sink: SampleSink }) => {
    const device = new DmaDevice(system, { name, maskBits: 40, maxSegmentSize: 2 ** 32 - 1, ...buses.converter });
    const speed = options.dmaBytesPer_ns === undefined ? {} : { bytesPer_ns: options.dmaBytesPer_ns };
    const registers = new AxiDmac({ system, device, line: gic.line(input), stream, ...speed });
    return new AxiDmacChannel({ registers, device, irqs: all, irq: gic.irq(input), toMemory: 'source' in stream });
  };
  const parts = { system, region, channels: CHANNELS };
  const receiver = addReceiver({
    ...parts,
    registers: adc,
    clock: adc.time,
    dma: controller('9c400000.dma', RECEIVE_INPUT, { source: adc }),
  });
  const transmitter = addTransmitter({
    ...parts,
    registers: dac,
    clock: dac.time,
    dma: controller('9c420000.dma', SEND_INPUT, { sink: dac }),
  });
  const interrupt = { line: gic.line(USB_INPUT), irq: gic.irq(USB_INPUT) };
  const usb = addSgController(system, { isSuperSpeed: true, dma: buses.usb, interrupt });
  addUsbGadgets(system);
  addFunctionFs(system);
  machine.onShutdown(() => system.scheduler.spawn('unbind sg_udc', undefined, releaseSgInterrupt(system, interrupt)));
  machine.beforeShutdown(() => {
    for (const converter of [receiver, transmitter])
      system.scheduler.spawn(`unbind ${converter.device.name}`, undefined, converter.remove());
    system.scheduler.runReady();
  });
  return { adc, dac, receiver, transmitter, usb };
}

function makeBoard(description: Omit<Board, 'setUp'>, boot: (machine: Machine) => Zcu102Parts): Zcu102Board {
  let parts: Zcu102Parts | undefined;
  return {
    ...description,
    architecture: 'arm64',
    cpus: 4,
    regions: [CMA],
    get parts() {
      if (parts === undefined) throw new Error('no machine with this board was booted');
      return parts;
    },
    setUp(machine) {
      parts = boot(machine);
    },
  };
}

/** A board with Xilinx's Zynq UltraScale+ and Analog Devices' FMComms3: a radio whose samples are at /dev/iio:device0 and 1. */
export function zcu102(options: Zcu102Options = {}): Zcu102Board {
  return makeBoard(
    {
      name: 'zcu102',
      description: "a ZCU102 with an FMComms3: a radio's samples at /dev/iio:device0 and 1, and a USB device controller, sg_udc.0",
    },
    (machine) => setUp(machine, options, { converter: {}, usb: {} }),
  );
}

/** The same where DMA of samples fills the CPU's caches, which the USB controller does not see. */
export function noncoherentZcu102(options: NonCoherentZcu102Options = {}): Zcu102Board {
  return makeBoard(
    {
      name: 'zcu102-noncoherent',
      description: "the same, whose samples fill the CPU's caches, which USB does not see",
      caches: ({ system, eviction }) => new NonCoherentCaches(system, { ...options, eviction }),
    },
    (machine) => {
      setCoherency(machine.system, { attach: 'track', ...options });
      return setUp(machine, options, { converter: { allocatesInCpu: true }, usb: { snoopsCpu: false } });
    },
  );
}
