import type { FirmwareProgram } from './program.ts';

/** An address that no processor here has. */
const NOWHERE = 0xdead0000;

/**
 * Counts in its trace, and crashes.
 *
 * Options: `after_ns`, when; `lines`, how many it prints until then; `how`: `bus` reads where nothing is, `fatal` gives up, `hang` stops
 * feeding the watchdog, whose time is `watchdog_ns`, and `never` only counts.
 */
export const traceAndCrash: FirmwareProgram = function* (cpu) {
  const after_ns = cpu.number('after_ns', 50e6);
  const lines = Math.max(1, cpu.number('lines', 5));
  const how = cpu.option('how') ?? 'fatal';
  if (how === 'hang') cpu.pet();
  for (let line = 1; line <= lines; line++) {
    cpu.trace.print(`line ${line} of ${lines}`);
    yield* cpu.sleep(after_ns / lines);
    if (how === 'hang' && line < lines) cpu.pet();
  }
  cpu.trace.print(`now: ${how}`);
  if (how === 'bus') cpu.bus.read(NOWHERE, 4);
  if (how === 'fatal') throw new Error('it gave up');
  yield* cpu.hang();
};
