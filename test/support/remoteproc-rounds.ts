import { isErrno } from '../../src/abi/index.ts';
import { O_RDWR, O_WRONLY } from '../../src/abi/uapi/index.ts';
import { remoteproc } from '../../src/boards/index.ts';
import { boot } from '../../src/index.ts';
import { randomFrom } from './random.ts';

/** What came of it. */
export interface RoundCounts {
  starts: number;
  stops: number;
  crashes: number;
  sent: number;
  received: number;
  /** Readers and writers that were told that the processor is gone. */
  cutOff: number;
}

/** What a program may be told while its processor comes and goes: it is gone, busy with another file, out of buffers, or of its node. */
const RIGHT = new Set(['EPIPE', 'ENOENT', 'EBUSY', 'EAGAIN', 'ENODEV', 'ENETRESET', 'ENXIO', 'EINVAL', 'ENOMEM', 'EIO', 'ENOTCONN']);

/**
 * Starts, stops and crashes both processors in turn while programs send messages to their echo services.
 *
 * @throws Error when a state is not what it should be, or something is left
 */
export function runRounds(seed: number, rounds: number): RoundCounts {
  const board = remoteproc();
  const machine = boot(board, { seed });
  const { sys, system } = machine;
  const { m4, dsp } = board.parts;
  const below = randomFrom(seed);
  const counts: RoundCounts = { starts: 0, stops: 0, crashes: 0, sent: 0, received: 0, cutOff: 0 };
  const write = (path: string, text: string) => {
    const fd = sys.open(path, O_WRONLY);
    try {
      sys.write(fd, text);
    } finally {
      sys.close(fd);
    }
  };
  const attribute = (number: number, name: string) => `/sys/class/remoteproc/remoteproc${number}/${name}`;
  const stateOf = (number: number) => {
    const fd = sys.open(attribute(number, 'state'));
    const text = Buffer.from(sys.read(fd, 64)).toString();
    sys.close(fd);
    return text.trim();
  };
  const expectState = (number: number, state: string) => {
    const now = stateOf(number);
    if (now !== state) throw new Error(`remoteproc${number} is ${now}, not ${state}`);
  };
  let isOver = false;
  /** Sends and reads until it is cut off, and opens again. */
  for (const node of ['/dev/rpmsg0', '/dev/rpmsg1'])
    machine.spawn(function* (own) {
      let delay_ns = 50_000;
      while (!isOver) {
        let fd: number;
        try {
          fd = yield* own.open(node, O_RDWR);
        } catch (error) {
          if (!isErrno(error) || !RIGHT.has(error.code)) throw error;
          yield* own.nanosleep(delay_ns);
          delay_ns = Math.min(2 * delay_ns, 1e8);
          continue;
        }
        delay_ns = 50_000;
        try {
          for (let i = 0; i < 40 && !isOver; i++) {
            yield* own.write(fd, `message ${counts.sent}`);
            counts.sent++;
            if (i >= 8) {
              yield* own.read(fd, 512);
              counts.received++;
            }
          }
        } catch (error) {
          if (!isErrno(error) || !RIGHT.has(error.code)) throw error;
          counts.cutOff++;
        }
        yield* own.close(fd);
      }
    });
  write(attribute(0, 'firmware'), 'echo.elf');
  write(attribute(1, 'firmware'), 'echo-iommu.elf');
  const running = [false, false];
  for (let round = 0; round < rounds; round++) {
    const number = below(2);
    const { rproc } = number === 0 ? m4 : dsp;
    const pass = () => system.scheduler.runFor(1000 * below(200));
    if (running[number] !== true) {
      write(attribute(number, 'state'), 'start');
      counts.starts++;
      running[number] = true;
      expectState(number, 'running');
    } else if (below(2) === 0) {
      write(attribute(number, 'state'), 'stop');
      counts.stops++;
      running[number] = false;
      expectState(number, 'offline');
      if (rproc.carveouts.length > 0 || rproc.power !== 0) throw new Error(`${rproc.name} keeps regions or users`);
    } else {
      const isRecovered = below(2) === 0;
      write(attribute(number, 'recovery'), isRecovered ? 'enabled' : 'disabled');
      write(`/sys/kernel/debug/remoteproc/remoteproc${number}/crash`, `${below(3)}`);
      system.scheduler.runReady();
      counts.crashes++;
      if (!isRecovered) {
        expectState(number, 'crashed');
        pass();
        write(attribute(number, 'recovery'), 'recover');
      }
      // A writer that waits for a buffer keeps its endpoint, and so the recovery, for up to 15 seconds.
      system.scheduler.settle(() => rproc.state === 'running');
      expectState(number, 'running');
    }
    pass();
  }
  isOver = true;
  for (const number of [0, 1]) if (running[number] === true) write(attribute(number, 'state'), 'stop');
  system.scheduler.runFor(1e9);
  machine.shutdown();
  return counts;
}
