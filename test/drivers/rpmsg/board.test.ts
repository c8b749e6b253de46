import { test } from 'vitest';
import { isErrno } from '../../../src/abi/index.ts';
import { O_RDWR, POLLIN } from '../../../src/abi/uapi/index.ts';
import { remoteproc } from '../../../src/boards/index.ts';
import { type BootedMachine, boot } from '../../../src/index.ts';
import { FAULT_FATAL } from '../../../src/ports/remoteproc/index.ts';
import { randomFrom } from '../../support/random.ts';
import { describe, expect, nodesOf, shown, text } from './fixture.ts';

const PROCESSOR = '/sys/class/remoteproc/remoteproc0';

/** The node of the service: another number while somebody has that of a processor open that has gone. */
function waitForChannel({ sys }: BootedMachine): string {
  const find = () => nodesOf(sys).find((name) => /^rpmsg\d/.test(name));
  for (let i = 0; i < 100 && find() === undefined; i++) sys.nanosleep(1e6);
  return `/dev/${find()}`;
}

/** With the echo service running. */
function start() {
  const board = remoteproc();
  const machine = boot(board);
  machine.fs.writeFileSync(`${PROCESSOR}/firmware`, 'echo.elf');
  machine.fs.writeFileSync(`${PROCESSOR}/state`, 'start');
  waitForChannel(machine);
  return { machine, board };
}

describe('rpmsg over the rings that remoteproc has placed', () => {
  test('is a virtio device with a status byte in the resource table', () => {
    const { machine } = start();
    const { sys } = machine;
    expect(shown(sys, '/sys/bus/virtio/devices/virtio0/status')).toBe('0x00000007');
    expect(shown(sys, '/sys/bus/virtio/devices/virtio0/modalias')).toBe('virtio:d00000007v00000000');
    expect(nodesOf(sys)).toEqual(['rpmsg0', 'rpmsg_ctrl0']);
    machine.shutdown();
  });

  test('loses nothing while more is under way than there are buffers', async () => {
    const { machine } = start();
    const { sys } = machine;
    const fd = sys.open('/dev/rpmsg0', O_RDWR);
    const got: string[] = [];
    sys.fork(function* (writer) {
      for (let i = 0; i < 500; i++) yield* writer.write(fd, `message ${i}`);
    });
    sys.fork(function* (reader) {
      while (got.length < 500) got.push(text(yield* reader.read(fd, 496)));
    });
    await machine.run();
    expect(got).toEqual(Array.from({ length: 500 }, (_, i) => `message ${i}`));
    sys.close(fd);
    machine.shutdown();
  });

  test('ends for who reads, polls and writes when the processor crashes, and is there again when it has recovered', async () => {
    const { machine, board } = start();
    const { sys } = machine;
    let path = '/dev/rpmsg0';
    for (let round = 0; round < 20; round++) {
      const draw = randomFrom(round);
      const fd = sys.open(path, O_RDWR);
      const answers: string[] = [];
      const caught = (error: unknown) => {
        if (!isErrno(error)) throw error;
        answers.push(error.code);
      };
      sys.fork(function* (writer) {
        try {
          for (;;) yield* writer.write(fd, 'x'.repeat(draw(400)));
        } catch (error) {
          caught(error);
        }
      });
      sys.fork(function* (reader) {
        try {
          for (;;) yield* reader.read(fd, 496);
        } catch (error) {
          caught(error);
        }
      });
      let polled = 0;
      sys.fork(function* (poller) {
        while ((polled & 8) === 0) {
          [polled = 0] = yield* poller.poll([{ fd, events: POLLIN }], 1);
          yield* poller.nanosleep(10_000);
        }
      });
      machine.system.clock.schedule(draw(200_000), 'the firmware crashes', () => board.parts.m4.processor.crash(FAULT_FATAL));
      await machine.run();
      expect(answers.sort()).toEqual(['EPIPE', expect.stringMatching(/^(EPIPE|ERESTARTSYS)$/)]);
      sys.close(fd);
      path = waitForChannel(machine);
      expect(shown(sys, `${PROCESSOR}/state`)).toBe('running');
      const again = sys.open(path, O_RDWR);
      sys.write(again, 'still there');
      expect(text(sys.read(again, 496))).toBe('still there');
      sys.close(again);
    }
    machine.shutdown();
  });

  test.each([
    ['was started twice', 'state', 'start'],
    ['has crashed for good', 'recovery', 'disabled'],
  ])('goes with the machine, also when the processor %s', (_, attribute, word) => {
    const { machine, board } = start();
    machine.fs.writeFileSync(`${PROCESSOR}/${attribute}`, word);
    if (attribute === 'recovery') machine.fs.writeFileSync('/sys/kernel/debug/remoteproc/remoteproc0/crash', '1');
    machine.system.scheduler.runReady();
    const { rproc } = board.parts.m4;
    expect([rproc.state, rproc.carveouts.length > 0]).toEqual([attribute === 'recovery' ? 'crashed' : 'running', true]);
    machine.shutdown();
    expect([rproc.state, rproc.carveouts.length]).toEqual(['deleted', 0]);
  });
});
