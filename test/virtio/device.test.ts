import { Errno } from '../../src/abi/index.ts';
import {
  VIRTIO_F_RING_PACKED,
  VIRTIO_F_VERSION_1,
  VIRTIO_RING_F_EVENT_IDX,
  VIRTIO_RING_F_INDIRECT_DESC,
} from '../../src/abi/uapi/index.ts';
import type { Uevent } from '../../src/kernel/index.ts';
import { featureSet, registerVirtioDriver } from '../../src/virtio/index.ts';
import { DEVICE_ID, describe, expect, makeLoopback, runNow, takeQueue, test } from './fixture.ts';

const DEVICE = '/sys/bus/virtio/devices/virtio0';

describe('a virtio device', () => {
  test('is shown with its ids, and waits for a driver with only its reset and ACKNOWLEDGE done', ({ machine }) => {
    const loopback = makeLoopback(machine);
    loopback.plug();
    const shown = (name: string) => machine.fs.readFileSync(`${DEVICE}/${name}`, 'latin1');
    expect(loopback.statuses).toEqual([0, 1]);
    expect(['device', 'vendor', 'status', 'modalias', 'uevent'].map(shown)).toEqual([
      '0x003f\n',
      '0x0000\n',
      '0x00000001\n',
      'virtio:d0000003Fv00000000\n',
      'MODALIAS=virtio:d0000003Fv00000000\n',
    ]);
    expect(shown('features')).toBe(`${'0'.repeat(64)}\n`);
    expect(machine.fs.readlinkSync(DEVICE)).toBe('../../../devices/platform/loopback.0/virtio0');
    runNow(machine.system, loopback.unplug());
  });

  test('and its driver agree on what both know, and on what the ring can do', ({ machine }) => {
    const offered = [0, 1, 3, VIRTIO_RING_F_INDIRECT_DESC, VIRTIO_RING_F_EVENT_IDX, 30, 31];
    const loopback = makeLoopback(machine, { features: featureSet(offered) });
    const { remove } = takeQueue(machine, loopback, {}, { featureTable: [1, 2, 3] });
    expect(loopback.accepted).toBe(featureSet([1, 3, 28, 29]));
    expect(loopback.statuses).toEqual([0, 1, 3, 7]);
    const text = machine.fs.readFileSync(`${DEVICE}/features`, 'latin1') as string;
    expect([...text.trimEnd()].flatMap((bit, at) => (bit === '1' ? [at] : []))).toEqual([1, 3, 28, 29]);
    remove();
  });

  test('of version 1 is asked whether it agrees', ({ machine }) => {
    const loopback = makeLoopback(machine, { features: featureSet([VIRTIO_F_VERSION_1, VIRTIO_F_RING_PACKED]) });
    const { remove } = takeQueue(machine, loopback);
    expect(loopback.accepted).toBe(featureSet([VIRTIO_F_VERSION_1]));
    expect(loopback.statuses).toEqual([0, 1, 3, 11, 15]);
    remove();
  });

  test('that a driver refuses has FAILED in its status, and may get another driver', ({ machine }) => {
    const loopback = makeLoopback(machine);
    const removeRefusing = registerVirtioDriver(machine.system, {
      name: 'refusing',
      idTable: [{ device: DEVICE_ID, vendor: 0xffffffff }],
      featureTable: [],
      probe() {
        throw new Errno('ENODEV', 'not this one');
      },
      remove() {},
    });
    loopback.plug();
    expect(loopback.statuses).toEqual([0, 1, 3, 0x83]);
    removeRefusing();
    runNow(machine.system, loopback.unplug());
  });

  test('tells that it comes, is bound, and goes', ({ machine }) => {
    const events: Uevent[] = [];
    const loopback = makeLoopback(machine);
    const end = machine.system.deviceModel.uevents.subscribe((event) => events.push(event));
    const { remove } = takeQueue(machine, loopback);
    remove();
    end();
    const ofDevice = events.filter(({ path }) => path.endsWith('/virtio0')).map(({ action }) => action);
    expect(ofDevice).toEqual(['add', 'bind', 'unbind', 'remove']);
  });

  test('has the lowest number that is free', ({ machine }) => {
    const loopback = makeLoopback(machine);
    loopback.plug();
    expect(loopback.device.name).toBe('virtio0');
    runNow(machine.system, loopback.unplug());
    loopback.plug();
    expect(loopback.device.name).toBe('virtio0');
    runNow(machine.system, loopback.unplug());
  });

  test('that its driver has not reset is a finding', ({ machine }) => {
    const loopback = makeLoopback(machine);
    machine.system.findings.expect('virtio-not-reset');
    const { remove } = takeQueue(machine, loopback, {}, { remove: () => loopback.delVqs() });
    remove();
    expect(machine.system.findings.all.map(({ rule }) => rule)).toEqual(['virtio-not-reset']);
  });
});
