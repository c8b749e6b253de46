/** A device controller with scatter-gather, and the host controller that it is joined to: no hardware that exists, but what many have. */
import { USB_SPEED_HIGH, USB_SPEED_SUPER } from '../../abi/uapi/index.ts';
import { freeIrq, IRQ_HANDLED, IRQ_NONE, type IrqLine, irqs, requestIrq } from '../../irq/index.ts';
import { addModule, addPlatformDevice, type Kernel, platformBus, type System } from '../../kernel/index.ts';
import { DmaDevice, type DmaDeviceTraits } from '../../memory/index.ts';
import { addUdc, type UsbEpCaps, type UsbEpDescription } from '../../usb/index.ts';
import { DeviceController } from './device-controller.ts';
import { UsbLink } from './usb-link.ts';

/** Endpoints of each direction, 1 to this number: each does everything. */
const ENDPOINTS = 15;
const MAXPACKET_LIMIT = 1024;
const MAX_STREAMS = 16;

const all: UsbEpCaps = { bulk: true, int: true, iso: true };

const endpoints: readonly UsbEpDescription[] = Array.from({ length: ENDPOINTS }, (_, index) => [
  { name: `ep${index + 1}in`, caps: { ...all, in: true }, maxpacketLimit: MAXPACKET_LIMIT, maxStreams: MAX_STREAMS },
  { name: `ep${index + 1}out`, caps: { ...all, out: true }, maxpacketLimit: MAXPACKET_LIMIT, maxStreams: MAX_STREAMS },
]).flat();

export interface SgControllerOptions {
  /** Whether it connects at super speed; at high speed when left out. */
  readonly isSuperSpeed?: boolean;
  /** How its hardware accesses memory: without an IOMMU when left out, so that directions which are wrong, as FunctionFS's of 6.12, go unnoticed. */
  readonly dma?: Omit<DmaDeviceTraits, 'name'>;
  /** By which it tells its CPU, with the number that its driver knows the line by; it calls at once when left out. */
  readonly interrupt?: { readonly line: IrqLine; readonly irq: number };
}

/**
 * Adds the pair: /sys/class/udc/sg_udc.0, and a bus (two with super speed). Requests with a list of segments are read and written by its
 * hardware; the rest is copied by the CPU. `unlimited` in /sys/module/sg_udc/parameters makes frames carry what there is.
 */
export function addSgController(system: System, { isSuperSpeed = false, dma = {}, interrupt }: SgControllerOptions = {}): UsbLink {
  const bus = platformBus(system);
  bus.addDriver({ name: 'sg_hcd' });
  bus.addDriver({ name: 'sg_udc' });
  const controller = addPlatformDevice(system, { name: 'sg_hcd', id: 0 });
  const udc = addPlatformDevice(system, { name: 'sg_udc', id: 0 });
  const device = new DeviceController(system, {
    name: 'sg_udc',
    maxSpeed: isSuperSpeed ? USB_SPEED_SUPER : USB_SPEED_HIGH,
    endpoints,
    dma: new DmaDevice(system, { name: udc.name, maxSegmentSize: 2 ** 32 - 1, isDirectionChecked: false, ...dma }),
  });
  const link = new UsbLink(system, {
    hostName: 'sg_hcd',
    productDescription: 'Scatter-gather host controller',
    controller,
    device,
    isSuper: isSuperSpeed,
    ...(interrupt === undefined ? {} : { signalCpu: interruptSignal(system, interrupt) }),
  });
  const { unlimited } = addModule(system, 'sg_udc', { unlimited: 0 });
  link.rate = unlimited;
  addUdc(system, udc, device.gadget);
  return link;
}

/** What the hardware has to tell waits until the CPU takes its interrupt, in order. */
function interruptSignal(system: System, { line, irq }: NonNullable<SgControllerOptions['interrupt']>): (run: () => void) => void {
  const told: (() => void)[] = [];
  requestIrq(irqs(system), irq, {
    name: 'sg_udc.0',
    devId: line,
    handler() {
      if (told.length === 0) return IRQ_NONE;
      line.lower();
      for (let run = told.shift(); run !== undefined; run = told.shift()) run();
      return IRQ_HANDLED;
    },
  });
  return (run) => {
    told.push(run);
    line.raise();
  };
}

/** Gives the interrupt up: for a machine that is switched off. */
export const releaseSgInterrupt = (system: System, { line, irq }: NonNullable<SgControllerOptions['interrupt']>): Kernel<void> =>
  freeIrq(irqs(system), irq, line);
