import { expect, test } from 'vitest';
import { Errno } from '../../src/abi/index.ts';
import type { Kernel } from '../../src/kernel/index.ts';
import { bulkMessage, clearHalt, resetDevice, type UsbDevice } from '../../src/usb/index.ts';
import { makeRig, type Rig } from './fixture.ts';

const SEEDS = 120;

/** Does its work, whatever the bus says of it. */
function* attempt<T>(work: Kernel<T>): Kernel<T | undefined> {
  try {
    return yield* work;
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    return undefined;
  }
}

function* reset(device: UsbDevice): Kernel<void> {
  yield* device.lock.lock();
  try {
    yield* resetDevice(device);
  } finally {
    device.lock.unlock();
  }
}

/** A host that sends, receives, stalls, resets and loses the device, as the seed says: something breaks at a packet of its choice. */
function* host(rig: Rig, random: (below: number) => number): Kernel<void> {
  for (let round = 0; round < 6; round++) {
    const device = rig.device();
    if (device === undefined) return;
    const bytes = new Uint8Array(1 + random(5000));
    const timeout_ms = 20;
    switch (random(6)) {
      case 0:
        yield* attempt(reset(device));
        break;
      case 1:
        yield* attempt(clearHalt(device, rig.gadget.in.address));
        break;
      case 2:
        rig.gadget.out.setHalt();
        break;
      case 3: {
        const endpoint = device.endpoint(rig.gadget.in.address);
        if (endpoint !== undefined) yield* attempt(bulkMessage(endpoint, bytes, { timeout_ms }));
        break;
      }
      default: {
        const endpoint = device.endpoint(rig.gadget.out.address);
        if (endpoint !== undefined) yield* attempt(bulkMessage(endpoint, bytes, { timeout_ms }));
      }
    }
  }
}

test.each(['dummy', 'sg'] as const)('whatever breaks at whichever packet, everything of %s ends', (controller) => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const rig = makeRig({ seed, controller });
    const random = rig.machine.system.random('faults');
    rig.plug();
    let left = 1 + random.below(12);
    rig.link.onPacket = () => {
      if (--left === 0) rig.link.plug(false);
    };
    rig.run(host(rig, (below) => random.below(below)));
    rig.link.onPacket = undefined;
    rig.link.plug(true);
    rig.machine.system.scheduler.runFor(2e9);
    // It is back, and works.
    expect(rig.device(), `seed ${seed}`).toBeDefined();
    expect(rig.gadget.events.at(-1), `seed ${seed}`).toBe('configured');
    rig.end();
    expect([rig.gadget.pending, rig.link.buses.flatMap(({ urbs }) => urbs)], `seed ${seed}`).toEqual([0, []]);
  }
});
