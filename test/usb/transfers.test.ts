import { describe, expect, test } from 'vitest';
import { errno, isErrno } from '../../src/abi/index.ts';
import type { Kernel } from '../../src/kernel/index.ts';
import { controlMessage, URB_SHORT_NOT_OK, URB_ZERO_PACKET, Urb, type UsbDevice, UsbRequest } from '../../src/usb/index.ts';
import { makeRig, type Rig } from './fixture.ts';

const bytesOf = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 13 + (i >> 8) + 1) & 0xff);

interface Side {
  readonly status: string;
  readonly actual: number;
}

const nameOf = (status: number) => Object.entries(errno).find(([, number]) => number === -status)?.[0] ?? `${status}`;

/** One transfer of the host against requests of the gadget, on the bulk endpoints. */
function cross(
  rig: Rig,
  isIn: boolean,
  host: number,
  requests: readonly { length: number; zero?: boolean }[],
  flags = 0,
): [Side, ...Side[]] {
  const endpoint = rig.endpoint(isIn);
  const ep = isIn ? rig.gadget.in : rig.gadget.out;
  const data = bytesOf(8192);
  const urb = new Urb({ endpoint, buffer: isIn ? new Uint8Array(host) : data.slice(0, host), flags, complete: () => {} });
  urb.submit();
  let sent = 0;
  const queued = requests.map(({ length, zero = false }) => {
    const request = new UsbRequest();
    request.buf = isIn ? data.slice(sent, sent + length) : new Uint8Array(length);
    sent += length;
    request.length = length;
    request.zero = zero;
    request.complete = () => {};
    ep.queue(request);
    return request;
  });
  rig.machine.system.scheduler.runFor(10e6);
  const sides: [Side, ...Side[]] = [{ status: nameOf(urb.status), actual: urb.actualLength }];
  for (const { status, actual } of queued) sides.push({ status: nameOf(status), actual });
  // What arrived is what was sent, in order.
  const arrived = isIn
    ? urb.buffer.subarray(0, urb.actualLength)
    : Buffer.concat(queued.map(({ buf, actual }) => (buf as Uint8Array).subarray(0, actual)));
  expect(Buffer.compare(arrived, data.subarray(0, arrived.length))).toBe(0);
  for (const request of queued) if (request.isQueued) ep.dequeue(request);
  urb.unlink();
  rig.machine.system.scheduler.runFor(1e6);
  return sides;
}

const done = (actual: number): Side => ({ status: '0', actual });
const waits = (actual: number): Side => ({ status: 'EINPROGRESS', actual });
const overflow = (actual: number): Side => ({ status: 'EOVERFLOW', actual });

/** docs/reference/functionfs.md, 9.4: host's length, the gadget's, what becomes of them. Packets have 512 bytes. */
const IN: readonly (readonly [host: number, gadget: { length: number; zero?: boolean }[], sides: Side[]])[] = [
  [100, [{ length: 100 }], [done(100), done(100)]],
  [0, [{ length: 0 }], [done(0), done(0)]],
  [300, [{ length: 100 }], [done(100), done(100)]],
  [512, [{ length: 512 }], [done(512), done(512)]],
  [1024, [{ length: 512 }], [waits(512), done(512)]],
  [1024, [{ length: 512 }, { length: 0 }], [done(512), done(512), done(0)]],
  [1024, [{ length: 512, zero: true }], [done(512), done(512)]],
  [1024, [{ length: 512 }, { length: 512 }], [done(1024), done(512), done(512)]],
  [100, [{ length: 300 }], [overflow(100), done(100)]],
  [700, [{ length: 1000 }], [overflow(700), done(700)]],
];

const OUT: typeof IN = [
  [100, [{ length: 100 }], [done(100), done(100)]],
  [100, [{ length: 300 }], [done(100), done(100)]],
  [0, [{ length: 300 }], [done(0), done(0)]],
  [300, [{ length: 100 }], [done(100), overflow(100)]],
  [512, [{ length: 512 }], [done(512), done(512)]],
  [512, [{ length: 1024 }], [done(512), waits(512)]],
  [1024, [{ length: 512 }, { length: 512 }], [done(1024), done(512), done(512)]],
  [1000, [{ length: 512 }], [waits(512), done(512)]],
];

describe.each(['dummy', 'sg'] as const)('on the %s controller', (controller) => {
  test.each(IN)('%d bytes asked of %j', (host, requests, sides) => {
    const rig = makeRig({ controller, echoes: false });
    rig.plug();
    expect(cross(rig, true, host, requests)).toEqual(sides);
    rig.end();
  });

  test.each(OUT)('%d bytes sent to %j', (host, requests, sides) => {
    const rig = makeRig({ controller, echoes: false });
    rig.plug();
    expect(cross(rig, false, host, requests)).toEqual(sides);
    rig.end();
  });

  test('flags of the host: a short read is an error, a full write has a packet of 0 bytes behind it', () => {
    const rig = makeRig({ controller, echoes: false });
    rig.plug();
    expect(cross(rig, true, 300, [{ length: 100 }], URB_SHORT_NOT_OK)).toEqual([{ status: 'EREMOTEIO', actual: 100 }, done(100)]);
    expect(cross(rig, false, 512, [{ length: 1024 }], URB_ZERO_PACKET)).toEqual([done(512), done(512)]);
    rig.end();
  });

  test('a halt stalls the host until it is cleared', () => {
    const rig = makeRig({ controller, echoes: false });
    const device = rig.plug();
    rig.gadget.out.setHalt();
    expect(cross(rig, false, 10, [])).toEqual([{ status: 'EPIPE', actual: 0 }]);
    rig.run(controlOf(rig, 1));
    expect(cross(rig, false, 10, [{ length: 10 }])).toEqual([done(10), done(10)]);
    expect(device.isGone).toBe(false);
    rig.end();
  });

  test('what waits ends when the plug is pulled, and the device comes back with it', () => {
    const rig = makeRig({ controller, echoes: false });
    rig.plug();
    const { gadget, machine } = rig;
    const request = new UsbRequest();
    request.buf = new Uint8Array(512);
    request.length = 512;
    request.complete = () => {};
    gadget.out.queue(request);
    gadget.events.length = 0;
    rig.link.plug(false);
    machine.system.scheduler.runFor(1e9);
    expect(nameOf(request.status)).toBe('ESHUTDOWN');
    expect(gadget.events).toContain('suspend');
    expect(rig.device()).toBeUndefined();
    rig.link.plug(true);
    machine.system.scheduler.runFor(1e9);
    expect(rig.device()).toBeDefined();
    expect(gadget.events.at(-1)).toBe('configured');
    rig.end();
  });
});

/** CLEAR_FEATURE(HALT) or SET_FEATURE(HALT) of the OUT endpoint. */
function* controlOf(rig: Rig, bRequest: number): Kernel<void> {
  yield* controlMessage(rig.device() as UsbDevice, { bRequestType: 2, bRequest, wIndex: rig.gadget.out.address });
}

test('the FIFO of dummy_udc takes 64 bytes at once, and 65 only when the host asks', () => {
  const rig = makeRig({ echoes: false });
  rig.plug();
  const queue = (length: number) => {
    const request = new UsbRequest();
    request.buf = new Uint8Array(length);
    request.length = length;
    request.complete = () => {};
    rig.gadget.in.queue(request);
    return request;
  };
  expect([queue(64).status, queue(5).isQueued]).toEqual([0, true]);
  let thrown: unknown;
  try {
    rig.gadget.in.setHalt();
  } catch (error) {
    thrown = error;
  }
  expect(isErrno(thrown, 'EAGAIN')).toBe(true);
  rig.end();
});
