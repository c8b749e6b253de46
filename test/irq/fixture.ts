import { type Board, boot } from '../../src/index.ts';
import {
  type IrqLine,
  irqs,
  MessageRouter,
  type MessageRouterOptions,
  MessageTable,
  MSI_DEFAULT_DOMAIN,
  MsiDevice,
  msixTemplate,
  showIrqDebugfs,
  WiredController,
  type WiredControllerDescription,
} from '../../src/irq/index.ts';

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
      return scheduler.complete('the test', work);
    },
    /** Lets everything happen that is due within so many nanoseconds. */
    pass: (ns: number) => scheduler.runFor(ns),
    cat(path: string): string {
      return machine.fs.readFileSync(path, 'latin1') as string;
    },
  };
}

/** bus 0x6a, device 1, function 0. */
export const REQUESTER = 0x6a08;

/** A PC with a PCI device that has an MSI-X table. */
export function bootMessages({
  cpus = 4,
  entries = 8,
  latches = true,
  ...routing
}: MessageRouterOptions & { cpus?: number; entries?: number; latches?: boolean } = {}) {
  const setup = bootIrqs({ cpus });
  const router = new MessageRouter(setup.all, routing);
  showIrqDebugfs(setup.all);
  const device = new MsiDevice(router, { name: '0000:6a:01.0', requester: REQUESTER });
  const table = new MessageTable(router, REQUESTER, { entries, latches });
  device.createDomain(MSI_DEFAULT_DOMAIN, msixTemplate(table), entries);
  return { ...setup, router, device, table };
}
