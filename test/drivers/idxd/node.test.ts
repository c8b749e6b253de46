import { afterEach, describe, expect, test } from 'vitest';
import type { Errno } from '../../../src/abi/index.ts';
import * as uapi from '../../../src/abi/uapi/index.ts';
import { boot, type DsaOptions, dsa } from '../../../src/index.ts';
import { descriptor, type Wanted } from '../../hardware/dsa/fixture.ts';
import { bootDsa, client } from './fixture.ts';

const { IDXD_OP_FLAG_CRAV: CRAV, IDXD_OP_FLAG_RCR: RCR, IDXD_OP_FLAG_RCI: RCI, IDXD_OP_FLAG_BOF: BOF, IDXD_OP_FLAG_FENCE: FENCE } = uapi;
const DONE = CRAV | RCR;

let ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
  ends = [];
});

function open(path?: string, options?: DsaOptions) {
  const setup = bootDsa(options);
  ends.push(() => setup.machine.shutdown());
  const one = client(setup, path);
  ends.push(() => setup.sys.close(one.fd));
  return { ...setup, ...one };
}

const move = (setup: ReturnType<typeof open>, more: Partial<Wanted> = {}): Wanted => ({
  opcode: uapi.DSA_OPCODE_MEMMOVE,
  flags: DONE,
  source: setup.place(0),
  destination: setup.place(0x8000),
  size: 20_000,
  ...more,
});

describe('write', () => {
  test('moves memory, of a shared and of a dedicated queue', () => {
    for (const path of ['/dev/dsa/wq0.0', '/dev/dsa/wq0.1']) {
      const setup = open(path);
      const data = Uint8Array.from({ length: 20_000 }, (_, at) => at % 251);
      setup.sys.poke(setup.place(0), data);
      const record = setup.submit(move(setup));
      expect(record[0]).toBe(uapi.DSA_COMP_SUCCESS);
      expect(Buffer.compare(setup.sys.peek(setup.place(0x8000), 20_000), data)).toBe(0);
    }
  });

  test('is shown as a descriptor', () => {
    const lines: string[] = [];
    const machine = boot(dsa({ cpus: 4 }), { trace: ({ text }) => lines.push(text) });
    const fd = machine.sys.open('/dev/dsa/wq0.0', uapi.O_RDWR);
    machine.sys.write(fd, descriptor({ opcode: uapi.DSA_OPCODE_NOOP, flags: DONE, completion: machine.sys.allocate(32).address }));
    machine.sys.close(fd);
    machine.shutdown();
    expect(lines.find((line) => line.startsWith('write('))).toMatch(
      /^write\(0, \{opcode=DSA_OPCODE_NOOP, flags=IDXD_OP_FLAG_CRAV\|IDXD_OP_FLAG_RCR, completion_addr=0x\w+, .*\}, 64\) = 64$/,
    );
  });

  test('takes whole descriptors only, and none of less than one', () => {
    const setup = open();
    expect(setup.sys.write(setup.fd, new Uint8Array(63))).toBe(0);
    const two = Buffer.concat([setup.bytes(move(setup)), setup.bytes(move(setup)), new Uint8Array(10)]);
    expect(setup.sys.write(setup.fd, two)).toBe(128);
    setup.pass();
  });

  test('a completion address that is not aligned is EINVAL, even when none is asked for', () => {
    const setup = open();
    expect(() => setup.submit(move(setup, { flags: 0, completion: setup.completion + 8 }))).toThrow('EINVAL');
    const second = Buffer.concat([setup.bytes(move(setup)), setup.bytes(move(setup, { completion: 8 }))]);
    expect(setup.sys.write(setup.fd, second)).toBe(64);
    setup.pass();
  });

  test('a batch is EINVAL: its members are not looked at', () => {
    const setup = open();
    expect(() => setup.submit({ opcode: uapi.DSA_OPCODE_BATCH, source: setup.place(0), size: 2 })).toThrow('EINVAL');
  });

  test('a queue that is full is EAGAIN, and ENQCMD says retry', () => {
    const setup = open('/dev/dsa/wq0.0', { queues: [{ mode: 'shared', size: 8, threshold: 4 }] });
    const { sys, fd } = setup;
    const one = setup.bytes(move(setup, { flags: 0, completion: 0 }));
    // Four are with the engines, four wait.
    expect(sys.write(fd, Buffer.concat(Array(20).fill(one)))).toBe(64 * 8);
    expect(() => sys.write(fd, one)).toThrow('EAGAIN');
    const portal = sys.mmap(fd, { length: 4096, prot: uapi.PROT_WRITE });
    expect(sys.enqcmd(portal.address, one)).toBe(false);
    setup.pass();
    expect(sys.enqcmd(portal.address + 64, one)).toBe(true);
    sys.munmap(portal);
    setup.pass();
  });
});

describe('open', () => {
  test('a dedicated queue a second time is EBUSY, a shared one is not', () => {
    const setup = open('/dev/dsa/wq0.1');
    expect(() => setup.sys.open('/dev/dsa/wq0.1', uapi.O_RDWR)).toThrow('EBUSY');
    const [a, b] = [setup.sys.open('/dev/dsa/wq0.0', uapi.O_RDWR), setup.sys.open('/dev/dsa/wq0.0', uapi.O_RDWR)];
    expect(setup.show('wq0.0/clients')).toBe('2\n');
    setup.sys.close(a);
    setup.sys.close(b);
  });

  test('each has a child of the node in sysfs', () => {
    const setup = open();
    expect(Number(setup.show('file0/pid'))).toBeGreaterThan(0);
    expect(setup.show('file0/cr_faults')).toBe('0\n');
  });

  test('read is EINVAL, and an unknown request ENOTTY', () => {
    const { sys, fd } = open();
    expect(() => sys.read(fd, 8)).toThrow('EINVAL');
    expect(() => sys.ioctl(fd, 0x541b, 0)).toThrow('ENOTTY');
  });
});

describe('mmap', () => {
  test('more than a page is EINVAL', () => {
    const { sys, fd } = open();
    expect(() => sys.mmap(fd, { length: 8192, prot: uapi.PROT_WRITE })).toThrow('EINVAL');
  });

  test('MOVDIR64B to a portal is a submission, and goes on after the descriptor is closed', () => {
    const setup = open('/dev/dsa/wq0.1');
    const { sys } = setup;
    const portal = sys.mmap(setup.fd, { length: 4096, prot: uapi.PROT_WRITE });
    sys.movdir64b(portal.address + 128, setup.bytes(move(setup)));
    setup.pass();
    expect(setup.status()[0]).toBe(uapi.DSA_COMP_SUCCESS);
    sys.munmap(portal);
    expect(() => sys.movdir64b(portal.address, setup.bytes(move(setup)))).toThrow('EFAULT');
  });
});

describe('who may', () => {
  test('the portal needs CAP_SYS_RAWIO; write does not', async () => {
    const { machine, fs, sys } = bootDsa();
    fs.chmodSync('/dev/dsa/wq0.0', 0o666);
    const user = machine.spawn(
      function* (own) {
        const fd = yield* own.open('/dev/dsa/wq0.0', uapi.O_RDWR);
        const record = own.allocate(32).address;
        yield* own.write(fd, descriptor({ opcode: uapi.DSA_OPCODE_NOOP, flags: DONE, completion: record }));
        yield* own.nanosleep(1e6);
        const status = own.peek(record, 1)[0];
        try {
          yield* own.mmap(fd, { length: 4096, prot: uapi.PROT_WRITE });
        } catch (error) {
          return [status, (error as Errno).code];
        } finally {
          yield* own.close(fd);
        }
        return [status, 'mapped'];
      },
      { credentials: { uid: 1000, gid: 1000, groups: [] } },
    );
    await machine.run();
    expect(user.result()).toEqual([uapi.DSA_COMP_SUCCESS, 'EPERM']);
    expect(sys.stat('/dev/dsa/wq0.0').uid).toBe(0);
    machine.shutdown();
  });

  test('a child has the descriptor and may not use it', async () => {
    const { machine } = bootDsa();
    const codes: string[] = [];
    machine.spawn(function* (own) {
      const fd = yield* own.open('/dev/dsa/wq0.0', uapi.O_RDWR);
      const child = yield* own.fork(function* (its) {
        const tries = [
          () => its.write(fd, descriptor({ opcode: uapi.DSA_OPCODE_NOOP })),
          () => its.mmap(fd, { length: 4096, prot: uapi.PROT_WRITE }),
          () => its.ioctl(fd, uapi.IMS_GET_INFO),
        ];
        for (const attempt of tries) {
          try {
            yield* attempt() as ReturnType<typeof its.close>;
            codes.push('done');
          } catch (error) {
            codes.push((error as Errno).code);
          }
        }
        yield* its.close(fd);
      });
      yield* own.waitpid(child);
      yield* own.close(fd);
    });
    await machine.run();
    expect(codes).toEqual(['EPERM', 'EPERM', 'EPERM']);
    machine.shutdown();
  });
});

describe('what descriptors are refused for', () => {
  const cases: [string, Partial<Wanted>, number][] = [
    ['an unknown operation', { opcode: 0x3f }, uapi.DSA_COMP_BAD_OPCODE],
    ['a flag that it does not have', { flags: DONE | uapi.IDXD_OP_FLAG_CR }, uapi.DSA_COMP_INVALID_FLAGS],
    ['blocking where the queue does not', { flags: DONE | BOF }, uapi.DSA_COMP_INVALID_FLAGS],
    ['a reserved field', { fields: [[60, 1, 1]] }, uapi.DSA_COMP_NOZERO_RESERVE],
    ['no bytes', { size: 0 }, uapi.DSA_COMP_XFER_ERANGE],
    ['too many bytes', { size: 0x200001 }, uapi.DSA_COMP_XFER_ERANGE],
    ['an interrupt handle of nobody', { flags: DONE | RCI, handle: 999 }, uapi.DSA_COMP_INT_HANDLE_INVAL],
  ];
  test.each(cases)('%s', (_what, more, status) => {
    const setup = open();
    expect(setup.submit(move(setup, more))[0]).toBe(status);
  });

  test('the record says which flags', () => {
    const setup = open();
    const record = setup.submit(move(setup, { flags: DONE | uapi.IDXD_OP_FLAG_CR }));
    expect(new DataView(record.buffer).getUint32(16, true)).toBe(uapi.IDXD_OP_FLAG_CR);
  });
});

describe('faults', () => {
  test('a page that is not there stops a move; it goes on once it is', () => {
    const setup = open();
    const size = 0x10000;
    const record = setup.submit(move(setup, { source: setup.place(0), destination: setup.place(0x10000), size }));
    const view = new DataView(record.buffer);
    expect(record[0]).toBe(uapi.DSA_COMP_PAGE_FAULT_NOBOF | uapi.DSA_COMP_STATUS_WRITE);
    expect(Number(view.getBigUint64(8, true))).toBe(setup.memory.address + setup.memory.length);
    expect(view.getUint32(4, true)).toBe(0xf000);
  });

  test('a queue that blocks asks for the page, which is refused', () => {
    const setup = open('/dev/dsa/wq0.0', { queues: [{ mode: 'shared', size: 8, blockOnFault: true }] });
    expect(setup.submit(move(setup, { flags: DONE | BOF, source: 0x1000 }))[0]).toBe(uapi.DSA_COMP_PAGE_FAULT_IR);
  });

  test('what has no record to go to is an error of the device: it is logged, shown and polled', () => {
    const setup = open();
    expect(setup.sys.poll([{ fd: setup.fd, events: uapi.POLLIN }], 0)).toEqual([0]);
    setup.sys.write(setup.fd, setup.bytes(move(setup, { flags: 0, source: 0x1000 })));
    setup.pass();
    expect(setup.sys.poll([{ fd: setup.fd, events: uapi.POLLIN }], 0)).toEqual([uapi.POLLIN]);
    const words = setup.show('dsa0/errors').trim().split(',').reverse();
    // Valid, of a descriptor, of queue 0, code 3; at address 0x1000.
    expect(words[0]).toBe('0000030d');
    expect(words[4]).toBe('00001000');
    expect(setup.machine.system.log.lines.some(({ text }) => text.includes('idxd dsa0: err[0]: 0x'))).toBe(true);
  });
});

describe('batches, through the portal', () => {
  function batch(setup: ReturnType<typeof open>, members: readonly Wanted[], more: Partial<Wanted> = {}) {
    const list = setup.place(0x10000);
    for (const [index, member] of members.entries()) {
      setup.sys.poke(list + 64 * index, setup.bytes({ completion: setup.completion + 32 * (index + 1), ...member }));
    }
    const portal = setup.sys.mmap(setup.fd, { length: 4096, prot: uapi.PROT_WRITE });
    const wanted = { opcode: uapi.DSA_OPCODE_BATCH, flags: DONE, source: list, size: members.length, ...more };
    expect(setup.sys.enqcmd(portal.address, setup.bytes(wanted))).toBe(true);
    setup.pass();
    setup.sys.munmap(portal);
    const record = setup.status();
    const statuses = members.map((_, index) => setup.sys.peek(setup.completion + 32 * (index + 1), 1)[0]);
    return { status: record[0], result: record[1], count: new DataView(record.buffer).getUint32(4, true), statuses };
  }

  test('all members are done', () => {
    const setup = open();
    setup.sys.poke(setup.place(0), Uint8Array.of(1, 2, 3));
    const first = move(setup, { size: 3 });
    const second = move(setup, { source: first.destination as number, destination: setup.place(0xa000), size: 3, flags: DONE | FENCE });
    expect(batch(setup, [first, second])).toEqual({ status: uapi.DSA_COMP_SUCCESS, result: 0, count: 2, statuses: [1, 1] });
    expect([...setup.sys.peek(setup.place(0xa000), 3)]).toEqual([1, 2, 3]);
  });

  test('a fence after a failure ends it', () => {
    const setup = open();
    const bad = move(setup, { size: 0 });
    const outcome = batch(setup, [move(setup), bad, move(setup), move(setup, { flags: DONE | FENCE })]);
    expect(outcome).toEqual({ status: uapi.DSA_COMP_BATCH_FAIL, result: 1, count: 3, statuses: [1, uapi.DSA_COMP_XFER_ERANGE, 1, 0] });
  });

  test('one member is too few, more than the queue takes too many, and a batch in a batch is unknown', () => {
    const setup = open();
    expect(batch(setup, [move(setup)]).status).toBe(uapi.DSA_COMP_DESC_CNT_ERANGE);
    expect(batch(setup, [move(setup)], { size: 33 }).status).toBe(uapi.DSA_COMP_DESC_CNT_ERANGE);
    const nested = { opcode: uapi.DSA_OPCODE_BATCH, flags: DONE, source: setup.place(0), size: 2 };
    expect(batch(setup, [move(setup), nested])).toMatchObject({
      status: uapi.DSA_COMP_BATCH_FAIL,
      statuses: [1, uapi.DSA_COMP_BAD_OPCODE],
    });
    expect(batch(setup, [move(setup), move(setup)], { source: setup.place(0x10008) }).status).toBe(uapi.DSA_COMP_DESCLIST_ALIGN);
    expect(batch(setup, [move(setup), move(setup)], { source: 0x40 }).status).toBe(uapi.DSA_COMP_BATCH_PAGE_FAULT);
  });

  test('a drain comes after all that was before it', () => {
    const setup = open();
    const { sys, fd } = setup;
    const moves = Array.from({ length: 6 }, (_, index) =>
      setup.bytes(move(setup, { completion: setup.completion + 32 * (index + 1), size: 20_000 - index })),
    );
    sys.write(fd, Buffer.concat([...moves, setup.bytes({ opcode: uapi.DSA_OPCODE_DRAIN, flags: DONE })]));
    while (setup.status()[0] === 0) setup.pass(100);
    expect(moves.map((_, index) => sys.peek(setup.completion + 32 * (index + 1), 1)[0])).toEqual(Array(6).fill(1));
  });
});
