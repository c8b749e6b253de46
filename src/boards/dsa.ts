import { addSystemHeap } from '../dma-buf/index.ts';
import { Idxd, type IdxdDevice, type QueueSetup } from '../drivers/idxd/index.ts';
import { addImslab, type Imslab } from '../drivers/imslab/index.ts';
import type { Ims, ImsSettings } from '../ims/index.ts';
import { irqs, MessageRouter, remappingTableText, showIrqDebugfs } from '../irq/index.ts';
import type { Kernel, System } from '../kernel/index.ts';
import type { Board } from '../machine/index.ts';
import { debugfs } from '../vfs/index.ts';
import { type Accelerator, addAccelerator } from './dsa-accelerator.ts';

export interface DsaOptions {
  /** Whether there is a unit that remaps interrupts; yes when left out. */
  readonly remapping?: boolean;
  /** Of the message store of /dev/imslab. */
  readonly imslab?: Partial<ImsSettings>;
  /** Of that of dsa0. */
  readonly accelerator?: Partial<ImsSettings>;
  /** Work queues of dsa0: wq0.0 shared and wq0.1 dedicated when left out. With none it is left as a reset leaves it, to be configured. */
  readonly queues?: readonly QueueSetup[];
  /** 64 when left out, so that there are vectors enough. */
  readonly cpus?: number;
}

export interface DsaParts {
  readonly router: MessageRouter;
  readonly imslab: Imslab;
  readonly accelerator: { readonly device: IdxdDevice; readonly ims: Ims };
}

const QUEUES: readonly QueueSetup[] = [
  { mode: 'shared', size: 64 },
  { mode: 'dedicated', size: 16 },
];

/** Bus, device and function of what the machine has. */
const IMSLAB = 0x0010;
const IMSLAB_DEVICE_ID = 1;
const ACCELERATOR = { bus: 'pci0000:6a', function: '0000:6a:01.0', requester: 0x6a08, deviceId: 2 };

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
  description: 'a server with 64 processors and a data streaming accelerator: /dev/dsa/wq0.0 and wq0.1, /dev/imslab',
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
    const bus = system.deviceModel.register({ name: ACCELERATOR.bus });
    const idxd = new Idxd(system, all);
    const description = { system, irqs: all, router, idxd, ...ACCELERATOR, bus, settings: options.accelerator ?? {} };
    const accelerator = system.scheduler.complete('the probe of dsa0', addAccelerator(description));
    const { queues = QUEUES } = options;
    if (queues.length > 0) system.scheduler.complete('the configuration of dsa0', idxd.start(accelerator.device, queues));
    system.single(makeHolder).parts = { router, imslab, accelerator };
    machine.onShutdown(() => system.scheduler.complete('the removal of devices', removeAll(idxd, accelerator, imslab)));
  },
});

function* removeAll(idxd: Idxd, accelerator: Accelerator, imslab: Imslab): Kernel<void> {
  yield* idxd.remove();
  yield* accelerator.remove();
  yield* imslab.remove();
}
