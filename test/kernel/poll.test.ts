import { describe, expect, test } from 'vitest';
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLRDNORM, POLLWRNORM, SIGUSR1 } from '../../src/abi/uapi/index.ts';
import { bootTestDevice } from '../support/test-device.ts';

describe('poll', () => {
  test('answers only what was asked, and errors unasked', () => {
    const { machine, device, fd } = bootTestDevice();
    const { sys } = machine;
    expect(sys.poll([{ fd, events: POLLIN | POLLOUT }], 0)).toEqual([POLLOUT]);
    device.put(1);
    expect(
      sys.poll(
        [
          { fd, events: POLLIN },
          { fd, events: 0 },
        ],
        0,
      ),
    ).toEqual([POLLIN, 0]);
    const [one, other] = sys.socketpair();
    sys.close(other);
    expect(sys.poll([{ fd: one, events: 0 }], 0)).toEqual([POLLHUP]);
  });

  test('a closed descriptor is POLLNVAL, a negative one is skipped', () => {
    const { machine, fd } = bootTestDevice();
    expect(
      machine.sys.poll(
        [
          { fd: 99, events: POLLIN },
          { fd: -1, events: POLLIN },
          { fd, events: POLLIN },
        ],
        0,
      ),
    ).toEqual([POLLNVAL, 0, 0]);
  });

  test('a file without the operation is always ready', () => {
    const { machine } = bootTestDevice();
    const fd = machine.sys.open('/', 0);
    expect(machine.sys.poll([{ fd, events: 0xffff }], 0)).toEqual([POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM]);
    expect(machine.sys.poll([{ fd, events: POLLERR }], 0)).toEqual([0]);
  });

  test('waits for whatever comes first', () => {
    const { machine, device, fd } = bootTestDevice();
    const { sys } = machine;
    const [one, other] = sys.socketpair();
    machine.system.clock.schedule(5e6, 'data', () => device.put(1));
    expect(
      sys.poll([
        { fd, events: POLLIN },
        { fd: one, events: POLLIN },
      ]),
    ).toEqual([POLLIN, 0]);
    sys.write(other, 'x');
    expect(sys.poll([{ fd: one, events: POLLIN }])).toEqual([POLLIN]);
    expect(machine.system.now()).toBe(1e9 + 5e6);
  });

  test('gives up when its time is over, counted from the start whatever wakes it', () => {
    const { machine, device, fd } = bootTestDevice();
    for (const at of [1e6, 2e6, 3e6]) machine.system.clock.schedule(at, 'a wake without data', () => device.changed.wake());
    expect(machine.sys.poll([{ fd, events: POLLIN }], 10)).toEqual([0]);
    expect(machine.system.now()).toBe(1e9 + 10e6);
  });

  test('is interrupted by a signal even if the handler has SA_RESTART', async () => {
    const { machine } = bootTestDevice();
    const poller = machine.spawn(function* (sys) {
      yield* sys.sigaction(SIGUSR1, { handler: () => {}, flags: 0x10000000 });
      const [one] = yield* sys.socketpair();
      yield* sys.poll([{ fd: one, events: POLLIN }]);
    });
    machine.system.clock.schedule(5, 'a signal', () => machine.system.tasks.get(poller.pid)?.signals.send(SIGUSR1));
    await expect(machine.run()).rejects.toThrow('EINTR');
  });

  test('keeps the file while it waits', async () => {
    const { machine, device, fd } = bootTestDevice();
    machine.sys.thread(function* (sys) {
      yield* sys.poll([{ fd, events: POLLIN }], 10);
    });
    machine.sys.thread(function* (sys) {
      yield* sys.nanosleep(1e6);
      yield* sys.close(fd);
      expect(device.released).toEqual([]);
    });
    await machine.run();
    expect(device.released).toHaveLength(1);
    machine.shutdown();
  });
});
