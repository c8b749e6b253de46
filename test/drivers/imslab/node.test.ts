import { afterEach, describe, expect, test } from 'vitest';
import type { Errno } from '../../../src/abi/index.ts';
import {
  IMS_ALLOC_CREATE_EVENTFDS,
  IMS_ALLOC_GROUP,
  IMS_ALLOC_MASKED,
  IMS_ALLOC_NONBLOCK,
  IMS_BIND_HANDLE,
  IMS_FREE_GROUP,
  IMS_GET_INFO,
  IMS_GET_VECTOR,
  IMS_MASK,
  IMS_SET_EVENTFD,
  IMS_TRIGGER,
  IMS_TRIGGER_RAW,
  O_RDWR,
  VFIO_DEVICE_GET_IRQ_INFO,
  VFIO_DEVICE_SET_IRQS,
  vfio_irq_set,
} from '../../../src/abi/uapi/index.ts';
import { type BootedMachine, boot, type DsaOptions, dsa } from '../../../src/index.ts';

const machines: BootedMachine[] = [];

function isOpen(sys: BootedMachine['sys'], fd: number): boolean {
  try {
    sys.fstat(fd);
    return true;
  } catch {
    return false;
  }
}

afterEach(() => {
  for (const machine of machines.splice(0)) {
    const { sys } = machine;
    // The listing has a descriptor of its own, which is closed by then.
    for (const fd of machine.fs.readdirSync('/proc/self/fd')) if (isOpen(sys, Number(fd))) sys.close(Number(fd));
    machine.shutdown();
  }
});

function open(options: DsaOptions = {}) {
  const machine = boot(dsa({ cpus: 4, ...options }));
  machines.push(machine);
  const { sys } = machine;
  const fd = sys.open('/dev/imslab', O_RDWR);
  const setting = (name: string) => `/sys/devices/platform/imslab.0/ims/${name}`;
  return {
    machine,
    sys,
    fd,
    show: (name: string) => machine.fs.readFileSync(setting(name), 'latin1'),
    store: (name: string, text: string) => machine.fs.writeFileSync(setting(name), text),
    pass: () => machine.system.scheduler.runFor(1e4),
  };
}

/** A place in the program's memory with these numbers of 32 bits. */
function numbers(machine: BootedMachine, ...values: number[]) {
  const { address, bytes } = machine.sys.allocate(Math.max(4, values.length * 4));
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (const [at, value] of values.entries()) view.setInt32(at * 4, value, true);
  return { address, at: (index: number) => view.getInt32(index * 4, true) };
}

const allocate = ({ sys, fd }: ReturnType<typeof open>, wanted: { nvec: number; flags?: number; fds?: number; handles?: number }) =>
  sys.ioctl(fd, IMS_ALLOC_GROUP, { argsz: 40, ...wanted });

/** How often an eventfd was counted since it was read last. */
function taken({ sys }: ReturnType<typeof open>, eventfd: number): number {
  let bytes: Uint8Array;
  try {
    bytes = sys.read(eventfd, 8);
  } catch {
    return 0;
  }
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
}

describe('/dev/imslab', () => {
  test('each open has a group of its own, which goes with it', () => {
    const setup = open();
    const { sys, show } = setup;
    expect(show('groups')).toMatch(/^0 static static 0 0 9 0\n1 dynamic imslab\.0 0 \d+ 1 9\n$/);
    expect(sys.ioctl(setup.fd, IMS_GET_INFO)).toMatchObject({ auto_group: 1, next_group: 2, slots: 2048, in_use: 10, max_nvec: 2048 });
    const second = sys.open('/dev/imslab', O_RDWR);
    expect(show('in_use')).toBe('11\n');
    sys.close(second);
    expect(show('in_use')).toBe('10\n');
  });

  test('eventfds of the client count its vectors', () => {
    const setup = open();
    const { machine, sys, fd, pass } = setup;
    const [one, two] = [sys.eventfd(0, 0o4000), sys.eventfd(0, 0o4000)];
    const fds = numbers(machine, one, two);
    expect(allocate(setup, { nvec: 2, fds: fds.address })).toMatchObject({ group: 2, got: 2 });
    sys.ioctl(fd, IMS_TRIGGER, { group: 2, index: 1, count: 1 });
    pass();
    expect([taken(setup, one), taken(setup, two)]).toEqual([0, 1]);
  });

  test('eventfds that the driver makes, and handles', () => {
    const setup = open();
    const { machine, sys, fd, pass } = setup;
    const [fds, handles] = [numbers(machine, 0, 0), numbers(machine, 0, 0)];
    allocate(setup, {
      nvec: 2,
      flags: IMS_ALLOC_CREATE_EVENTFDS | IMS_ALLOC_NONBLOCK,
      fds: fds.address,
      handles: handles.address,
    });
    expect([handles.at(0), handles.at(1)]).toEqual([10, 11]);
    sys.ioctl(fd, IMS_TRIGGER, { group: 2, index: 0, count: 1 });
    pass();
    expect([taken(setup, fds.at(0)), taken(setup, fds.at(1))]).toEqual([1, 0]);
    expect(sys.ioctl(fd, IMS_GET_VECTOR, { argsz: 64, group: 2, index: 0 })).toMatchObject({
      slot: 10,
      hwirq: 10,
      int_handle: 10,
      flags: 4 | 8 | 16 | 32,
      irte: 28,
      count: 1,
      addr_lo: 0xfee00018 + (28 << 5),
    });
  });

  test('masked, three events, unmasked: one', () => {
    const setup = open();
    const { machine, sys, fd, pass } = setup;
    const eventfd = sys.eventfd(0, 0o4000);
    allocate(setup, { nvec: 1, flags: IMS_ALLOC_MASKED, fds: numbers(machine, eventfd).address });
    for (let i = 0; i < 3; i++) {
      sys.ioctl(fd, IMS_TRIGGER, { group: 2, index: 0, count: 1 });
      pass();
    }
    expect(taken(setup, eventfd)).toBe(0);
    sys.ioctl(fd, IMS_MASK, { group: 2, index: 0, op: 1 });
    pass();
    expect(taken(setup, eventfd)).toBe(1);
    sys.ioctl(fd, IMS_MASK, { group: 2, index: 0, op: 0 });
    sys.ioctl(fd, IMS_TRIGGER, { group: 2, index: 0, count: 1, flags: IMS_TRIGGER_RAW });
    pass();
    expect(taken(setup, eventfd)).toBe(1);
  });

  test.each([
    ['argsz is too small', IMS_ALLOC_GROUP, { argsz: 39, nvec: 1 }, 'EINVAL'],
    ['a flag is unknown', IMS_ALLOC_GROUP, { argsz: 40, nvec: 1, flags: 8 }, 'EINVAL'],
    ['no vectors', IMS_ALLOC_GROUP, { argsz: 40, nvec: 0 }, 'EINVAL'],
    ['too many vectors', IMS_ALLOC_GROUP, { argsz: 40, nvec: 2049 }, 'EINVAL'],
    ['more vectors than entries', IMS_ALLOC_GROUP, { argsz: 40, nvec: 2040 }, 'ENOSPC'],
    ['an address that is none', IMS_ALLOC_GROUP, { argsz: 40, nvec: 1, fds: 8 }, 'EFAULT'],
    ['no place for eventfds', IMS_ALLOC_GROUP, { argsz: 40, nvec: 1, flags: 1 }, 'EINVAL'],
    ['free of group 0', IMS_FREE_GROUP, { group: 0 }, 'EINVAL'],
    ['free of an unknown group', IMS_FREE_GROUP, { group: 9 }, 'EINVAL'],
    ['free with a reserved field', IMS_FREE_GROUP, { group: 1, reserved: 1 }, 'EINVAL'],
    ['an unknown vector', IMS_GET_VECTOR, { argsz: 64, group: 1, index: 1 }, 'EINVAL'],
    ['an unknown operation on a mask', IMS_MASK, { group: 1, index: 0, op: 2 }, 'EINVAL'],
    ['an unknown operation on a handle', IMS_BIND_HANDLE, { group: 1, index: 0, op: 3 }, 'EINVAL'],
    ['release of a handle that there is not', IMS_BIND_HANDLE, { group: 1, index: 0, op: 1 }, 'EINVAL'],
    ['an unknown flag of a trigger', IMS_TRIGGER, { group: 1, index: 0, count: 1, flags: 2 }, 'EINVAL'],
    ['eventfds beyond the group', IMS_SET_EVENTFD, { argsz: 32, group: 1, start: 1, count: 1 }, 'EINVAL'],
  ] as const)('%s', (_what, request, argument, error) => {
    const { sys, fd, show } = open();
    expect(() => sys.ioctl(fd, request as never, argument as never)).toThrow(error);
    expect(show('in_use'), 'nothing is left of it').toBe('10\n');
  });

  test('a descriptor that is no eventfd, and one that is not open, leave no group behind', () => {
    const setup = open();
    expect(() => allocate(setup, { nvec: 1, fds: numbers(setup.machine, setup.fd).address })).toThrow('EINVAL');
    expect(() => allocate(setup, { nvec: 1, fds: numbers(setup.machine, 77).address })).toThrow('EBADF');
    expect(setup.show('in_use')).toBe('10\n');
  });

  test('opens without room get no group, or fail when that is set', () => {
    const setup = open({ imslab: { slots: 10 } });
    const second = setup.sys.open('/dev/imslab', O_RDWR);
    expect(setup.sys.ioctl(second, IMS_GET_INFO)).toMatchObject({ auto_group: 0 });
    setup.store('auto_fail', 'strict');
    expect(() => setup.sys.open('/dev/imslab', O_RDWR)).toThrow('ENOSPC');
  });

  test('settings of which the device is made are EBUSY while a file has a group', () => {
    const { sys, fd, store, show } = open();
    expect(() => store('storage', 'context')).toThrow('EBUSY');
    sys.close(fd);
    store('storage', 'context');
    expect(show('storage')).toBe('context\n');
    expect(show('../ims_size')).toBe('0\n');
    expect(() => store('storage', 'somewhere')).toThrow('EINVAL');
    expect(() => store('slots', '16385')).toThrow('EINVAL');
    store('hazard', 'torn,stale');
    expect(show('hazard')).toBe('torn,stale\n');
    store('hazard', 'none');
    expect(show('hazard')).toBe('none\n');
  });

  test('fdinfo counts groups and vectors', () => {
    const setup = open();
    allocate(setup, { nvec: 3 });
    expect(setup.machine.fs.readFileSync(`/proc/self/fdinfo/${setup.fd}`, 'latin1')).toContain(
      'ims-groups:\t2\nims-vectors:\t4\nims-pasid:\t0\nims-storage:\tarray\n',
    );
  });

  test('a child may not use the vectors of its parent', () => {
    const { machine, sys, fd } = open();
    let answer: unknown;
    sys.fork(function* (own) {
      try {
        answer = yield* own.ioctl(fd, IMS_GET_INFO);
      } catch (error) {
        answer = (error as Errno).code;
      }
    });
    machine.run();
    expect(answer).toBe('EPERM');
    expect(sys.ioctl(fd, IMS_GET_INFO).version).toBe(1);
  });
});

interface SetOptions {
  readonly start?: number;
  readonly count?: number;
  readonly index?: number;
  readonly data?: readonly number[];
  readonly argsz?: number;
}

describe('VFIO requests on the first group', () => {
  const TRIGGER = 32;
  const [NONE, BOOL, EVENTFD, MASK, UNMASK] = [1, 2, 4, 8, 16];

  function irqs(setup: ReturnType<typeof open>) {
    const { machine, sys } = setup;
    const set = (flags: number, { start = 0, count = 1, index = 2, data = [], argsz = 20 + data.length * 4 }: SetOptions = {}) => {
      const { address, bytes } = sys.allocate(64);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      vfio_irq_set.encode(view, 0, { argsz, flags, index, start, count });
      for (const [at, value] of data.entries()) view.setInt32(20 + at * 4, value, true);
      return sys.ioctl(setup.fd, VFIO_DEVICE_SET_IRQS.number, address);
    };
    return { machine, set };
  }

  test('GET_IRQ_INFO', () => {
    const { sys, fd } = open();
    expect(sys.ioctl(fd, VFIO_DEVICE_GET_IRQ_INFO, { argsz: 16, index: 2 })).toMatchObject({ count: 1, flags: 3 });
    expect(sys.ioctl(fd, VFIO_DEVICE_GET_IRQ_INFO, { argsz: 16, index: 0 })).toMatchObject({ count: 0 });
    expect(() => sys.ioctl(fd, VFIO_DEVICE_GET_IRQ_INFO, { argsz: 16, index: 5 })).toThrow('EINVAL');
    expect(() => sys.ioctl(fd, VFIO_DEVICE_GET_IRQ_INFO, { argsz: 15, index: 2 })).toThrow('EINVAL');
  });

  test('bind, signal, hold back, let through, let go of all', () => {
    const setup = open();
    const { set } = irqs(setup);
    const eventfd = setup.sys.eventfd(0, 0o4000);
    expect(() => set(NONE | TRIGGER, { count: 0 })).toThrow('EINVAL');
    set(EVENTFD | TRIGGER, { data: [eventfd] });
    set(NONE | TRIGGER);
    expect(taken(setup, eventfd)).toBe(1);
    set(NONE | MASK);
    setup.sys.ioctl(setup.fd, IMS_TRIGGER, { group: 1, index: 0, count: 1 });
    setup.pass();
    expect(taken(setup, eventfd)).toBe(0);
    set(NONE | UNMASK);
    setup.pass();
    expect(taken(setup, eventfd)).toBe(1);
    set(BOOL | TRIGGER, { data: [0], argsz: 24 });
    expect(taken(setup, eventfd)).toBe(0);
    set(NONE | TRIGGER, { count: 0 });
    expect(() => set(NONE | TRIGGER)).toThrow('EINVAL');
  });

  test.each([
    ['argsz', NONE | TRIGGER, { argsz: 19 }, 'EINVAL'],
    ['index', NONE | TRIGGER, { index: 5 }, 'EINVAL'],
    ['a kind without vectors', NONE | TRIGGER, { index: 0 }, 'EINVAL'],
    ['beyond the group', EVENTFD | TRIGGER, { start: 1 }, 'EINVAL'],
    ['an unknown flag', 64 | NONE | TRIGGER, {}, 'EINVAL'],
    ['two kinds of data', NONE | BOOL | TRIGGER, {}, 'EINVAL'],
    ['no room for the data', EVENTFD | TRIGGER, { argsz: 23 }, 'EINVAL'],
    ['two actions', NONE | TRIGGER | MASK, {}, 'ENOTTY'],
    ['no action', NONE, {}, 'ENOTTY'],
    ['a mask by eventfd', EVENTFD | MASK, { data: [-1] }, 'ENOTTY'],
    ['no eventfd', EVENTFD | TRIGGER, { data: [77] }, 'EBADF'],
  ] as const)('%s', (_what, flags, options, error) => {
    expect(() => irqs(open()).set(flags, options)).toThrow(error);
  });
});
