import type { IrqLine } from '../../irq/index.ts';
import type { ScheduledEvent, System } from '../../kernel/index.ts';
import {
  ENTRY_MAGIC,
  entry_block,
  FAULT_FATAL,
  FAULT_MMU,
  FAULT_WATCHDOG,
  type RemoteProcessorRegisters,
} from '../../ports/remoteproc/index.ts';
import { BusFault, type RemoteBus } from './bus.ts';
import { FirmwareCpu, type FirmwareProgram, Halted } from './program.ts';

type Output = Pick<IrqLine, 'raise' | 'lower'>;

export interface RemoteProcessorDescription {
  readonly system: System;
  readonly name: string;
  readonly bus: RemoteBus;
  /** What its loaded bytes may stand for, by the name in their entry block. */
  readonly programs: Readonly<Record<string, FirmwareProgram>>;
  readonly mailbox: Output;
  readonly fault: Output;
  /** From reset to the first instruction, in virtual nanoseconds; 10 µs when left out. */
  readonly startUp_ns?: number;
  /** From a ring to whom it is for, in virtual nanoseconds; 500 when left out. */
  readonly latency_ns?: number;
}

const START_UP_NS = 10_000;
const LATENCY_NS = 500;

/**
 * A remote processor: it runs what its host has loaded into memory, as far as it sees that, until it is reset, hangs or crashes.
 *
 * Invariants: the mailbox's line is high exactly while a bit of its status is set, the fault's likewise; a program runs exactly from
 * leaving reset until reset or a fault.
 */
export class RemoteProcessor implements RemoteProcessorRegisters {
  readonly name: string;
  readonly bus: RemoteBus;
  readonly #description: RemoteProcessorDescription;
  #bootAddress = 0n;
  #isHeld = true;
  #starting: ScheduledEvent | undefined;
  #watchdog: ScheduledEvent | undefined;
  #cpu: FirmwareCpu | undefined;
  #mailboxStatus = 0;
  #faultStatus = 0;
  /** Rings that came before a program was there to hear them. */
  #unheard = 0;
  /** How often it left reset. */
  starts = 0;

  constructor(description: RemoteProcessorDescription) {
    this.#description = description;
    this.name = description.name;
    this.bus = description.bus;
  }

  writeBootAddress(address: bigint): void {
    this.#bootAddress = address;
  }

  writeReset(isHeld: boolean): void {
    if (isHeld === this.#isHeld) return;
    this.#isHeld = isHeld;
    if (isHeld) {
      this.#halt();
      this.#mailboxStatus = 0;
      this.#description.mailbox.lower();
      this.writeFaultClear(FAULT_MMU | FAULT_WATCHDOG | FAULT_FATAL);
      return;
    }
    this.starts++;
    const { system, startUp_ns = START_UP_NS } = this.#description;
    this.#starting = system.clock.schedule(startUp_ns, `${this.name} starts`, () => this.#start());
  }

  get isRunning(): boolean {
    return !this.#isHeld;
  }

  writeDoorbell(bits: number): void {
    const { system, latency_ns = LATENCY_NS } = this.#description;
    const { starts } = this;
    system.clock.schedule(latency_ns, `a ring for ${this.name}`, () => {
      if (this.#isHeld || this.starts !== starts) return;
      if (this.#cpu === undefined) this.#unheard = (this.#unheard | bits) >>> 0;
      else this.#cpu.rang(bits);
    });
  }

  readMailboxStatus(): number {
    return this.#mailboxStatus;
  }

  writeMailboxClear(bits: number): void {
    this.#mailboxStatus = (this.#mailboxStatus & ~bits) >>> 0;
    if (this.#mailboxStatus === 0) this.#description.mailbox.lower();
  }

  readFaultStatus(): number {
    return this.#faultStatus;
  }

  writeFaultClear(bits: number): void {
    this.#faultStatus &= ~bits;
    if (this.#faultStatus === 0) this.#description.fault.lower();
  }

  /** It stops with a fault, whatever it was doing: for whoever wants to see it crash. @param fault one of FAULT_ */
  crash(fault: number): void {
    if (this.#isHeld) return;
    this.#halt();
    this.#raiseFault(fault);
  }

  #start(): void {
    this.#starting = undefined;
    const { system, programs } = this.#description;
    try {
      const entry = entry_block.decode(new DataView(this.bus.read(Number(this.#bootAddress), entry_block.size).buffer), 0);
      const program = entry.magic === ENTRY_MAGIC ? programs[entry.name] : undefined;
      if (program === undefined) throw new Error('no instruction that it knows');
      const cpu: FirmwareCpu = new FirmwareCpu({
        bus: this.bus,
        system,
        entry,
        ring: (bits) => this.#ring(cpu, bits),
        pet: () => this.#pet(cpu),
      });
      this.#cpu = cpu;
      if (this.#unheard !== 0) cpu.rang(this.#unheard);
      this.#unheard = 0;
      const run = program(cpu);
      system.scheduler.spawn(this.name, undefined, run, (outcome) => {
        // A program that ends has nothing to go on with: the processor waits for reset.
        if (!outcome.ok && !(outcome.error instanceof Halted)) this.#failed(outcome.error, cpu);
      });
    } catch (error) {
      this.#failed(error, undefined);
    }
  }

  /** What a program did not catch. */
  #failed(error: unknown, cpu: FirmwareCpu | undefined): void {
    if (this.#cpu !== cpu) return;
    this.#halt();
    this.#description.system.log.print('debug', `${this.name}: ${error}`);
    if (!(error instanceof BusFault)) this.#raiseFault(FAULT_FATAL);
    else if (!error.isTold) this.#raiseFault(FAULT_MMU);
  }

  #halt(): void {
    this.#starting?.cancel();
    this.#starting = undefined;
    this.#watchdog?.cancel();
    this.#watchdog = undefined;
    this.#cpu?.halt();
    this.#cpu = undefined;
    this.#unheard = 0;
  }

  #raiseFault(fault: number): void {
    this.#faultStatus |= fault;
    this.#description.fault.raise();
  }

  #ring(cpu: FirmwareCpu, bits: number): void {
    const { system, mailbox, latency_ns = LATENCY_NS } = this.#description;
    system.clock.schedule(latency_ns, `${this.name} rings`, () => {
      if (cpu.isHalted) return;
      this.#mailboxStatus = (this.#mailboxStatus | bits) >>> 0;
      mailbox.raise();
    });
  }

  /** The first time starts the watchdog. */
  #pet(cpu: FirmwareCpu): void {
    this.#watchdog?.cancel();
    const timeout_ns = cpu.number('watchdog_ns', 1e9);
    this.#watchdog = this.#description.system.clock.schedule(timeout_ns, `watchdog of ${this.name}`, () => this.crash(FAULT_WATCHDOG));
  }
}
