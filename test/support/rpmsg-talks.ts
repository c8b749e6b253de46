/** Programs that talk at once to an echo service of a remote that draws its rings, features, delays and pauses. */
import { isErrno } from '../../src/abi/index.ts';
import { O_RDWR, RPMSG_ADDR_ANY, RPMSG_CREATE_EPT_IOCTL } from '../../src/abi/uapi/index.ts';
import { addEchoService } from '../../src/hardware/remote-processor/index.ts';
import { type BootedMachine, boot } from '../../src/index.ts';
import { randomFrom } from './random.ts';
import { rpmsgBoard, rpmsgParts } from './rpmsg-board.ts';

const MESSAGES = 40;
const MS = 1e6;

export interface Talk {
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
  machine.sys.nanosleep(MS);
  const control = machine.sys.open('/dev/rpmsg_ctrl0', O_RDWR);
  const info = { name: 'talk', src: RPMSG_ADDR_ANY, dst: 1024 };
  for (let i = 0; i < 2; i++) machine.sys.ioctl(control, RPMSG_CREATE_EPT_IOCTL, info);
  machine.sys.close(control);
  const paths = ['/dev/rpmsg0', '/dev/rpmsg1', '/dev/rpmsg2'];
  const talks = paths.map((path): Talk => ({ path, sent: [], got: [], failure: undefined }));
  letPause(machine, seed);
  for (const [index, talk] of talks.entries()) startTalk(machine, talk, seed * 10 + index);
  return talks;
}

const same = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((text, at) => text === b[at]);

/** @returns what came back, in words that are the same for the same seed @throws Error what was lost, doubled or exchanged */
export async function talkAtOnce(seed: number): Promise<string> {
  const machine = machineOf(seed);
  const talks = startTalks(machine, seed);
  await machine.run();
  for (const { path, sent, got, failure } of talks)
    if (failure !== undefined || sent.length !== MESSAGES || !same(sent, got))
      throw new Error(`seed ${seed}, ${path}: ${sent.length} sent, ${got.length} came back, ${failure ?? 'no failure'}`);
  machine.sys.nanosleep(MS);
  const { loopback } = rpmsgParts(machine);
  const [rx, tx] = loopback.rings;
  if (rx?.available !== loopback.queues[0]?.num || tx?.available !== 0) throw new Error(`seed ${seed}: buffers are missing`);
  const told = JSON.stringify([talks, machine.system.now(), loopback.kicks]);
  machine.shutdown();
  return told;
}

/** The same with a crash in the middle, after which the remote comes again. @throws Error what came that was not sent, or is left */
export async function crashUnderTalks(seed: number): Promise<void> {
  const machine = machineOf(seed);
  const { sys, system, ram } = machine;
  const parts = rpmsgParts(machine);
  const talks = startTalks(machine, seed);
  system.clock.schedule(randomFrom(seed + 2)(2 * MS), 'the remote crashes', () => parts.stop());
  await machine.run();
  for (const { path, sent, got, failure = 'EPIPE' } of talks)
    if (!['EPIPE', 'ERESTARTSYS'].includes(failure) || !same(got, sent.slice(0, got.length)))
      throw new Error(`seed ${seed}, ${path}: ${failure}, and what came is not what was sent`);
  sys.nanosleep(3 * MS);
  if (ram.usedBytes !== 0) throw new Error(`seed ${seed}: ${ram.usedBytes} bytes are left`);
  parts.start();
  sys.nanosleep(MS);
  const fd = sys.open('/dev/rpmsg0', O_RDWR);
  sys.write(fd, 'again');
  if (String.fromCharCode(...sys.read(fd, 10)) !== 'again') throw new Error(`seed ${seed}: the remote does not answer again`);
  sys.close(fd);
  machine.shutdown();
}
