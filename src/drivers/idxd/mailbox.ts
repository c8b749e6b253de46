/** drivers/dma/idxd/device.c and irq.c: commands to the device, and what it says by its first interrupt. */
import { freeIrq, IRQ_HANDLED, IRQ_NONE, IRQF_ONESHOT, type Irqs, requestIrq } from '../../irq/index.ts';
import { type Kernel, Mutex, type System, WaitQueue, wait } from '../../kernel/index.ts';
import { type DsaPort, dsaRegisters as regs } from '../../ports/dsa/index.ts';

/** One command at a time, and errors of software as the device reports them. */
export class Mailbox {
  readonly port: DsaPort;
  /** A copy of SWERR, kept until the device is reset. */
  softwareError = new Uint32Array(regs.SWERR_WORDS);
  /** Woken when that changes: readers of `poll`. Given the queue that it is about, or none. */
  onError: ((queue: number | undefined) => void) | undefined;
  readonly #system: System;
  readonly #name: string;
  readonly #lock: Mutex;
  readonly #done: WaitQueue;
  #isBusy = false;

  constructor(system: System, port: DsaPort, name: string) {
    this.#system = system;
    this.port = port;
    this.#name = name;
    this.#lock = new Mutex(`the commands of ${name}`, system.lockdep.lockClass('idxd->cmd_lock'));
    this.#done = new WaitQueue(`a command of ${name}`);
  }

  /** Vector 0. @returns gives it back */
  listen(irqs: Irqs, irq: number): () => Kernel<void> {
    requestIrq(irqs, irq, { name: 'idxd-misc', thread: () => this.#miscThread(), flags: IRQF_ONESHOT, devId: this });
    this.port.write(regs.GENCTRL, regs.GENCTRL_SOFTERR | regs.GENCTRL_HALT);
    return () => freeIrq(irqs, irq, this);
  }

  /** idxd_cmd_exec. @returns the error that the device says, 0 for none */
  *execute(command: number, operand: number): Kernel<number> {
    yield* this.#lock.lock();
    this.#isBusy = true;
    this.port.write(regs.CMD, ((command << regs.CMD_SHIFT) | operand | regs.CMD_INTERRUPT) >>> 0);
    yield* wait(this.#done, () => !this.#isBusy, { mode: 'uninterruptible' });
    const status = this.port.read(regs.CMDSTS) & 0xff;
    this.#lock.unlock();
    return status;
  }

  clearError(): void {
    this.softwareError = new Uint32Array(regs.SWERR_WORDS);
  }

  /** idxd_misc_thread. */
  *#miscThread(): Kernel<number> {
    const { port } = this;
    const cause = port.read(regs.INTCAUSE);
    if (cause === 0) return IRQ_NONE;
    port.write(regs.INTCAUSE, cause);
    if ((cause & regs.CAUSE_ERROR) !== 0) this.#takeError();
    if ((cause & regs.CAUSE_COMMAND) !== 0) {
      this.#isBusy = false;
      this.#done.wakeAll();
    }
    return IRQ_HANDLED;
  }

  #takeError(): void {
    const { port } = this;
    const words = this.softwareError.map((_, index) => port.read(regs.SWERR + 4 * index));
    port.write(regs.SWERR, (words[0] as number) & 3);
    this.softwareError = words;
    const first = words[0] as number;
    this.onError?.((first & 8) === 0 ? undefined : (first >>> 16) & 0xff);
    for (let at = 0; at < 4; at++) {
      const [low, high] = [words[2 * at] as number, words[2 * at + 1] as number];
      const text = ((BigInt(high) << 32n) | BigInt(low)).toString(16).padStart(16, '0');
      this.#system.log.print('warn', `idxd ${this.#name}: err[${at}]: 0x${text}`);
    }
  }
}
