import { addDummyHcd, addSgController, type DummyOptions, releaseSgInterrupt, type UsbLink } from '../hardware/usb/index.ts';
import { irqs, WiredController } from '../irq/index.ts';
import type { Machine } from '../machine/index.ts';

/** The pairs of USB controllers that a board has: what is plugged into them, tests break and watch by these. */
export interface UsbControllers {
  /** dummy_udc.0, without scatter-gather, on bus 1. */
  readonly dummy: UsbLink;
  /** sg_udc.0, with it, on the next bus. */
  readonly sg: UsbLink;
}

export interface UsbControllersOptions extends DummyOptions {
  /** Whether sg_udc.0 connects at super speed. */
  readonly isSgSuperSpeed?: boolean;
}

/** The input that the controller interrupts by. */
const SG_INPUT = 16;

const controllersOf = new WeakMap<Machine['system'], UsbControllers>();

/** Adds both pairs to a board. */
export function addUsbControllers(machine: Machine, { isSgSuperSpeed = false, ...dummy }: UsbControllersOptions = {}): UsbControllers {
  const { system } = machine;
  // Nothing lies between a line and the processor: a paced machine would wait a millisecond for the first microsecond.
  const apic = new WiredController(irqs(system), { name: 'IO-APIC', lines: 24, latency_ns: 0, waitsForEnd: true });
  const interrupt = { line: apic.line(SG_INPUT), irq: apic.irq(SG_INPUT) };
  const controllers = { dummy: addDummyHcd(system, dummy), sg: addSgController(system, { isSuperSpeed: isSgSuperSpeed, interrupt }) };
  machine.onShutdown(() => system.scheduler.spawn('rmmod sg_udc', undefined, releaseSgInterrupt(system, interrupt)));
  controllersOf.set(system, controllers);
  return controllers;
}

/** The controllers of a machine whose board has them. */
export function usbControllersOf({ system }: Machine): UsbControllers {
  const found = controllersOf.get(system);
  if (found === undefined) throw new Error('the board has no USB controllers');
  return found;
}
