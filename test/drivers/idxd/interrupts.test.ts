import { afterEach, describe, expect, test } from 'vitest';
import * as uapi from '../../../src/abi/uapi/index.ts';
import { boot, dsa, dsaOf, type Sys } from '../../../src/index.ts';
import { descriptor } from '../../hardware/dsa/fixture.ts';
import { bootDsa, client } from './fixture.ts';

const FLAGS = uapi.IDXD_OP_FLAG_CRAV | uapi.IDXD_OP_FLAG_RCR | uapi.IDXD_OP_FLAG_RCI;

let ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
  ends = [];
});

function open() {
  const setup = bootDsa();
  ends.push(() => setup.machine.shutdown());
  const one = client(setup);
  ends.push(() => setup.sys.close(one.fd));
  return { ...setup, ...one };
}

describe('a vector of one’s own (11)', () => {
  test('a descriptor that names it makes its eventfd readable', () => {
    const { sys, fd, submit, place, status } = open();
    const { auto_group: group } = sys.ioctl(fd, uapi.IMS_GET_INFO);
    const { handle } = sys.ioctl(fd, uapi.IMS_BIND_HANDLE, { group, index: 0, op: uapi.IMS_HANDLE_GET });
    const event = sys.eventfd(0);
    const fds = sys.allocate(4);
    new DataView(fds.bytes.buffer, fds.bytes.byteOffset).setInt32(0, event, true);
    sys.ioctl(fd, uapi.IMS_SET_EVENTFD, { argsz: 32, group, start: 0, count: 1, fds: fds.address });
    submit({ opcode: uapi.DSA_OPCODE_MEMFILL, flags: FLAGS, destination: place(0), size: 100, handle });
    expect(status()[0]).toBe(uapi.DSA_COMP_SUCCESS);
    expect(sys.read(event, 8)[0]).toBe(1);
    sys.ioctl(fd, uapi.IMS_BIND_HANDLE, { group, index: 0, op: uapi.IMS_HANDLE_RELEASE });
    submit({ opcode: uapi.DSA_OPCODE_MEMFILL, flags: FLAGS, destination: place(0), size: 100, handle });
    expect(status()[0]).toBe(uapi.DSA_COMP_INT_HANDLE_INVAL);
    sys.close(event);
  });

  test('a group whose vector a descriptor names is busy until that is done', () => {
    const { sys, fd, bytes, place, pass } = open();
    const { auto_group: group } = sys.ioctl(fd, uapi.IMS_GET_INFO);
    const { handle } = sys.ioctl(fd, uapi.IMS_BIND_HANDLE, { group, index: 0, op: uapi.IMS_HANDLE_GET });
    sys.write(fd, bytes({ opcode: uapi.DSA_OPCODE_MEMFILL, flags: FLAGS, destination: place(0), size: 100, handle }));
    expect(() => sys.ioctl(fd, uapi.IMS_FREE_GROUP, { group })).toThrow('EBUSY');
    pass();
    sys.ioctl(fd, uapi.IMS_FREE_GROUP, { group });
  });
});

/** Opens the queue, and fills a buffer with its number as often as asked, each time waiting for its own vector. */
function* task(sys: Sys<'task'>, number: number, rounds: number) {
  const fd = yield* sys.open('/dev/dsa/wq0.0', uapi.O_RDWR);
  const { auto_group: group } = yield* sys.ioctl(fd, uapi.IMS_GET_INFO);
  const { handle } = yield* sys.ioctl(fd, uapi.IMS_BIND_HANDLE, { group, index: 0, op: uapi.IMS_HANDLE_GET });
  const event = yield* sys.eventfd(0);
  const memory = sys.allocate(256);
  new DataView(memory.bytes.buffer, memory.bytes.byteOffset).setInt32(128, event, true);
  yield* sys.ioctl(fd, uapi.IMS_SET_EVENTFD, { argsz: 32, group, start: 0, count: 1, fds: memory.address + 128 });
  let events = 0;
  // Once all have a vector, and then not all at once: the queue has 64 places.
  yield* sys.nanosleep(1e9 + 200 * number);
  for (let round = 1; round <= rounds; round++) {
    const pattern = BigInt(number * 1000 + round);
    const opcode = uapi.DSA_OPCODE_MEMFILL;
    const wanted = {
      opcode,
      flags: FLAGS,
      completion: memory.address,
      destination: memory.address + 64,
      size: 8,
      handle,
      fields: [[16, 8, pattern]] as const,
    };
    for (;;) {
      try {
        yield* sys.write(fd, descriptor(wanted));
        break;
      } catch (error) {
        if (!String(error).includes('EAGAIN')) throw error;
        yield* sys.nanosleep(1000 * (number + 1));
      }
    }
    events += (yield* sys.read(event, 8))[0] as number;
    const view = new DataView(sys.peek(memory.address, 72).buffer);
    if (view.getUint8(0) !== uapi.DSA_COMP_SUCCESS || view.getBigUint64(64, true) !== pattern)
      throw new Error(`task ${number}: not its own`);
  }
  // Nobody leaves before all are done.
  yield* sys.nanosleep(1e9);
  yield* sys.close(event);
  yield* sys.close(fd);
  return events;
}

describe('many on one shared queue', () => {
  test('10 000 tasks of 100 processes hold a vector each, and get exactly their own completions', async () => {
    const machine = boot(dsa({ accelerator: { slots: 16_384 }, queues: [{ mode: 'shared', size: 64 }] }));
    const { ims } = dsaOf(machine.system).accelerator;
    let events = 0;
    let most = 0;
    for (let process = 0; process < 100; process++) {
      machine.spawn(function* (sys) {
        for (let thread = 0; thread < 100; thread++) {
          yield* sys.thread(function* (own) {
            const mine = yield* task(own, process * 100 + thread, 2);
            events += mine;
          });
        }
        // Who made the threads ends last: the memory is theirs, too.
        yield* sys.nanosleep(1e9);
        most = ims.inUse;
        yield* sys.nanosleep(60e9);
      });
    }
    await machine.run();
    expect(most).toBe(10_000 + ims.settings.staticVectors);
    expect(events).toBe(20_000);
    machine.shutdown();
  });
});
