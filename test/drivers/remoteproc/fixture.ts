import { afterEach } from 'vitest';
import { isErrno } from '../../../src/abi/index.ts';
import { O_RDONLY, O_WRONLY } from '../../../src/abi/uapi/index.ts';
import { type RemoteprocOptions, type RemoteprocPart, remoteproc } from '../../../src/boards/index.ts';
import {
  buildFirmware,
  type FirmwareProgram,
  sramLayout,
  type TableEntry,
  writeResourceTable,
} from '../../../src/hardware/remote-processor/index.ts';
import { type BootedMachine, boot, type MachineOptions } from '../../../src/index.ts';
import type { Kernel } from '../../../src/kernel/index.ts';

const booted = new Set<BootedMachine>();

/** Before the end of the test, for those who boot many. */
export function shutDown(machine: BootedMachine): void {
  booted.delete(machine);
  machine.shutdown();
}

afterEach(() => {
  for (const machine of booted) shutDown(machine);
});

/** Where the first processor has SRAM, and its text, table and trace in it. */
export const TEXT = sramLayout.text;
export const TABLE = TEXT + 0x1000;
export const TRACE = TEXT + 0x2000;

/** Firmware that does nothing but be there. */
const idle: FirmwareProgram = function* (cpu) {
  yield* cpu.hang();
};

/** Firmware whose table has these entries and no trace, is given byte for byte, or is not there. */
export function firmwareWith(entries: readonly TableEntry[] | Uint8Array | undefined, program = 'idle', options = ''): Uint8Array {
  const file = { program, options, layout: { text: TEXT, entries: [] } };
  if (entries === undefined) return buildFirmware({ ...file, hasTable: false });
  return buildFirmware({ ...file, table: entries instanceof Uint8Array ? entries : writeResourceTable(entries) });
}

export const tableOf = writeResourceTable;

/** A machine of the board `remoteproc`; it is shut down after the test, and must be clean. */
export function bootRemoteproc(options: RemoteprocOptions = {}, machineOptions: MachineOptions = {}) {
  const board = remoteproc({ ...options, programs: { idle, ...options.programs } });
  const machine = boot(board, machineOptions);
  booted.add(machine);
  const { parts } = board;
  const { sys, system } = machine;
  const { scheduler } = system;
  const write = (path: string, text: string | Uint8Array): number => {
    const fd = sys.open(path, O_WRONLY);
    try {
      return sys.write(fd, text);
    } finally {
      sys.close(fd);
    }
  };
  const read = (path: string, length = 65536): string => {
    const fd = sys.open(path, O_RDONLY);
    try {
      return Buffer.from(sys.read(fd, length)).toString('latin1');
    } finally {
      sys.close(fd);
    }
  };
  const list = (path: string): string[] => {
    const fd = sys.open(path);
    try {
      return sys.getdents(fd).map(({ name }) => name);
    } finally {
      sys.close(fd);
    }
  };
  const sysfs = (attribute: string, number = 0) => `/sys/class/remoteproc/remoteproc${number}/${attribute}`;
  const debug = (name: string, number = 0) => `/sys/kernel/debug/remoteproc/remoteproc${number}/${name}`;
  const part = (number: number): RemoteprocPart => (number === 0 ? parts.m4 : parts.dsp);
  return {
    machine,
    sys,
    system,
    ...parts,
    rproc: parts.m4.rproc,
    processor: parts.m4.processor,
    part,
    write,
    read,
    list,
    sysfs,
    debug,
    state: (number = 0) => read(sysfs('state', number)).trim(),
    /** Puts a file into /lib/firmware and names it. */
    use(bytes: Uint8Array, number = 0): void {
      parts.install('test.elf', bytes);
      write(sysfs('firmware', number), 'test.elf');
    },
    start: (number = 0) => write(sysfs('state', number), 'start'),
    stop: (number = 0) => write(sysfs('state', number), 'stop'),
    /** Runs a call of the kernel to its end. */
    run<T>(work: Kernel<T>): T {
      const coroutine = scheduler.start('the test', undefined, work);
      scheduler.runUntil(() => coroutine.outcome !== undefined, 'the test');
      const { outcome } = coroutine;
      if (outcome === undefined) throw new Error('the call has not ended');
      if (!outcome.ok) throw outcome.error;
      return outcome.value;
    },
    /** Lets happen what is due now, and in the next milliseconds. */
    pass: (milliseconds = 1) => scheduler.runFor(milliseconds * 1e6),
    logged: (text: string) => system.log.lines.some((line) => line.text.includes(text)),
  };
}

export type Fixture = ReturnType<typeof bootRemoteproc>;

/** The name of the errno that a call throws. */
export function errnoOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    if (isErrno(error)) return error.code;
    throw error;
  }
  return undefined;
}
