import { VIRTIO_RING_F_EVENT_IDX } from '../../src/abi/uapi/index.ts';
import { BadRing, type DeviceRing, featureSet } from '../../src/virtio/index.ts';
import { randomFrom } from '../support/random.ts';
import { describe, expect, makeLoopback, runNow, takeQueue, test } from './fixture.ts';

const EVENT_IDX = featureSet([VIRTIO_RING_F_EVENT_IDX]);
const buffer = (address: number) => [{ address, length: 16 }];

describe('buffers of a ring', () => {
  test('reach the device in order, and come back in the order in which it used them', ({ machine }) => {
    const loopback = makeLoopback(machine);
    const { queue, remove } = takeQueue(machine, loopback);
    const [device] = loopback.rings as [DeviceRing];
    queue.addOutbuf(buffer(0x1000), 'out');
    queue.addInbuf(buffer(2 ** 33 + 0x2000), 'in');
    queue.addSgs(
      [
        { address: 1, length: 2 },
        { address: 3, length: 4 },
      ],
      [{ address: 5, length: 6 }],
      'chain',
    );
    expect(queue.numFree).toBe(3);
    const [out, into, chain] = [device.pop(), device.pop(), device.pop()];
    expect(out).toEqual({ head: 0, readable: buffer(0x1000), writable: [] });
    expect(into).toEqual({ head: 1, readable: [], writable: buffer(2 ** 33 + 0x2000) });
    expect(chain?.readable).toEqual([
      { address: 1, length: 2 },
      { address: 3, length: 4 },
    ]);
    expect(chain?.writable).toEqual([{ address: 5, length: 6 }]);
    expect(device.pop()).toBeUndefined();
    expect(queue.getBuf()).toBeUndefined();
    device.push({ head: 2 }, 6);
    device.push({ head: 0 }, 0);
    expect([queue.getBuf(), queue.usedLength]).toEqual(['chain', 6]);
    expect([queue.getBuf(), queue.usedLength]).toEqual(['out', 0]);
    expect(queue.numFree).toBe(7);
    expect(queue.detachUnusedBuf()).toBe('in');
    expect(queue.detachUnusedBuf()).toBeUndefined();
    expect(queue.numFree).toBe(8);
    remove();
  });

  test('that have no room are ENOSPC, for which the device is kicked when it reads them', ({ machine }) => {
    const loopback = makeLoopback(machine, { ringSizes: [2] });
    const { queue, remove } = takeQueue(machine, loopback);
    for (const token of ['a', 'b']) queue.addInbuf(buffer(0), token);
    expect(() => queue.addInbuf(buffer(0), 'c')).toThrow('ENOSPC');
    expect(loopback.kicks).toEqual([]);
    expect(() => queue.addOutbuf(buffer(0), 'c')).toThrow('ENOSPC');
    expect(loopback.kicks).toEqual([1]);
    remove();
  });

  test('that the device makes up break the queue', ({ machine }) => {
    const loopback = makeLoopback(machine);
    const { queue, remove } = takeQueue(machine, loopback);
    queue.addInbuf(buffer(0), 'a');
    loopback.rings[0]?.push({ head: 3 }, 0);
    expect(queue.getBuf()).toBeUndefined();
    expect(machine.system.log.lines.at(-1)?.text).toBe('queue_driver virtio0: queue:id 3 is not a head!');
    expect(queue.isBroken).toBe(true);
    expect(() => queue.addInbuf(buffer(0), 'b')).toThrow('EIO');
    expect(queue.notify()).toBe(false);
    remove();
  });

  test('that the driver makes up are a bad ring for the device', ({ machine }) => {
    const loopback = makeLoopback(machine);
    const { queue, remove } = takeQueue(machine, loopback);
    const [device] = loopback.rings as [DeviceRing];
    queue.addSgs(buffer(0), buffer(0), 'loop');
    const ring = machine.ram.region('virtio').resolve(2 ** 32);
    // Its second descriptor leads back to the first.
    ring?.memory.bytes().set([3, 0, 0, 0], ring.offset + 16 + 12);
    expect(() => device.pop()).toThrow(BadRing);
    ring?.memory.bytes().set([1, 0, 9, 0], ring.offset + 16 + 12);
    expect(() => device.pop()).toThrow(BadRing);
    remove();
  });
});

describe('notifications', () => {
  test('are as flags say', ({ machine }) => {
    const loopback = makeLoopback(machine);
    let calls = 0;
    const { queue, remove } = takeQueue(machine, loopback, { callback: () => void calls++ });
    const [device] = loopback.rings as [DeviceRing];
    queue.addInbuf(buffer(0), 'a');
    expect(queue.kickPrepare()).toBe(true);
    device.disableKicks();
    queue.addInbuf(buffer(0), 'b');
    expect(queue.kickPrepare()).toBe(false);
    expect(device.enableKicks()).toBe(false);
    for (let i = 0; i < 2; i++) device.push(device.pop() as never, 0);
    expect(device.needsInterrupt()).toBe(true);
    expect(device.needsInterrupt()).toBe(false);
    runNow(machine.system, queue.interrupt());
    expect(calls).toBe(1);
    queue.disableCb();
    queue.getBuf();
    queue.getBuf();
    queue.addInbuf(buffer(0), 'c');
    device.push(device.pop() as never, 0);
    expect(device.needsInterrupt()).toBe(false);
    expect(queue.enableCb()).toBe(false);
    queue.getBuf();
    expect(queue.enableCb()).toBe(true);
    // Nothing was used, so the interrupt is not for this queue.
    runNow(machine.system, queue.interrupt());
    expect(calls).toBe(1);
    remove();
  });

  test('without a callback are not wanted at all', ({ machine }) => {
    const loopback = makeLoopback(machine);
    const { queue, remove } = takeQueue(machine, loopback);
    const [device] = loopback.rings as [DeviceRing];
    queue.addInbuf(buffer(0), 'a');
    device.push(device.pop() as never, 0);
    expect(device.needsInterrupt()).toBe(false);
    remove();
  });

  test('with event indices come when an index is passed', ({ machine }) => {
    const loopback = makeLoopback(machine, { features: EVENT_IDX });
    const { queue, remove } = takeQueue(machine, loopback, { callback: () => {} });
    const [device] = loopback.rings as [DeviceRing];
    expect(loopback.accepted).toBe(EVENT_IDX);
    queue.addInbuf(buffer(0), 'a');
    expect(queue.kickPrepare()).toBe(true);
    // The device has not asked again.
    queue.addInbuf(buffer(0), 'b');
    expect(queue.kickPrepare()).toBe(false);
    device.pop();
    device.pop();
    expect(device.enableKicks()).toBe(true);
    queue.addInbuf(buffer(0), 'c');
    expect(queue.kickPrepare()).toBe(true);
    device.push({ head: 0 }, 0);
    expect(device.needsInterrupt()).toBe(true);
    device.push({ head: 1 }, 0);
    expect(device.needsInterrupt()).toBe(false);
    while (queue.getBuf() !== undefined);
    device.pop();
    device.push({ head: 2 }, 0);
    expect(device.needsInterrupt()).toBe(true);
    remove();
  });

  test('delayed come when most of what is under way has been used', ({ machine }) => {
    const loopback = makeLoopback(machine, { features: EVENT_IDX });
    const { queue, remove } = takeQueue(machine, loopback, { callback: () => {} });
    const [device] = loopback.rings as [DeviceRing];
    for (const token of 'abcdefgh') queue.addInbuf(buffer(0), token);
    expect(queue.enableCbDelayed()).toBe(true);
    const interrupted = Array.from({ length: 8 }, () => {
      device.push(device.pop() as never, 0);
      return device.needsInterrupt();
    });
    expect(interrupted.indexOf(true)).toBe(6);
    expect(queue.enableCbDelayed()).toBe(false);
    remove();
  });
});

describe('any order of work on both sides', () => {
  test.for([
    [1, 0n],
    [2, EVENT_IDX],
    [3, 0n],
    [4, EVENT_IDX],
  ] as const)('loses, doubles and exchanges nothing, past the end of the indices (seed %i)', ([seed, features], { machine }) => {
    const draw = randomFrom(seed);
    const loopback = makeLoopback(machine, { features, ringSizes: [16] });
    const { queue, remove } = takeQueue(machine, loopback, { callback: () => {} });
    const [device] = loopback.rings as [DeviceRing];
    const held: { head: number; id: number }[] = [];
    const expected: string[] = [];
    const underWay = new Set<string>();
    let added = 0;
    let popped = 0;
    while (popped < 70_000) {
      switch (draw(4)) {
        case 0: {
          const outs = draw(3);
          const ins = draw(3);
          if (outs + ins === 0 || queue.numFree < outs + ins) break;
          const id = added++;
          const segments = (count: number) => Array.from({ length: count }, () => ({ address: id, length: 16 }));
          queue.addSgs(segments(outs), segments(ins), `${id}:${outs}:${ins}`);
          underWay.add(`${id}:${outs}:${ins}`);
          break;
        }
        case 1: {
          const chain = device.pop();
          if (chain === undefined) break;
          const id = chain.readable[0]?.address ?? chain.writable[0]?.address;
          if (id !== popped) throw new Error(`buffer ${id} was popped instead of ${popped}`);
          popped++;
          held.push({ head: chain.head, id });
          break;
        }
        case 2: {
          const [used] = held.splice(draw(Math.max(1, held.length)), 1);
          if (used === undefined) break;
          device.push(used, used.id & 0xff);
          expected.push(`${used.id}`);
          break;
        }
        default: {
          const token = queue.getBuf();
          const id = token?.split(':')[0];
          if (id !== expected.shift()) throw new Error(`${id} came back`);
          if (token !== undefined && (!underWay.delete(token) || queue.usedLength !== (Number(id) & 0xff)))
            throw new Error(`${token} is wrong`);
        }
      }
    }
    expect(queue.isBroken).toBe(false);
    remove();
  });
});
