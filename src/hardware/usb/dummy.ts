/** dummy_udc.0 and dummy_hcd.0, as drivers/usb/gadget/udc/dummy_hcd.c of Linux makes them. */
import { USB_SPEED_FULL, USB_SPEED_HIGH, USB_SPEED_SUPER } from '../../abi/uapi/index.ts';
import { addPlatformDevice, platformBus, type System } from '../../kernel/index.ts';
import { addUdc, type UsbEpCaps, type UsbEpDescription } from '../../usb/index.ts';
import { DeviceController } from './device-controller.ts';
import { UsbLink } from './usb-link.ts';

/** usb_ep_set_maxpacket_limit(&ep->ep, ~0). */
const MAXPACKET_LIMIT = 65_535;
const MAX_STREAMS = 16;
/** FIFO_SIZE. */
const FIFO_BYTES = 64;

const bulk: UsbEpCaps = { bulk: true };
const int: UsbEpCaps = { int: true };
const any: UsbEpCaps = { bulk: true, int: true };
const toHost = { in: true };
const fromHost = { out: true };

/** ep_info. */
const ENDPOINTS: readonly (readonly [name: string, caps: UsbEpCaps])[] = [
  ['ep1in-bulk', { ...bulk, ...toHost }],
  ['ep2out-bulk', { ...bulk, ...fromHost }],
  ['ep5in-int', { ...int, ...toHost }],
  ['ep6in-bulk', { ...bulk, ...toHost }],
  ['ep7out-bulk', { ...bulk, ...fromHost }],
  ['ep10in-int', { ...int, ...toHost }],
  ['ep11in-bulk', { ...bulk, ...toHost }],
  ['ep12out-bulk', { ...bulk, ...fromHost }],
  ['ep15in-int', { ...int, ...toHost }],
  ['ep1out-bulk', { ...bulk, ...fromHost }],
  ['ep2in-bulk', { ...bulk, ...toHost }],
  ['ep-aout', { ...any, ...fromHost }],
  ['ep-bin', { ...any, ...toHost }],
  ['ep-cout', { ...any, ...fromHost }],
  ['ep-dout', { ...any, ...fromHost }],
  ['ep-ein', { ...any, ...toHost }],
  ['ep-fout', { ...any, ...fromHost }],
  ['ep-gin', { ...any, ...toHost }],
  ['ep-hout', { ...any, ...fromHost }],
  ['ep-iout', { ...any, ...fromHost }],
  ['ep-jin', { ...any, ...toHost }],
  ['ep-kout', { ...any, ...fromHost }],
  ['ep-lin', { ...any, ...toHost }],
  ['ep-mout', { ...any, ...fromHost }],
];

/** The module's parameters. */
export interface DummyOptions {
  /** False when left out. */
  readonly isSuperSpeed?: boolean;
  /** True when left out. */
  readonly isHighSpeed?: boolean;
}

const yes = (value: boolean) => (value ? 'Y\n' : 'N\n');

/** Adds the pair: /sys/class/udc/dummy_udc.0, and a bus (two with super speed). It has no scatter-gather and nothing isochronous. */
export function addDummyHcd(system: System, { isSuperSpeed = false, isHighSpeed = true }: DummyOptions = {}): UsbLink {
  const module = system.deviceModel.modules.createDirectory('dummy_hcd').createDirectory('parameters');
  module.createFile({ name: 'is_super_speed', mode: 0o444, show: () => yes(isSuperSpeed) });
  module.createFile({ name: 'is_high_speed', mode: 0o444, show: () => yes(isHighSpeed) });
  module.createFile({ name: 'num', mode: 0o444, show: () => '1\n' });
  const bus = platformBus(system);
  bus.addDriver({ name: 'dummy_hcd' });
  bus.addDriver({ name: 'dummy_udc' });
  let link: UsbLink | undefined;
  const urbs = () =>
    link?.buses.flatMap((hostBus) => hostBus.urbs.map((urb) => `urb/${urb.endpoint.desc.bEndpointAddress}\n`)).join('') ?? '';
  const controller = addPlatformDevice(system, {
    name: 'dummy_hcd',
    id: 0,
    groups: [{ attributes: [{ name: 'urbs', mode: 0o444, show: urbs }] }],
  });
  const udc = addPlatformDevice(system, { name: 'dummy_udc', id: 0 });
  const device = new DeviceController(system, {
    name: 'dummy_udc',
    maxSpeed: isSuperSpeed ? USB_SPEED_SUPER : isHighSpeed ? USB_SPEED_HIGH : USB_SPEED_FULL,
    endpoints: ENDPOINTS.map(
      ([name, caps]): UsbEpDescription => ({ name, caps, maxpacketLimit: MAXPACKET_LIMIT, maxStreams: MAX_STREAMS }),
    ),
    fifoSize: FIFO_BYTES,
    asksForCallbacks: true,
  });
  link = new UsbLink(system, {
    hostName: 'dummy_hcd',
    productDescription: 'Dummy host controller',
    controller,
    device,
    isSuper: isSuperSpeed,
  });
  addUdc(system, udc, device.gadget);
  return link;
}
