import {
  O_NONBLOCK,
  O_RDWR,
  POLLERR,
  POLLIN,
  RPMSG_ADDR_ANY,
  RPMSG_CREATE_DEV_IOCTL,
  RPMSG_CREATE_EPT_IOCTL,
  SIGKILL,
  SIGUSR1,
} from '../../../src/abi/uapi/index.ts';
import type { Sys } from '../../../src/doors/in-process/index.ts';
import { ask, bytes, createEndpoint, describe, expect, namesIn, nodesOf, rpmsgTest, settle, test, text } from './fixture.ts';

const stuck = rpmsgTest({
  ringSizes: [4, 4],
  firmware: (remote) => {
    remote.announce('rpmsg-raw', 1025);
    remote.pause();
  },
});

/** Opens the channel and takes all buffers of a remote that takes nothing in. */
function fill(sys: Sys<'sync'>): number {
  const fd = sys.open('/dev/rpmsg0', O_RDWR | O_NONBLOCK);
  for (let i = 0; i < 4; i++) sys.write(fd, bytes('x'));
  sys.fcntl(fd, 4, O_RDWR);
  return fd;
}

describe('a processor that goes', () => {
  test('takes all nodes with it, and readers that wait get EPIPE', async ({ machine, sys, parts }) => {
    settle(sys);
    const paths = ['/dev/rpmsg0', createEndpoint(sys, {})];
    const fds = paths.map((path) => sys.open(path, O_RDWR));
    const answers: string[] = [];
    for (const fd of fds)
      sys.fork(function* (other) {
        try {
          yield* other.read(fd, 10);
        } catch (error) {
          answers.push((error as { code: string }).code);
        }
      });
    const polled: number[][] = [];
    sys.fork(function* (other) {
      polled.push(yield* other.poll(fds.map((fd) => ({ fd, events: POLLIN }))));
    });
    settle(sys);
    parts.stop();
    await machine.run();
    expect(answers).toEqual(['EPIPE', 'EPIPE']);
    expect(polled).toHaveLength(1);
    expect(nodesOf(sys)).toEqual([]);
    expect(namesIn(sys, '/sys/bus/rpmsg/devices')).toEqual([]);
    expect(namesIn(sys, '/sys/bus/virtio/devices')).toEqual([]);
    expect(
      sys.poll(
        fds.map((fd) => ({ fd, events: POLLIN })),
        0,
      ),
    ).toEqual([POLLERR, POLLERR]);
    for (const fd of fds) {
      expect(ask(() => sys.write(fd, bytes('x')))).toBe('EPIPE');
      sys.close(fd);
    }
  });

  test('comes again with new nodes, whose numbers are those that nobody has open', ({ sys, parts }) => {
    settle(sys);
    const old = sys.open('/dev/rpmsg0', O_RDWR);
    parts.stop();
    settle(sys);
    parts.start();
    settle(sys);
    expect(nodesOf(sys)).toEqual(['rpmsg1', 'rpmsg_ctrl0']);
    const fd = sys.open('/dev/rpmsg1', O_RDWR);
    sys.write(fd, bytes('again'));
    expect(text(sys.read(fd, 10))).toBe('again');
    expect(ask(() => sys.read(old, 10))).toBe('EPIPE');
    sys.close(old);
    sys.close(fd);
    parts.stop();
    settle(sys);
    parts.start();
    settle(sys);
    expect(nodesOf(sys)).toEqual(['rpmsg0', 'rpmsg_ctrl0']);
  });

  test('loses messages that have not been read', ({ sys, parts }) => {
    settle(sys);
    const fd = sys.open('/dev/rpmsg0', O_RDWR | O_NONBLOCK);
    for (const message of ['one', 'two']) parts.remote.send(1024, 1024, bytes(message));
    settle(sys);
    expect(text(sys.read(fd, 10))).toBe('one');
    parts.stop();
    settle(sys);
    expect(ask(() => sys.read(fd, 10))).toBe('EPIPE');
    sys.close(fd);
  });

  stuck('waits for a writer that waits for a buffer, which gets 512', async ({ machine, sys, parts }) => {
    settle(sys);
    const fd = fill(sys);
    let answer = 0;
    sys.fork(function* (other) {
      try {
        yield* other.write(fd, bytes('x'));
      } catch (error) {
        answer = (error as { errno: number }).errno;
      }
    });
    sys.nanosleep(5e9);
    parts.stop();
    sys.nanosleep(9e9);
    expect(nodesOf(sys)).toEqual(['rpmsg0']);
    await machine.run();
    settle(sys);
    expect(answer).toBe(512);
    expect(nodesOf(sys)).toEqual([]);
    sys.close(fd);
  });

  stuck('does not wait for ever for a writer whom a signal has interrupted', async ({ machine, sys, parts }) => {
    settle(sys);
    const fd = fill(sys);
    const answers: string[] = [];
    const writer = sys.fork(function* (other) {
      yield* other.sigaction(SIGUSR1, { handler: () => answers.push('handled') });
      try {
        yield* other.write(fd, bytes('x'));
      } catch (error) {
        answers.push((error as { code: string }).code);
      }
    });
    sys.nanosleep(1e9);
    sys.kill(writer, SIGUSR1);
    sys.nanosleep(60e9);
    expect(answers).toEqual([]);
    parts.stop();
    await machine.run();
    expect(answers).toEqual(['handled', 'EINTR']);
    expect(nodesOf(sys)).toEqual([]);
    sys.close(fd);
  });

  stuck('and a writer who is killed does not keep the file from others', ({ sys, parts }) => {
    settle(sys);
    const fd = fill(sys);
    for (const firstSignal of [SIGUSR1, SIGKILL]) {
      const writer = sys.fork(function* (other) {
        yield* other.sigaction(SIGUSR1, { handler: () => {} });
        yield* other.write(fd, bytes('x'));
      });
      sys.nanosleep(1e9);
      sys.kill(writer, firstSignal);
      settle(sys);
      if (firstSignal !== SIGKILL) sys.kill(writer, SIGKILL);
      settle(sys);
      // poll takes the lock that a writer holds.
      expect(sys.poll([{ fd, events: POLLIN }], 0)).toEqual([0]);
    }
    parts.remote.resume();
    settle(sys);
    sys.write(fd, bytes('x'));
    sys.close(fd);
  });

  test('leaves a control file that can make nothing any more', ({ machine, sys, parts }) => {
    settle(sys);
    const control = sys.open('/dev/rpmsg_ctrl0', O_RDWR);
    parts.stop();
    settle(sys);
    expect(ask(() => sys.open('/dev/rpmsg_ctrl0', O_RDWR))).toBe('ENOENT');
    const info = { name: 'x', src: RPMSG_ADDR_ANY, dst: 1 };
    expect(ask(() => sys.ioctl(control, RPMSG_CREATE_EPT_IOCTL, info))).toBe('ENOENT');
    machine.system.findings.expect('rpmsg-control-gone');
    expect(ask(() => sys.ioctl(control, RPMSG_CREATE_DEV_IOCTL, info))).toBe('ENXIO');
    parts.start();
    settle(sys);
    // The number of the old one is free when it is closed.
    expect(nodesOf(sys)).toEqual(['rpmsg0', 'rpmsg_ctrl1']);
    sys.close(control);
  });

  test('may go and come a hundred times with messages under way, and leaves nothing', async ({ machine, sys, parts }) => {
    for (let round = 0; round < 100; round++) {
      settle(sys);
      const fd = sys.open('/dev/rpmsg0', O_RDWR);
      for (let i = 0; i < 5; i++) sys.write(fd, bytes(`${i}`));
      sys.nanosleep(round * 50);
      sys.close(fd);
      parts.stop();
      sys.nanosleep(1 + (round % 7) * 500);
      parts.start();
    }
    settle(sys);
    expect(nodesOf(sys)).toEqual(['rpmsg0', 'rpmsg_ctrl0']);
    expect(machine.system.findings.all).toEqual([]);
  });
});
