/**
 * A host controller and a device controller joined by a cable, without a wire between them: drivers/usb/gadget/udc/dummy_hcd.c, whose
 * order of things this keeps. Packets cross in frames of 125 µs, up to what the speed allows; a frame is only looked at when something
 * could cross in it.
 */
import { Errno, errno } from '../../abi/index.ts';
import {
  USB_ENDPOINT_XFER_ISOC,
  USB_SPEED_FULL,
  USB_SPEED_HIGH,
  USB_SPEED_LOW,
  USB_SPEED_SUPER,
  usb_ctrlrequest,
  usb_endpoint_num,
  usb_endpoint_type,
} from '../../abi/uapi/index.ts';
import type { Device, IntegerParameter, ScheduledEvent, System } from '../../kernel/index.ts';
import { addHcd, type HcDriver, type Hcd, type Urb } from '../../usb/index.ts';
import type { DeviceController } from './device-controller.ts';
import { moveIsochronous } from './isochronous.ts';
import type { LinkedEndpoint } from './linked-endpoint.ts';
import { move, type Wire } from './move.ts';
import { RootPort } from './root-port.ts';
import { handleStandard } from './standard-requests.ts';

const FRAME_NS = 125_000;
/** Bytes that a frame carries, by USB_SPEED_. */
const FRAME_BYTES: Readonly<Record<number, number>> = {
  [USB_SPEED_LOW]: 8 * 12,
  [USB_SPEED_FULL]: 64 * 19,
  [USB_SPEED_HIGH]: 512 * 13 * 8,
  [USB_SPEED_SUPER]: 490_000,
};
/** The data stage of a control transfer is not cut into frames below this. */
const CONTROL_BYTES = 64 * 1024;

const INPROGRESS = -errno.EINPROGRESS;

/** What is about to cross, or has crossed: for tests that break things at a packet of their choice. */
export interface Packet {
  /** Number of the endpoint, and whether it goes to the host. */
  readonly endpoint: number;
  readonly isIn: boolean;
  readonly bytes: number;
}

export interface UsbLinkDescription {
  /** Of the host controller: `dummy_hcd`. */
  readonly hostName: string;
  readonly productDescription: string;
  /** The host controller's device. */
  readonly controller: Device;
  readonly device: DeviceController;
  /** Whether the host has a bus for super speed beside the other. */
  readonly isSuper: boolean;
  /** How the device end's hardware tells its CPU; calls at once when left out. */
  readonly signalCpu?: (run: () => void) => void;
}

/** One of the host's two buses. */
class HostBus implements HcDriver {
  readonly name: string;
  readonly productDescription: string;
  readonly speed: number;
  readonly ports = 1;
  readonly port: RootPort;
  readonly urbs: Urb[] = [];
  hcd!: Hcd;
  readonly #link: UsbLink;

  constructor(link: UsbLink, { hostName, productDescription }: UsbLinkDescription, port: RootPort) {
    this.#link = link;
    this.name = hostName;
    this.productDescription = productDescription;
    this.port = port;
    this.speed = port.isSuper ? USB_SPEED_SUPER : USB_SPEED_HIGH;
  }

  urbEnqueue(urb: Urb): void {
    this.urbs.push(urb);
    // Marks a control transfer as one whose request was not looked at.
    if (urb.isControl) urb.errorCount = 1;
    this.#link.kick();
  }

  urbDequeue(): void {
    this.#link.kick();
  }

  hubControl(request: number, wValue: number, wIndex: number, buffer: Uint8Array): void {
    this.port.control(request, wValue, wIndex, buffer);
    this.#link.kick();
  }

  busSuspend(): void {
    this.port.isBusSuspended = true;
    this.port.update();
  }

  busResume(): void {
    this.port.isBusSuspended = false;
    this.port.update();
    this.#link.kick();
  }
}

export class UsbLink implements Wire {
  readonly system: System;
  readonly device: DeviceController;
  readonly buses: readonly HostBus[];
  /** Other than 0: frames carry what there is, at once. */
  rate: IntegerParameter = { value: 0 };
  /** Told of each packet that has crossed; it may break the connection. While it is set, packets cross one by one. */
  onPacket: ((packet: Packet) => void) | undefined;
  readonly #signalCpu: (run: () => void) => void;
  #tick: ScheduledEvent | undefined;
  #isTicking = false;
  #wantsTick = false;
  /** A request on ep0 that the CPU of the device has not taken yet. */
  #setupOnItsWay: Urb | undefined;

  constructor(system: System, description: UsbLinkDescription) {
    this.system = system;
    this.device = description.device;
    this.#signalCpu = description.signalCpu ?? ((run) => run());
    const make = (isSuper: boolean) =>
      new HostBus(this, description, new RootPort(system, this.device, isSuper, (what) => this.#busEvent(what)));
    this.buses = description.isSuper ? [make(false), make(true)] : [make(false)];
    const link = this;
    this.device.host = {
      get isEnabled() {
        return link.#bus.port.isEnabled;
      },
      get frame() {
        return link.#frame;
      },
      kick: () => this.kick(),
      connectionChanged: () => this.#connectionChanged(),
      wakeUp: () => this.#wakeUp(),
    };
    for (const bus of this.buses) bus.hcd = addHcd(system, description.controller, bus);
  }

  get isUnlimited(): boolean {
    return this.rate.value !== 0;
  }

  get dma() {
    return this.device.gadget.dma;
  }

  /** Takes the device away from the host without a word, as pulling the plug does, or puts it back. */
  plug(isPlugged: boolean): void {
    for (const { port } of this.buses) port.isPlugged = isPlugged;
    this.#connectionChanged();
    // Power goes with the plug, which a device sees at once.
    if (!isPlugged) this.#busEvent('disconnect');
  }

  /** Something may be able to cross now. */
  kick(): void {
    // Without a transfer of the host's nothing crosses, and a machine that has none comes to rest.
    if (this.buses.every(({ urbs }) => urbs.length === 0)) return;
    this.#wantsTick = true;
    if (this.#tick !== undefined || this.#isTicking) return;
    const delay_ns = this.isUnlimited ? 0 : FRAME_NS;
    this.#tick = this.system.clock.schedule(delay_ns, `a frame of ${this.device.gadget.name}`, () => this.#run());
  }

  /** The bus that the device is on at its speed. */
  get #bus(): HostBus {
    const isSuper = this.device.gadget.speed >= USB_SPEED_SUPER;
    return this.buses.find(({ port }) => port.isSuper === isSuper) ?? (this.buses[0] as HostBus);
  }

  get #frame(): number {
    return Math.floor(this.system.now() / 1e6) % 1000;
  }

  #connectionChanged(): void {
    for (const { port } of this.buses) port.update();
    for (const { hcd } of this.buses) hcd.pollRootHubStatus();
    this.kick();
  }

  #wakeUp(): void {
    const bus = this.#bus;
    const delay_ns = bus.port.wakeUp();
    this.system.clock.schedule(delay_ns, `a wake-up by ${this.device.gadget.name}`, () => {
      if (bus.port.isBusSuspended) bus.busResume();
      bus.port.finishWakeUp();
      bus.hcd.pollRootHubStatus();
      this.kick();
    });
  }

  /** What the port did to the device. */
  #busEvent(what: 'reset' | 'disconnect' | 'suspend' | 'resume'): void {
    const { device } = this;
    if (!device.areCallbacksOn) return;
    // The hardware stops by itself; its driver hears of it when the CPU does.
    if (what === 'reset' || what === 'disconnect') this.#setupOnItsWay = undefined;
    this.#signalCpu(() => {
      const { driver, gadget } = device;
      if (driver === undefined || !device.areCallbacksOn) return;
      if (what === 'reset') device.busReset();
      else if (what === 'suspend') driver.suspend?.(gadget);
      else if (what === 'resume') driver.resume?.(gadget);
      else {
        device.stopActivity();
        driver.disconnect(gadget);
      }
    });
  }

  /** dummy_timer: a frame. */
  #run(): void {
    this.#tick = undefined;
    this.#isTicking = true;
    let goesOn = false;
    try {
      for (this.#wantsTick = false; ; this.#wantsTick = false) {
        goesOn = this.#frameOf(this.#bus);
        for (const bus of this.buses) if (bus !== this.#bus) this.#failAll(bus);
        // With a limit, what came up meanwhile waits for the next frame.
        if (!this.#wantsTick || !this.isUnlimited) break;
      }
    } finally {
      this.#isTicking = false;
    }
    if (goesOn || this.#wantsTick) this.kick();
  }

  /** A bus without a device. */
  #failAll(bus: HostBus): void {
    for (const urb of [...bus.urbs]) this.#giveBack(bus, urb, -errno.EPROTO);
  }

  /** @returns whether more could cross in another frame */
  #frameOf(bus: HostBus): boolean {
    const { device } = this;
    let left = this.isUnlimited ? Number.MAX_SAFE_INTEGER : (FRAME_BYTES[device.gadget.speed] ?? 0);
    let goesOn = false;
    for (const endpoint of [device.ep0, ...device.endpoints]) endpoint.isSeen = false;
    // What is queued meanwhile has its turn in the next frame.
    const last = bus.urbs.at(-1);
    for (let at = 0; at < bus.urbs.length; ) {
      const urb = bus.urbs[at] as Urb;
      const outcome = this.#turn(bus, urb, left);
      left -= outcome.bytes;
      goesOn ||= outcome.goesOn;
      const isLast = urb === last;
      if (outcome.status === INPROGRESS) {
        at++;
      } else {
        if (outcome.endpoint !== undefined) {
          outcome.endpoint.isSeen = false;
          outcome.endpoint.isSetup = false;
        }
        this.#giveBack(bus, urb, outcome.status);
        // Completions may have taken others away.
        at = 0;
      }
      if (isLast) break;
    }
    return goesOn;
  }

  #turn(
    bus: HostBus,
    urb: Urb,
    left: number,
  ): { readonly status: number; readonly bytes: number; readonly goesOn: boolean; readonly endpoint?: LinkedEndpoint | undefined } {
    const { device } = this;
    const nothing = { status: INPROGRESS, bytes: 0, goesOn: false };
    if (urb.unlinked !== 0) return { ...nothing, status: urb.unlinked, endpoint: this.#endpointOf(bus, urb) };
    if (bus.port.isBusSuspended) return nothing;
    if (left <= 0) return { ...nothing, goesOn: true };
    const endpoint = this.#endpointOf(bus, urb);
    if (endpoint === undefined) return { ...nothing, status: -errno.EPROTO };
    if (endpoint.isSeen) return nothing;
    endpoint.isSeen = true;
    if (endpoint === device.ep0 && urb.errorCount !== 0) {
      endpoint.isSetup = true;
      urb.errorCount = 0;
    }
    if (endpoint.isHalted && !endpoint.isSetup) return { ...nothing, status: -errno.EPIPE, endpoint };
    if (endpoint === device.ep0 && endpoint.isSetup) {
      const status = this.#setup(urb);
      if (status !== undefined) return { ...nothing, status, endpoint };
    }
    if (this.#setupOnItsWay === urb) return nothing;
    if (usb_endpoint_type(urb.endpoint.desc) === USB_ENDPOINT_XFER_ISOC) {
      return { ...moveIsochronous(this, urb, endpoint, this.#frame), goesOn: true, endpoint };
    }
    const moved = move(this, urb, endpoint, endpoint === device.ep0 && !this.isUnlimited ? CONTROL_BYTES : left);
    return { status: moved.status, bytes: moved.bytes, goesOn: moved.isCut, endpoint };
  }

  #endpointOf(bus: HostBus, urb: Urb): LinkedEndpoint | undefined {
    if (!bus.port.isActive) return undefined;
    return this.device.find(usb_endpoint_num(urb.endpoint.desc) === 0 ? 0 : urb.endpoint.desc.bEndpointAddress);
  }

  /** @returns how the transfer ends; undefined when the gadget's driver has to do with it */
  #setup(urb: Urb): number | undefined {
    const { device } = this;
    const { ep0 } = device;
    const bytes = urb.setup as Uint8Array;
    const request = usb_ctrlrequest.decode(new DataView(bytes.buffer, bytes.byteOffset), 0);
    // What is left of an earlier transfer is too late.
    for (let stale = ep0.requests.shift(); stale !== undefined; stale = ep0.requests.shift()) {
      stale.status = -errno.EOVERFLOW;
      stale.complete?.(ep0, stale);
    }
    ep0.isSetup = false;
    ep0.isHalted = false;
    const handled = handleStandard(device, request, urb);
    if (handled === 'done') return 0;
    if (handled === 'stall') return this.#stall(urb);
    this.#setupOnItsWay = urb;
    let isStalled = false;
    this.#signalCpu(() => {
      if (this.#setupOnItsWay !== urb) return;
      this.#setupOnItsWay = undefined;
      try {
        device.driver?.setup(device.gadget, request);
      } catch (error) {
        if (!(error instanceof Errno)) throw error;
        isStalled = true;
        // A CPU that takes its time finds the transfer waiting: it ends by a halt that the next request clears.
        ep0.isHalted = true;
        this.kick();
      }
    });
    if (isStalled) {
      ep0.isHalted = false;
      return this.#stall(urb);
    }
    return undefined;
  }

  #stall(urb: Urb): number {
    urb.actualLength = 0;
    return -errno.EPIPE;
  }

  #giveBack(bus: HostBus, urb: Urb, status: number): void {
    const at = bus.urbs.indexOf(urb);
    if (at >= 0) bus.urbs.splice(at, 1);
    if (this.#setupOnItsWay === urb) this.#setupOnItsWay = undefined;
    urb.errorCount = 0;
    urb.giveBack(status);
  }

  // Wire

  step(endpoint: LinkedEndpoint): number {
    return this.onPacket === undefined ? Number.POSITIVE_INFINITY : endpoint.maxpacket;
  }

  done(endpoint: LinkedEndpoint, request: Parameters<Wire['done']>[1]): void {
    const { status } = request;
    request.status = status;
    this.#signalCpu(() => request.complete?.(endpoint, request));
  }

  crossed(endpoint: LinkedEndpoint, bytes: number): boolean {
    if (this.onPacket === undefined) return true;
    const bus = this.#bus;
    this.onPacket({ endpoint: endpoint.address & 0xf, isIn: endpoint.isIn, bytes });
    return bus === this.#bus && bus.port.isActive;
  }
}
