import { type AnyRequest, IO, IOR, IOW, IOWR, struct, takesString, takesValue, u32, u64 } from '../../src/abi/index.ts';
import { O_RDWR, POLLIN, POLLOUT } from '../../src/abi/uapi/index.ts';
import { type BootedMachine, boot } from '../../src/index.ts';
import {
  copyStringFromUser,
  type File,
  type FileOperations,
  ioctls,
  type MemoryObject,
  on,
  onRaw,
  WaitQueue,
  waitOrAgain,
} from '../../src/kernel/index.ts';
import type { MachineOptions } from '../../src/machine/index.ts';
import { board } from './boards.ts';

export const GET = IOR('t', 1, struct({ value: u64, reads: u32 }), 'GET');
export const SET = IOW('t', 2, struct({ value: u64 }), 'SET');
export const ADD = IOWR('t', 3, struct({ by: u32, kept: u32, sum: u64 }), 'ADD');
export const TICK = IO('t', 4, 'TICK');
export const SCALE = takesValue(IO('t', 5)).named('SCALE');
export const LABEL = takesString(IOW('t', 6, u64)).named('LABEL');
export const WAIT = IOW('t', 7, struct({ until: u64 }), 'WAIT');

/** What the device of a test holds, for the test to look at and to change. */
export interface TestDevice {
  value: number;
  label: string;
  /** Bytes that reads take. */
  readonly fifo: number[];
  readonly changed: WaitQueue;
  readonly requests: readonly AnyRequest[];
  readonly released: File[];
  /** What mmap shows, from its first page on. */
  memory: MemoryObject | undefined;
  put(...bytes: number[]): void;
}

function operations(device: TestDevice): FileOperations {
  return {
    release(file) {
      device.released.push(file);
    },
    *read(file, to) {
      yield* waitOrAgain(file, device.changed, () => device.fifo.length > 0);
      return yield* to.put(Uint8Array.from(device.fifo.splice(0, to.remaining)));
    },
    *write(_file, from) {
      const bytes = yield* from.take(from.remaining);
      device.put(...bytes);
      return bytes.length;
    },
    poll(_file, table) {
      table.wait(device.changed);
      return device.fifo.length > 0 ? POLLIN | POLLOUT : POLLOUT;
    },
    mmap(_file, vma) {
      if (device.memory !== undefined) vma.backing = [{ memory: device.memory, offset: vma.offset, length: vma.length }];
    },
    ...ioctls(
      on(GET, () => ({ value: device.value, reads: 7 })),
      on(SET, (_file, { value }) => {
        device.value = value;
      }),
      on(ADD, (_file, { by }) => ({ sum: device.value + by })),
      on(TICK, () => ++device.value),
      on(SCALE, (_file, factor) => {
        device.value *= factor;
      }),
      onRaw(LABEL, function* (_file, address, task) {
        const text = yield* copyStringFromUser(task.memory, address, 16);
        device.label = text === undefined ? 'too long' : new TextDecoder().decode(text);
      }),
      on(WAIT, function* (file, { until }) {
        yield* waitOrAgain(file, device.changed, () => device.value >= until);
      }),
    ),
  };
}

/** Boots a machine with /dev/test and opens it. */
export function bootTestDevice(options: MachineOptions = {}): { machine: BootedMachine; device: TestDevice; fd: number } {
  const device: TestDevice = {
    value: 0,
    label: '',
    fifo: [],
    changed: new WaitQueue('the test device'),
    requests: [GET, SET, ADD, TICK, LABEL, WAIT],
    released: [],
    memory: undefined,
    put(...bytes) {
      device.fifo.push(...bytes);
      device.changed.wake();
    },
  };
  const machine = boot(
    board(({ system }) => void system.devices.addMisc({ name: 'test', mode: 0o666, ops: operations(device) })),
    options,
  );
  return { machine, device, fd: machine.sys.open('/dev/test', O_RDWR) };
}
