/** Lets every use of every service of the kernel fail once, one in each run of a scenario, and looks at what is left. */
import type { Sys } from '../../src/doors/in-process/index.ts';
import { type Board, type BootedMachine, boot, Errno, type ErrnoName, type FaultService } from '../../src/index.ts';
import { FAULT_SERVICES, type FdTable, type Task } from '../../src/kernel/index.ts';

/** What programs do, on a machine of its own. */
export interface Scenario {
  readonly name: string;
  /** The default board when left out. */
  readonly board?: () => Board;
  /** Runs twice on each machine. @returns what the second run must find again */
  readonly run: (sys: Sys<'sync'>, machine: BootedMachine) => unknown;
  /** Errors other than those of the service that Linux makes of its failure in this scenario. */
  readonly errors?: Partial<Record<FaultService, readonly ErrnoName[]>>;
}

/** One run with one failure. */
export interface Failure {
  readonly service: FaultService;
  readonly nth: number;
  /** What the program was told; undefined when it did not notice. */
  readonly error: string | undefined;
  /** What is wrong, in words. */
  readonly problems: readonly string[];
}

const mainTask = (machine: BootedMachine): Task => machine.system.tasks.get(1) as Task;

/** What the end of a program does: its descriptors are closed, its memory is unmapped; and what hardware still does comes to its end. */
function end(machine: BootedMachine): void {
  const { files, space } = mainTask(machine);
  for (const [fd] of [...(files as FdTable).entries()]) machine.sys.close(fd);
  space?.clear();
  machine.system.scheduler.settle();
}

const bootFor = ({ board }: Scenario) => boot(board?.(), { stacks: true });

/** @returns how often a clean run uses each service, and its result */
function cleanRun(scenario: Scenario): { readonly uses: ReadonlyMap<FaultService, number>; readonly result: unknown } {
  const machine = bootFor(scenario);
  machine.faults.count();
  const result = scenario.run(machine.sys, machine);
  const uses = new Map(machine.faults.uses);
  end(machine);
  machine.shutdown();
  return { uses, result };
}

const messageOf = (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error));

function failingRun(scenario: Scenario, service: FaultService, nth: number, expected: unknown): Failure {
  const problems: string[] = [];
  const machine = bootFor(scenario);
  const before = machine.system.ledger.count();
  const free = machine.ram.freeBytes;
  machine.faults.add({ service, nth });
  let error: string | undefined;
  try {
    scenario.run(machine.sys, machine);
  } catch (thrown) {
    if (thrown instanceof Errno) error = thrown.code;
    else problems.push(`it threw ${messageOf(thrown)}`);
  }
  const allowed: readonly string[] = [...FAULT_SERVICES[service], ...(scenario.errors?.[service] ?? [])];
  if (machine.faults.hits.length !== 1) problems.push(`${machine.faults.hits.length} uses failed`);
  if (error !== undefined && !allowed.includes(error)) problems.push(`the program was told ${error}`);
  try {
    end(machine);
    if (machine.system.ledger.count() !== before) problems.push(`left: ${machine.system.ledger.list().slice(before).join('; ')}`);
    if (machine.ram.freeBytes !== free) problems.push(`${free - machine.ram.freeBytes} bytes of RAM are lost`);
    machine.faults.clear();
    const again = JSON.stringify(scenario.run(machine.sys, machine));
    if (again !== JSON.stringify(expected)) problems.push(`afterwards it answers ${again}`);
    end(machine);
    machine.shutdown();
  } catch (thrown) {
    problems.push(`afterwards: ${messageOf(thrown)}`);
  }
  const what = machine.faults.hits[0]?.text;
  return { service, nth, error, problems: problems.map((problem) => `${what}: ${problem}`) };
}

/** All runs of a scenario with one failure each. */
export function sweep(scenario: Scenario): readonly Failure[] {
  const { uses, result } = cleanRun(scenario);
  const failures: Failure[] = [];
  for (const [service, count] of uses) for (let nth = 1; nth <= count; nth++) failures.push(failingRun(scenario, service, nth, result));
  return failures;
}
