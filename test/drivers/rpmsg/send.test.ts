import { O_NONBLOCK, O_RDWR, O_WRONLY, RPMSG_ADDR_ANY } from '../../../src/abi/uapi/index.ts';
import type { Sys } from '../../../src/doors/in-process/index.ts';
import type { RpmsgRemote } from '../../../src/hardware/remote-processor/index.ts';
import { ask, bytes, createEndpoint, describe, expect, logOf, rpmsgTest, settle, test } from './fixture.ts';

/** A remote that has a channel at 1025 and takes nothing in. */
const stuck = rpmsgTest({
  ringSizes: [4, 4],
  firmware: (remote) => {
    remote.createEndpoint(1025, () => {});
    remote.announce('rpmsg-raw', 1025);
    remote.pause();
  },
});

/** A remote whose messages a test looks at. */
const listening = (heard: Uint8Array[]) => (remote: RpmsgRemote) => {
  remote.createEndpoint(1025, (data) => void heard.push(data));
  remote.announce('rpmsg-raw', 1025);
};

function fill(sys: Sys<'sync'>, count: number): number {
  const fd = sys.open('/dev/rpmsg0', O_RDWR | O_NONBLOCK);
  for (let i = 0; i < count; i++) expect(sys.write(fd, bytes(`${i}`))).toBe(1);
  return fd;
}

describe('sending', () => {
  stuck('writes a header and the bytes into the first buffer of the second half', ({ sys, parts }) => {
    settle(sys);
    const fd = sys.open('/dev/rpmsg0', O_WRONLY);
    sys.write(fd, bytes('hi'));
    const buffer = parts.loopback.rings[1]?.pop();
    const [segment] = buffer?.readable ?? [];
    const sent = new Uint8Array(segment?.length ?? 0);
    parts.loopback.memory.readInto(segment?.address ?? 0, sent);
    expect([...sent]).toEqual([0, 4, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0x68, 0x69]);
    // Half of 2 * 4 buffers receive.
    const received = parts.loopback.rings[0]?.pop()?.writable[0]?.address ?? 0;
    expect(((segment?.address ?? 0) - received) / 512).toBe(3);
    sys.close(fd);
  });

  const heard: Uint8Array[] = [];
  rpmsgTest({ firmware: listening(heard) })('takes up to 496 bytes', ({ machine, sys }) => {
    settle(sys);
    const fd = sys.open('/dev/rpmsg0', O_RDWR);
    const most = Uint8Array.from({ length: 496 }, (_, at) => at);
    expect(sys.write(fd, most)).toBe(496);
    expect(sys.write(fd, new Uint8Array(0))).toBe(0);
    settle(sys);
    expect(heard.map((data) => [...data])).toEqual([[...most], []]);
    expect(ask(() => sys.write(fd, new Uint8Array(497)))).toBe('EMSGSIZE');
    expect(ask(() => sys.write(fd, new Uint8Array(4 * 2 ** 20 + 1)))).toBe('ENOMEM');
    expect(logOf(machine).at(-1)).toBe('rpmsg_chrdev virtio0.rpmsg-raw.-1.1025: message is too big (497)');
    sys.close(fd);
  });

  test('copies before it looks at anything, and needs a destination', ({ machine, sys }) => {
    const fd = sys.open(createEndpoint(sys, { dst: RPMSG_ADDR_ANY }), O_RDWR);
    expect(ask(() => sys.writev(fd, [{ address: 8, length: 500 }]))).toBe('EFAULT');
    expect(ask(() => sys.write(fd, new Uint8Array(500)))).toBe('EINVAL');
    expect(logOf(machine).at(-1)).toBe('rpmsg_ctrl virtio0.rpmsg_ctrl.0.0: invalid addr (src 0x400, dst 0xffffffff)');
    sys.close(fd);
  });

  stuck('without a buffer is EAGAIN for who must not wait, and 512 after 15 seconds for who waits', ({ machine, sys }) => {
    settle(sys);
    const fd = fill(sys, 4);
    expect(ask(() => sys.write(fd, bytes('x')))).toBe('EAGAIN');
    sys.fcntl(fd, 4, O_RDWR);
    const began = machine.system.now();
    let failure: { errno?: number } = {};
    try {
      sys.write(fd, bytes('x'));
    } catch (error) {
      failure = error as { errno?: number };
    }
    expect(failure.errno).toBe(512);
    expect(machine.system.now() - began).toBe(15e9);
    expect(logOf(machine).at(-1)).toBe('rpmsg_chrdev virtio0.rpmsg-raw.-1.1025: timeout waiting for a tx buffer');
    sys.close(fd);
  });

  stuck('goes on when the remote gives a buffer back, of which it tells only while somebody waits', async ({ machine, sys, parts }) => {
    settle(sys);
    const fd = fill(sys, 4);
    sys.fcntl(fd, 4, O_RDWR);
    const interrupts = parts.loopback.interrupts;
    let done = 0;
    sys.fork(function* (other) {
      done = yield* other.write(fd, bytes('last'));
    });
    sys.nanosleep(3e9);
    parts.remote.resume();
    await machine.run();
    expect(done).toBe(4);
    expect(parts.loopback.interrupts).toBe(interrupts + 1);
    sys.write(fd, bytes('and another'));
    settle(sys);
    expect(parts.loopback.interrupts).toBe(interrupts + 1);
    sys.close(fd);
  });

  stuck('goes on waiting through a signal, without an end', async ({ machine, sys, parts }) => {
    settle(sys);
    const fd = fill(sys, 4);
    sys.fcntl(fd, 4, O_RDWR);
    let handled_ns = 0;
    let done = 0;
    const writer = sys.fork(function* (other) {
      yield* other.sigaction(10, { handler: () => (handled_ns = machine.system.now()) });
      done = yield* other.write(fd, bytes('last'));
    });
    sys.nanosleep(1e9);
    sys.kill(writer, 10);
    sys.nanosleep(60e9);
    const resumed_ns = machine.system.now();
    parts.remote.resume();
    await machine.run();
    expect(done).toBe(4);
    expect(handled_ns).toBeGreaterThanOrEqual(resumed_ns);
    sys.close(fd);
  });

  stuck('keeps others from the file while it waits for a buffer', async ({ machine, sys }) => {
    settle(sys);
    const fd = fill(sys, 4);
    sys.fcntl(fd, 4, O_RDWR);
    let answer = 0;
    sys.fork(function* (other) {
      try {
        answer = yield* other.write(fd, bytes('x'));
      } catch (error) {
        answer = (error as { errno: number }).errno;
      }
    });
    sys.nanosleep(1e9);
    const began = machine.system.now();
    // Even poll wants the lock that the writer has.
    expect(sys.poll([{ fd, events: 1 }], 0)).toEqual([0]);
    expect(machine.system.now() - began).toBe(14e9);
    await machine.run();
    expect(answer).toBe(512);
    sys.close(fd);
  });
});

describe('buffers', () => {
  const sizes = [
    [8, 8],
    [64, 64],
    [256, 256],
    [512, 256],
  ] as const;
  for (const [ring, half] of sizes) {
    rpmsgTest({ ringSizes: [ring, ring], firmware: () => {} })(`are ${2 * half} for rings of ${ring}`, ({ machine, parts }) => {
      expect(parts.loopback.rings[0]?.available).toBe(half);
      // Rings of a few pages, and the buffers in one piece.
      const rings = parts.loopback.queues.reduce((sum, { layout }) => sum + Math.ceil(layout.size / 4096) * 4096, 0);
      expect(machine.ram.region('rpmsg').usedBytes - rings).toBe(2 * half * 512);
    });
  }

  rpmsgTest({ ringSizes: [4, 8], firmware: () => {} })('follow the ring that receives when the other is larger', ({ machine, parts }) => {
    expect(machine.system.findings.all.map(({ rule }) => rule)).toEqual(['rpmsg-rings-differ']);
    machine.system.findings.expect('rpmsg-rings-differ');
    expect(parts.loopback.rings[0]?.available).toBe(4);
  });
});

describe('what a remote sends wrongly', () => {
  const wrong = rpmsgTest({ ringSizes: [4, 4], firmware: () => {} });

  wrong('is dropped with its buffer when it is too long', ({ machine, sys, parts }) => {
    const [rx] = parts.loopback.rings;
    const buffer = rx?.pop();
    if (rx === undefined || buffer === undefined) throw new Error('no buffer');
    rx.push(buffer, 513);
    parts.loopback.interrupt(0);
    settle(sys);
    expect(logOf(machine).at(-1)).toBe('virtio_rpmsg_bus virtio0: inbound msg too big: (513, 0)');
    expect(rx.available).toBe(3);
    // A header that claims more than has come.
    const second = rx.pop();
    if (second === undefined) throw new Error('no buffer');
    parts.loopback.memory.write(second.writable[0]?.address ?? 0, Uint8Array.of(0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0));
    rx.push(second, 20);
    parts.loopback.interrupt(0);
    settle(sys);
    expect(logOf(machine).at(-1)).toBe('virtio_rpmsg_bus virtio0: inbound msg too big: (20, 5)');
    expect(rx.available).toBe(2);
  });

  wrong('breaks the queue when it is no buffer of the ring', ({ machine, sys, parts }) => {
    parts.loopback.rings[0]?.push({ head: 4 }, 16);
    parts.loopback.interrupt(0);
    settle(sys);
    expect(logOf(machine).slice(-2)).toEqual([
      'virtio_rpmsg_bus virtio0: input:id 4 out of range',
      'virtio_rpmsg_bus virtio0: uhm, incoming signal, but no used buffer ?',
    ]);
    expect(parts.loopback.queues[0]?.isBroken).toBe(true);
  });

  wrong('for an address that nobody has is said ten times in five seconds', ({ machine, sys, parts }) => {
    for (let i = 0; i < 30; i++) parts.remote.send(1, 4711, bytes('x'));
    settle(sys);
    const said = () => logOf(machine).filter((line) => line.includes('no recipient')).length;
    expect(said()).toBe(10);
    sys.nanosleep(6e9);
    parts.remote.send(1, 4711, bytes('x'));
    settle(sys);
    expect(said()).toBe(11);
  });
});
