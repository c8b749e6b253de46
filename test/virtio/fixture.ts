import type { BootedMachine } from '../../src/index.ts';
import type { Kernel, MaybeKernel, System } from '../../src/kernel/index.ts';
import { addPlatformDevice } from '../../src/kernel/index.ts';
import { registerVirtioDriver, type VirtioDevice, type VirtioDriver, type Virtqueue, type VirtqueueInfo } from '../../src/virtio/index.ts';
import { machineTest } from '../../src/vitest.ts';
import { type LoopbackDescription, VirtioLoopback } from '../support/virtio-loopback.ts';

export { describe, expect } from 'vitest';

/** Of no device that is known. */
export const DEVICE_ID = 63;

export const test = machineTest(() => ({
  name: 'virtio',
  description: 'memory for devices that tests make',
  regions: [{ name: 'virtio', base: 2 ** 32, size: 2 ** 21 }],
  setUp(machine) {
    machine.ram.region('virtio');
  },
}));

export function makeLoopback(machine: BootedMachine, description: Partial<LoopbackDescription> = {}): VirtioLoopback {
  const parent = addPlatformDevice(machine.system, { name: 'loopback', id: 0 });
  const region = machine.ram.region('virtio');
  return new VirtioLoopback({ system: machine.system, parent, region, deviceId: DEVICE_ID, features: 0n, ringSizes: [8], ...description });
}

/** Does kernel work that must not have to wait for anything but its turn. */
export function runNow(system: System, work: MaybeKernel<unknown>): void {
  system.scheduler.spawn('the test', undefined, work as Kernel<void>);
  system.scheduler.runReady();
}

/** A driver that takes the device with one queue. @returns the queue */
export function takeQueue(
  machine: BootedMachine,
  loopback: VirtioLoopback,
  info: Partial<VirtqueueInfo> = {},
  driver: Partial<VirtioDriver> = {},
): { queue: Virtqueue<string>; remove: () => void } {
  let device: VirtioDevice | undefined;
  const remove = registerVirtioDriver(machine.system, {
    name: 'queue_driver',
    idTable: [{ device: DEVICE_ID, vendor: 0xffffffff }],
    featureTable: [],
    probe(found) {
      device = found;
      loopback.findVqs(found, [{ name: 'queue', ...info }]);
    },
    remove(found) {
      found.reset();
      loopback.delVqs();
    },
    ...driver,
  });
  loopback.plug();
  if (device === undefined) throw new Error('the driver was not probed');
  return {
    queue: loopback.queues[0] as Virtqueue<string>,
    remove: () => {
      remove();
      runNow(machine.system, loopback.unplug());
    },
  };
}
