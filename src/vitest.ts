/** Vitest tests with a machine each: `import { test } from 'ioctopus/vitest'`. */
import { test as plain } from 'vitest';
import { generic } from './boards/index.ts';
import { type BootedMachine, boot } from './doors/boot.ts';
import type { Board, MachineOptions } from './machine/index.ts';

/**
 * Makes a `test` whose context has a `machine`, booted for that test alone. A test that leaves a file open, memory mapped, a buffer, a
 * fence or a task behind fails, with the call that made it and where in the test that was; so does one that breaks a rule of the
 * real kernel.
 */
export function machineTest(board: () => Board = generic, options: MachineOptions = {}) {
  return plain.extend<{ machine: BootedMachine }>({
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads the names of wanted fixtures from this pattern
    machine: async ({}, use) => {
      const machine = boot(board(), { stacks: true, history: true, ...options });
      await use(machine);
      machine.shutdown();
    },
  });
}

/** A test on the default board. */
export const test = machineTest();

export { afterAll, afterEach, beforeAll, beforeEach, describe, expect, vi } from 'vitest';
