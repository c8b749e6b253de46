import { type Board, boot } from '../../src/index.ts';
import { type IrqLine, irqs, WiredController, type WiredControllerDescription } from '../../src/irq/index.ts';

/** Hardware with one interrupt: its line is high while bits of its status are set, and a driver clears them. */
export class Doorbell {
  status = 0;
  readonly #line: IrqLine;

  constructor(line: IrqLine) {
    this.#line = line;
  }

  ring(bits: number): void {
    this.status |= bits;
    this.#line.raise();
  }

  /** A register that reads what is set and clears it. */
  take(): number {
    const bits = this.status;
    this.status = 0;
    this.#line.lower();
    return bits;
  }
}

/** A machine with one interrupt controller. */
export function bootIrqs({ cpus = 1, ...controller }: Partial<WiredControllerDescription> & { readonly cpus?: number } = {}) {
  const board: Board = { name: 'irqs', description: 'a machine with wired interrupts', cpus, setUp() {} };
  const machine = boot(board);
  const all = irqs(machine.system);
  const intc = new WiredController(all, { name: 'INTC', lines: 32, ...controller });
  const { scheduler } = machine.system;
  return {
    machine,
    all,
    intc,
    /** Runs work of the kernel to its end. */
    run<T>(work: Generator<any, T, any>): T {
      const coroutine = scheduler.spawn('the test', undefined, work);
      scheduler.runUntil(() => coroutine.state === 'ended', 'the test');
      if (coroutine.outcome?.ok !== true) throw coroutine.outcome?.error;
      return coroutine.outcome.value;
    },
    /** Lets everything happen that is due within so many nanoseconds. */
    pass: (ns: number) => scheduler.runFor(ns),
    cat(path: string): string {
      return machine.fs.readFileSync(path, 'latin1') as string;
    },
  };
}
