import { type BootedMachine, boot } from '../../src/doors/boot.ts';
import { addDummyHcd, addSgController, releaseSgInterrupt, type UsbLink } from '../../src/hardware/usb/index.ts';
import { irqs, WiredController } from '../../src/irq/index.ts';
import type { Kernel } from '../../src/kernel/index.ts';
import { registerGadgetDriver, type UsbDevice, type UsbHostEndpoint, unregisterGadgetDriver, usbDevices } from '../../src/usb/index.ts';
import { LoopbackGadget } from '../support/loopback-gadget.ts';

export interface Rig {
  readonly machine: BootedMachine;
  readonly link: UsbLink;
  readonly gadget: LoopbackGadget;
  /** Runs kernel code until its end. */
  run<T>(work: Kernel<T>): T;
  /** The same for several pieces at a time. */
  runAll<T>(...works: Kernel<T>[]): T[];
  /** Binds the gadget and lets the host enumerate it. */
  plug(): UsbDevice;
  /** The device that the host knows. */
  device(): UsbDevice | undefined;
  endpoint(isIn: boolean): UsbHostEndpoint;
  /** Unbinds the gadget if it is bound, and switches the machine off. */
  end(): void;
}

export interface RigOptions {
  readonly seed?: number;
  readonly controller?: 'dummy' | 'sg';
  readonly isSuperSpeed?: boolean;
  /** Whether the gadget gives back what it gets. True when left out. */
  readonly echoes?: boolean;
}

/** A machine with one pair of controllers, and a loopback gadget to bind. */
export function makeRig({ seed = 1, controller = 'dummy', isSuperSpeed = false, echoes = true }: RigOptions = {}): Rig {
  const links: UsbLink[] = [];
  const machine = boot(
    {
      name: 'usb',
      description: 'one pair of USB controllers',
      setUp(machine) {
        const { system } = machine;
        if (controller === 'dummy') {
          links.push(addDummyHcd(system, { isSuperSpeed }));
          return;
        }
        const apic = new WiredController(irqs(system), { name: 'IO-APIC', lines: 1 });
        const interrupt = { line: apic.line(0), irq: apic.irq(0) };
        links.push(addSgController(system, { isSuperSpeed, interrupt }));
        machine.onShutdown(() => system.scheduler.spawn('rmmod sg_udc', undefined, releaseSgInterrupt(system, interrupt)));
      },
    },
    { seed },
  );
  const { system } = machine;
  const gadget = new LoopbackGadget(controller === 'dummy' ? 'dummy_udc.0' : 'sg_udc.0');
  gadget.echoes = echoes;
  let isBound = false;
  const rig: Rig = {
    machine,
    link: links[0] as UsbLink,
    gadget,
    run: (work) => rig.runAll(work)[0] as never,
    runAll<T>(...works: Kernel<T>[]): T[] {
      const coroutines = works.map((work) => system.scheduler.spawn('test', undefined, work));
      system.scheduler.runUntil(() => coroutines.every(({ outcome }) => outcome !== undefined), 'the test');
      return coroutines.map(({ outcome }) => {
        if (outcome?.ok !== true) throw outcome?.error;
        return outcome.value;
      });
    },
    plug() {
      rig.run(registerGadgetDriver(system, gadget));
      isBound = true;
      system.scheduler.runFor(1e9);
      return rig.device() as UsbDevice;
    },
    device: () => usbDevices(system).find(({ parent }) => parent !== undefined),
    endpoint(isIn) {
      const ep = isIn ? gadget.in : gadget.out;
      return rig.device()?.endpoint(ep.address) as UsbHostEndpoint;
    },
    end() {
      if (isBound) rig.run(unregisterGadgetDriver(system, gadget));
      system.scheduler.runFor(1e9);
      machine.shutdown();
    },
  };
  return rig;
}
