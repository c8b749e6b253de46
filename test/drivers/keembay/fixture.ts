import { afterEach, expect } from 'vitest';
import { isErrno } from '../../../src/abi/index.ts';
import { type KeembayOptions, keembay } from '../../../src/boards/index.ts';
import { RECV_FOREVER } from '../../../src/drivers/keembay-ipc/index.ts';
import { idle } from '../../../src/hardware/keembay/index.ts';
import { type BootedMachine, boot, type Kernel, type MachineOptions } from '../../../src/index.ts';
import type { Coroutine } from '../../../src/kernel/index.ts';

export const VPU = 1;
export const LOCAL = 0x84000000;
export const REMOTE = 0x84010000;

const booted = new Set<BootedMachine>();
/** Before the end of the test, for those who boot many. */
export function shutDown(machine: BootedMachine): void {
  booted.delete(machine);
  machine.shutdown();
}

afterEach(() => {
  for (const machine of booted) shutDown(machine);
});

/** A board whose firmware does nothing by itself, unless said otherwise; it is shut down after the test, and must be clean. */
export function bootKeembay(options: KeembayOptions = {}, machineOptions: MachineOptions = {}) {
  const board = keembay({ firmware: idle, ...options });
  const machine = boot(board, machineOptions);
  booted.add(machine);
  const { parts } = board;
  const { scheduler } = machine.system;
  const start = <T>(work: Kernel<T>): Coroutine<T> => scheduler.start('the test', undefined, work);
  return {
    machine,
    ...parts,
    start,
    /** Runs a call of the kernel to its end, as far as time must go. @returns what it returned @throws what it threw */
    run<T>(work: Kernel<T>): T {
      const coroutine = start(work);
      scheduler.runUntil(() => coroutine.outcome !== undefined, 'the test');
      return resultOf(coroutine);
    },
    /** Lets time go on, and everything happen that is due. */
    pass: (duration_ns: number) => scheduler.runFor(duration_ns),
    send: (chan: number, vpuAddr = 0, size = 0n) => parts.ipc.send(VPU, chan, vpuAddr, size),
    *recv(chan: number, timeout_ms = RECV_FOREVER) {
      const into: { message?: { vpuAddr: number; size: number } } = {};
      yield* parts.ipc.recv(VPU, chan, into, timeout_ms);
      return into.message;
    },
  };
}

export function resultOf<T>(coroutine: Coroutine<T>): T {
  const { outcome } = coroutine;
  if (outcome === undefined) throw new Error('the call has not ended');
  if (!outcome.ok) throw outcome.error;
  return outcome.value;
}

/** The name of the errno that a call throws. */
export function errnoOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (isErrno(error)) return error.code;
    throw error;
  }
  return expect.fail('the call succeeded');
}

export const rulesOf = (machine: BootedMachine): string[] => machine.system.findings.all.map(({ rule }) => rule);
