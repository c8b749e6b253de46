/** The host end of a link: a root hub with one port, of one generation of speeds (dummy_hub_control and set_link_state of dummy_hcd.c). */
import { Errno } from '../../abi/index.ts';
import {
  USB_DEVICE_SELF_POWERED,
  USB_DIR_IN,
  USB_DT_HUB,
  USB_DT_SS_HUB,
  USB_PORT_FEAT_C_CONNECTION,
  USB_PORT_FEAT_C_ENABLE,
  USB_PORT_FEAT_C_RESET,
  USB_PORT_FEAT_C_SUSPEND,
  USB_PORT_FEAT_ENABLE,
  USB_PORT_FEAT_POWER,
  USB_PORT_FEAT_RESET,
  USB_PORT_FEAT_SUSPEND,
  USB_PORT_STAT_C_CONNECTION,
  USB_PORT_STAT_C_RESET,
  USB_PORT_STAT_C_SUSPEND,
  USB_PORT_STAT_CONNECTION,
  USB_PORT_STAT_ENABLE,
  USB_PORT_STAT_HIGH_SPEED,
  USB_PORT_STAT_LOW_SPEED,
  USB_PORT_STAT_POWER,
  USB_PORT_STAT_RESET,
  USB_PORT_STAT_SUSPEND,
  USB_RECIP_OTHER,
  USB_REQ_CLEAR_FEATURE,
  USB_REQ_GET_DESCRIPTOR,
  USB_REQ_GET_STATUS,
  USB_REQ_SET_FEATURE,
  USB_SPEED_HIGH,
  USB_SPEED_SUPER,
  USB_SS_PORT_STAT_POWER,
  USB_TYPE_CLASS,
} from '../../abi/uapi/index.ts';
import type { System } from '../../kernel/index.ts';
import type { DeviceController } from './device-controller.ts';

const RESET_NS = 50e6;
const RESUME_NS = 20e6;

const CLASS = USB_TYPE_CLASS << 8;
const CLASS_IN = (USB_TYPE_CLASS | USB_DIR_IN) << 8;
const PORT = (USB_TYPE_CLASS | USB_RECIP_OTHER) << 8;
const PORT_IN = (USB_TYPE_CLASS | USB_RECIP_OTHER | USB_DIR_IN) << 8;

/** Ports switch their power one by one, overcurrent is common to all. */
const HUB_HIGH = Uint8Array.of(9, USB_DT_HUB, 1, 0x01, 0x00, 0, 0, 0, 0xff);
const HUB_SUPER = Uint8Array.of(12, USB_DT_SS_HUB, 1, 0x01, 0x00, 0, 0, 4, 0, 0, 0, 0);

/** What the device end hears: a call of its driver, now or by an interrupt. */
export type Signal = (what: 'reset' | 'disconnect' | 'suspend' | 'resume') => void;

/**
 * One port.
 *
 * Invariant: what the device end hears follows from `#told` and the status now; {@link update} is called after each change of either.
 */
export class RootPort {
  readonly isSuper: boolean;
  readonly #system: System;
  readonly #device: DeviceController;
  readonly #signal: Signal;
  /** wPortStatus, and wPortChange 16 bits higher. */
  #status = 0;
  #told = 0;
  /** Whether the link carries packets. */
  isActive = false;
  #wasActive = false;
  isPlugged = true;
  isBusSuspended = false;
  /** Until when a reset or a resume goes on. */
  #until_ns = 0;
  #isResuming = false;

  constructor(system: System, device: DeviceController, isSuper: boolean, signal: Signal) {
    this.#system = system;
    this.#device = device;
    this.isSuper = isSuper;
    this.#signal = signal;
  }

  get isEnabled(): boolean {
    return (this.#status & USB_PORT_STAT_ENABLE) !== 0;
  }

  /** Whether something changed that nobody has acknowledged: hub_status_data. */
  get hasNews(): boolean {
    return this.#status >>> 16 !== 0;
  }

  get #isThere(): boolean {
    const isAtThisSpeed = this.#device.gadget.speed >= USB_SPEED_SUPER === this.isSuper;
    return this.#device.isPulledUp && this.isPlugged && isAtThisSpeed;
  }

  get #powerBit(): number {
    return this.isSuper ? USB_SS_PORT_STAT_POWER : USB_PORT_STAT_POWER;
  }

  /** set_link_state. */
  update(): void {
    const { gadget, isPulledUp } = this.#device;
    this.isActive = false;
    // The port of the other generation is the one that is meant.
    if (isPulledUp && gadget.speed >= USB_SPEED_SUPER !== this.isSuper) return;
    this.#settle();
    this.#tell();
    this.#told = this.#status;
    this.#wasActive = this.isActive;
  }

  /** set_link_state_by_speed. */
  #settle(): void {
    const wasConnected = (this.#told & USB_PORT_STAT_CONNECTION) !== 0;
    if ((this.#status & this.#powerBit) === 0) {
      this.#status = 0;
    } else if (!this.#isThere) {
      const gone = USB_PORT_STAT_CONNECTION | USB_PORT_STAT_ENABLE;
      this.#status &= ~(this.isSuper ? gone : gone | USB_PORT_STAT_LOW_SPEED | USB_PORT_STAT_HIGH_SPEED | USB_PORT_STAT_SUSPEND);
      if (wasConnected) this.#status |= USB_PORT_STAT_C_CONNECTION << 16;
    } else {
      this.#status |= USB_PORT_STAT_CONNECTION;
      if (!wasConnected) this.#status |= USB_PORT_STAT_C_CONNECTION << 16;
      if (!this.isEnabled) this.#status &= ~USB_PORT_STAT_SUSPEND;
      else if ((this.#status & USB_PORT_STAT_SUSPEND) === 0) this.isActive = !this.isBusSuspended;
    }
    if (!this.isEnabled || this.isActive) this.#isResuming = false;
  }

  /** What the device end hears of it. */
  #tell(): void {
    const hasPower = (this.#status & this.#powerBit) !== 0;
    if (!hasPower || (this.#status & USB_PORT_STAT_RESET) !== 0) {
      const lostPower = (this.#told & ~this.#status & this.#powerBit) !== 0;
      const isNewReset = (this.#status & ~this.#told & USB_PORT_STAT_RESET) !== 0;
      if (!lostPower && !isNewReset) return;
      this.#signal(isNewReset ? 'reset' : 'disconnect');
    } else if (this.isActive !== this.#wasActive) {
      this.#signal(this.isActive ? 'resume' : 'suspend');
    }
  }

  /** The device wants to be woken up. @throws Errno ENOLINK not connected; EIO not asleep. @returns when the resume is done */
  wakeUp(): number {
    if ((this.#status & USB_PORT_STAT_CONNECTION) === 0) throw new Errno('ENOLINK', 'not connected');
    if ((this.#status & USB_PORT_STAT_SUSPEND) === 0 && !this.isBusSuspended) throw new Errno('EIO', 'the bus does not sleep');
    this.#isResuming = true;
    this.#until_ns = this.#system.now() + RESUME_NS;
    return RESUME_NS;
  }

  /** A wake-up by the device has lasted long enough. */
  finishWakeUp(): void {
    if (!this.#isResuming) return;
    this.#status |= USB_PORT_STAT_C_SUSPEND << 16;
    this.#status &= ~USB_PORT_STAT_SUSPEND;
    this.update();
  }

  /** @throws Errno EPIPE for what it does not know */
  control(request: number, wValue: number, wIndex: number, buffer: Uint8Array): void {
    switch (request) {
      case CLASS | USB_REQ_CLEAR_FEATURE:
        return;
      case PORT | USB_REQ_CLEAR_FEATURE:
        this.#clearFeature(wValue);
        return;
      case PORT | USB_REQ_SET_FEATURE:
        this.#setFeature(wValue);
        return;
      case CLASS_IN | USB_REQ_GET_DESCRIPTOR: {
        if (wValue >> 8 !== (this.isSuper ? USB_DT_SS_HUB : USB_DT_HUB)) break;
        const bytes = this.isSuper ? HUB_SUPER : HUB_HIGH;
        buffer.set(bytes.subarray(0, buffer.length));
        return;
      }
      case CLASS_IN | USB_REQ_GET_STATUS:
        buffer.fill(0);
        return;
      case PORT_IN | USB_REQ_GET_STATUS: {
        if (wIndex !== 1) break;
        this.#finishWhatIsDue();
        this.update();
        new DataView(buffer.buffer, buffer.byteOffset).setUint32(0, this.#status, true);
        return;
      }
    }
    throw new Errno('EPIPE', `the root hub has no request 0x${request.toString(16)}`);
  }

  /** Resets and resumes end when somebody looks, if their time is over. */
  #finishWhatIsDue(): void {
    if (this.#system.now() < this.#until_ns) return;
    if (this.#isResuming) {
      this.#status |= USB_PORT_STAT_C_SUSPEND << 16;
      this.#status &= ~USB_PORT_STAT_SUSPEND;
    }
    if ((this.#status & USB_PORT_STAT_RESET) === 0) return;
    this.#status |= USB_PORT_STAT_C_RESET << 16;
    this.#status &= ~USB_PORT_STAT_RESET;
    if (!this.#isThere) return;
    this.#status |= USB_PORT_STAT_ENABLE;
    if (!this.isSuper && this.#device.gadget.speed === USB_SPEED_HIGH) this.#status |= USB_PORT_STAT_HIGH_SPEED;
  }

  #clearFeature(feature: number): void {
    switch (feature) {
      case USB_PORT_FEAT_SUSPEND:
        if ((this.#status & USB_PORT_STAT_SUSPEND) === 0) return;
        this.#isResuming = true;
        this.#until_ns = this.#system.now() + RESUME_NS;
        return;
      case USB_PORT_FEAT_POWER:
        this.#status &= ~this.#powerBit;
        this.update();
        return;
      case USB_PORT_FEAT_ENABLE:
      case USB_PORT_FEAT_C_ENABLE:
      case USB_PORT_FEAT_C_SUSPEND:
      case USB_PORT_FEAT_C_CONNECTION:
      case USB_PORT_FEAT_C_RESET:
        this.#status &= ~(1 << feature);
        this.update();
        return;
      default:
        throw new Errno('EPIPE', `the port cannot clear feature ${feature}`);
    }
  }

  #setFeature(feature: number): void {
    switch (feature) {
      case USB_PORT_FEAT_SUSPEND:
        if (!this.isActive) return;
        this.#status |= USB_PORT_STAT_SUSPEND;
        this.update();
        return;
      case USB_PORT_FEAT_POWER:
        this.#status |= this.#powerBit;
        this.update();
        return;
      case USB_PORT_FEAT_RESET:
        if ((this.#status & this.#powerBit) === 0) return;
        this.#status &= ~(USB_PORT_STAT_ENABLE | USB_PORT_STAT_LOW_SPEED | USB_PORT_STAT_HIGH_SPEED);
        if (this.isSuper) this.#status = this.#powerBit | USB_PORT_STAT_CONNECTION;
        this.#device.status &= 1 << USB_DEVICE_SELF_POWERED;
        this.#until_ns = this.#system.now() + RESET_NS;
        this.#status |= USB_PORT_STAT_RESET;
        this.update();
        return;
      default:
        throw new Errno('EPIPE', `the port has no feature ${feature}`);
    }
  }
}
