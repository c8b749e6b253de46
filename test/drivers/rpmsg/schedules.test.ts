import { test } from 'vitest';
import { isErrno } from '../../../src/abi/index.ts';
import { O_RDWR } from '../../../src/abi/uapi/index.ts';
import { addEchoService } from '../../../src/hardware/remote-processor/index.ts';
import { type BootedMachine, boot } from '../../../src/index.ts';
import { randomFrom } from '../../support/random.ts';
import { rpmsgBoard, rpmsgParts } from '../../support/rpmsg-board.ts';
import { createEndpoint, describe, expect, settle } from './fixture.ts';

const MESSAGES = 40;
const MS = 1e6;

interface Talk {
  readonly path: string;
  readonly sent: string[];
  readonly got: string[];
  /** What ended it before its time. */
  failure: string | undefined;
}

/** A machine whose remote draws its ring size, its features, its delays and its pauses. */
function machineOf(seed: number): BootedMachine {
  const draw = randomFrom(seed);
  const num = 2 ** (1 + draw(4));
  const features = draw(2) === 0 ? [0] : [0, 29];
  return boot(rpmsgBoard({ ringSizes: [num, num], features, latency_ns: 100 + draw(5000), firmware: addEchoService }), { seed });
}

/** The remote stops taking messages in, and goes on, for a while. */
function letPause(machine: BootedMachine, seed: number): void {
  const draw = randomFrom(seed + 1);
  const parts = rpmsgParts(machine);
  const { remote } = parts;
  for (let pause = 0; pause < 10; pause++) {
    const at = draw(3 * MS);
    machine.system.clock.schedule(at, 'the firmware is busy', () => remote.pause());
    machine.system.clock.schedule(at + draw(MS), 'the firmware goes on', () => {
      if (parts.running === remote) remote.resume();
    });
  }
}

/** A writer and a reader on a file of its own, each a program. */
function startTalk(machine: BootedMachine, talk: Talk, seed: number): void {
  const { sys } = machine;
  const fd = sys.open(talk.path, O_RDWR);
  const draw = randomFrom(seed);
  const failing = (error: unknown) => {
    if (!isErrno(error)) throw error;
    talk.failure ??= error.code;
  };
  sys.fork(function* (writer) {
    try {
      for (let i = 0; i < MESSAGES; i++) {
        const message = `${talk.path} ${i} ${'x'.repeat(draw(400))}`;
        yield* writer.write(fd, message);
        talk.sent.push(message);
        if (draw(3) === 0) yield* writer.nanosleep(draw(100_000));
      }
    } catch (error) {
      failing(error);
    }
  });
  sys.fork(function* (reader) {
    try {
      while (talk.got.length < MESSAGES) {
        if (draw(4) === 0) yield* reader.nanosleep(draw(100_000));
        talk.got.push(String.fromCharCode(...(yield* reader.read(fd, 496))));
      }
    } catch (error) {
      failing(error);
    }
  });
  sys.close(fd);
}

function startTalks(machine: BootedMachine, seed: number): Talk[] {
  settle(machine.sys);
  const paths = ['/dev/rpmsg0', createEndpoint(machine.sys, { dst: 1024 }), createEndpoint(machine.sys, { dst: 1024 })];
  const talks = paths.map((path): Talk => ({ path, sent: [], got: [], failure: undefined }));
  letPause(machine, seed);
  for (const [index, talk] of talks.entries()) startTalk(machine, talk, seed * 10 + index);
  return talks;
}

describe('programs that talk at once to a remote', () => {
  test.each(Array.from({ length: 30 }, (_, seed) => seed))('get each answer once and in order (seed %i)', async (seed) => {
    const machine = machineOf(seed);
    const talks = startTalks(machine, seed);
    await machine.run();
    for (const talk of talks) {
      expect(talk.failure).toBeUndefined();
      expect(talk.sent).toHaveLength(MESSAGES);
      expect(talk.got).toEqual(talk.sent);
    }
    settle(machine.sys);
    const { loopback } = rpmsgParts(machine);
    // Every buffer to receive into is back with the remote, and it has given every other back.
    expect(loopback.rings[0]?.available).toBe(loopback.queues[0]?.num);
    expect(loopback.rings[1]?.available).toBe(0);
    machine.shutdown();
  });

  test.each(Array.from({ length: 30 }, (_, seed) => seed))(
    'get what came in time when it crashes, and it leaves nothing (seed %i)',
    async (seed) => {
      const machine = machineOf(seed);
      const parts = rpmsgParts(machine);
      const talks = startTalks(machine, seed);
      machine.system.clock.schedule(randomFrom(seed + 2)(2 * MS), 'the remote crashes', () => parts.stop());
      await machine.run();
      for (const talk of talks) {
        expect([undefined, 'EPIPE', 'ERESTARTSYS']).toContain(talk.failure);
        expect(talk.got).toEqual(talk.sent.slice(0, talk.got.length));
      }
      machine.sys.nanosleep(3 * MS);
      expect(machine.ram.usedBytes).toBe(0);
      parts.start();
      settle(machine.sys);
      const fd = machine.sys.open('/dev/rpmsg0', O_RDWR);
      machine.sys.write(fd, 'again');
      expect(String.fromCharCode(...machine.sys.read(fd, 10))).toBe('again');
      machine.sys.close(fd);
      machine.shutdown();
    },
  );

  test('in the same way for the same seed', async () => {
    const runs: string[] = [];
    for (let run = 0; run < 2; run++) {
      const machine = machineOf(7);
      const talks = startTalks(machine, 7);
      await machine.run();
      runs.push(JSON.stringify([talks, machine.system.now(), rpmsgParts(machine).loopback.kicks]));
      machine.shutdown();
    }
    expect(runs[0]).toBe(runs[1]);
  });
});
