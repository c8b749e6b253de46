import { addSystemHeap } from '../dma-buf/index.ts';
import { addImslab, type Imslab } from '../drivers/imslab/index.ts';
import type { ImsSettings } from '../ims/index.ts';
import { irqs, MessageRouter, remappingTableText, showIrqDebugfs } from '../irq/index.ts';
import type { System } from '../kernel/index.ts';
import type { Board } from '../machine/index.ts';
import { debugfs } from '../vfs/index.ts';

export interface DsaOptions {
  /** Whether there is a unit that remaps interrupts; yes when left out. */
  readonly remapping?: boolean;
  /** Of the message store of /dev/imslab. */
  readonly imslab?: Partial<ImsSettings>;
  /** 64 when left out, so that there are vectors enough. */
  readonly cpus?: number;
}

export interface DsaParts {
  readonly router: MessageRouter;
  readonly imslab: Imslab;
}

/** Bus, device and function of what the machine has. */
const IMSLAB = 0x0010;
const IMSLAB_DEVICE_ID = 1;

const makeHolder = (): { parts: DsaParts | undefined } => ({ parts: undefined });

/** What is on a machine that was booted with that board. */
export function dsaOf(system: System): DsaParts {
  const { parts } = system.single(makeHolder);
  if (parts === undefined) throw new Error('the machine is not of the board dsa');
  return parts;
}

/** A server with 64 processors, and devices that make interrupts by message for many clients each. */
export const dsa = (options: DsaOptions = {}): Board => ({
  name: 'dsa',
  description: 'a server with 64 processors and interrupts by message: /dev/imslab',
  cpus: options.cpus ?? 64,
  setUp(machine) {
    const { system, ram } = machine;
    addSystemHeap(system, ram);
    const all = irqs(system);
    const router = new MessageRouter(all, { remapping: options.remapping ?? true });
    showIrqDebugfs(all);
    const iommu = debugfs(system).createDirectory('iommu').createDirectory('intel');
    iommu.createText('ir_translation_struct', 0o444, () => remappingTableText(router.remapping));
    const lab = { system, irqs: all, router, requester: IMSLAB, deviceId: IMSLAB_DEVICE_ID, settings: options.imslab ?? {} };
    const imslab = system.scheduler.complete('the probe of imslab', addImslab(lab));
    system.single(makeHolder).parts = { router, imslab };
    machine.onShutdown(() => system.scheduler.complete('the removal of imslab', imslab.remove()));
  },
});
