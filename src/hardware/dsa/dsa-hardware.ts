/** The device: registers, queues, engines (8 of docs/reference/ims-dsa.md). */
import { IDXD_OP_FLAG_RCI } from '../../abi/uapi/index.ts';
import type { Ims } from '../../ims/index.ts';
import type { MessageTable } from '../../irq/index.ts';
import { type Kernel, type System, waitOn } from '../../kernel/index.ts';
import { Descriptor, type DeviceMemory, type DsaPort, type DsaPortal, dsaRegisters as regs } from '../../ports/dsa/index.ts';
import { DSA_CAPABILITIES, type DsaCapabilities, GRPCFG, resetRegisters, WQCFG, WQCFG_STRIDE } from './capabilities.ts';
import { Commands } from './commands.ts';
import { Engine, type SoftwareError } from './engine.ts';
import { type Work, WorkQueue } from './work-queue.ts';

export interface DsaHardwareDescription {
  readonly system: System;
  readonly name: string;
  readonly ims: Ims;
  /** MSI-X: entry 0 is for all but completions. */
  readonly msix: MessageTable;
  readonly capabilities?: DsaCapabilities;
}

const START_ns = 400;
const BYTES_PER_ns = 30;
const MISC = 0;

/** Engines of a group, and the queues that they serve in turn. */
export interface Group {
  readonly queues: readonly WorkQueue[];
  readonly engines: readonly number[];
}

export class DsaHardware implements DsaPort {
  readonly name: string;
  readonly queues: readonly WorkQueue[];
  readonly capabilities: DsaCapabilities;
  groups: readonly Group[] = [];
  readonly #system: System;
  readonly #msix: MessageTable;
  readonly #ims: Ims;
  readonly #registers: DataView;
  readonly #engine: Engine;
  readonly #commands: Commands;
  readonly #busy = new Set<number>();
  /** Where a group looks first for its next descriptor, so that queues of a priority take turns. */
  readonly #turns = new Map<Group, number>();

  constructor({ system, name, ims, msix, capabilities = DSA_CAPABILITIES }: DsaHardwareDescription) {
    this.#system = system;
    this.name = name;
    this.capabilities = capabilities;
    this.#ims = ims;
    this.#msix = msix;
    this.#registers = resetRegisters(capabilities, ims.settings.slots);
    const { buffer } = this.#registers;
    this.queues = Array.from(
      { length: capabilities.queues },
      (_, index) => new WorkQueue(index, new DataView(buffer, WQCFG + index * WQCFG_STRIDE, WQCFG_STRIDE)),
    );
    this.#engine = new Engine({ ims, onError: (error) => this.#report(error) });
    this.#commands = new Commands(this);
  }

  get isEnabled(): boolean {
    return (this.#registers.getUint32(regs.GENSTS, true) & 3) === regs.STATE_ENABLED;
  }

  setState(state: number): void {
    this.#registers.setUint32(regs.GENSTS, state, true);
  }

  /** A group's configuration. */
  groupConfig(group: number): DataView {
    return new DataView(this.#registers.buffer, GRPCFG + group * regs.GRPCFG_STRIDE, regs.GRPCFG_STRIDE);
  }

  read(offset: number): number {
    const index = this.#occupancyOf(offset);
    const value = this.#registers.getUint32(offset, true);
    return index === undefined ? value : (value | (this.queues[index] as WorkQueue).waiting.length) >>> 0;
  }

  write(offset: number, value: number): void {
    const registers = this.#registers;
    if (offset === regs.CMD) this.#start(value);
    else if (offset === regs.INTCAUSE) registers.setUint32(offset, registers.getUint32(offset, true) & ~value, true);
    else if (offset === regs.SWERR) {
      // Valid and overflow are cleared by a one; then the next error can be told.
      registers.setUint32(offset, (registers.getUint32(offset, true) & ~(value & 3)) >>> 0, true);
    } else if (offset === regs.GENCFG || offset === regs.GENCTRL || offset >= GRPCFG) registers.setUint32(offset, value, true);
  }

  enqueue(wq: number, portal: DsaPortal, descriptor: Uint8Array, memory: DeviceMemory): Work | undefined {
    const queue = this.queues[wq];
    if (queue === undefined || !queue.isEnabled || queue.isStopping || queue.isDedicated) return undefined;
    const room = portal === 'limited' ? queue.threshold : queue.size;
    if (queue.waiting.length >= room) return undefined;
    return this.#accept(queue, descriptor, memory, undefined);
  }

  store(wq: number, descriptor: Uint8Array, memory: DeviceMemory): Work | undefined {
    const queue = this.queues[wq];
    if (queue === undefined || !queue.isEnabled || queue.isStopping || !queue.isDedicated) return undefined;
    if (queue.waiting.length >= queue.size) return undefined;
    return this.#accept(queue, descriptor, memory, queue.pasid);
  }

  /** Work may have come, or an engine may have become free. */
  dispatch(): void {
    for (const group of this.groups) {
      for (const engine of group.engines) {
        if (this.#busy.has(engine)) continue;
        const work = this.#next(group);
        if (work === undefined) break;
        this.#busy.add(engine);
        this.#system.scheduler.spawn(`engine ${engine} of ${this.name}`, undefined, this.#serve(group, engine, work));
      }
    }
  }

  /** A descriptor is given up, as by an abort. */
  drop(work: Work): void {
    this.#finish(work);
  }

  /** Something happened that the driver wants to know. */
  raise(cause: number): void {
    const registers = this.#registers;
    registers.setUint32(regs.INTCAUSE, (registers.getUint32(regs.INTCAUSE, true) | cause) >>> 0, true);
    this.#msix.fire(MISC);
  }

  /** @param pasid of a dedicated queue; that of the descriptor when left out */
  #accept(queue: WorkQueue, bytes: Uint8Array, memory: DeviceMemory, pasid: number | undefined): Work {
    const descriptor = new Descriptor(bytes.slice());
    if (pasid !== undefined) descriptor.setPasid(pasid, false);
    const work = queue.add(descriptor, memory);
    if ((descriptor.flags & IDXD_OP_FLAG_RCI) !== 0) {
      work.vector = this.#ims.vectorFor(descriptor.interruptHandle, descriptor.pasid);
      if (work.vector !== undefined) work.vector.group.inFlight++;
    }
    this.dispatch();
    return work;
  }

  /** Of the queues with the highest priority that have something, each in its turn. */
  #next(group: Group): Work | undefined {
    const { queues } = group;
    const first = this.#turns.get(group) ?? 0;
    let best: WorkQueue | undefined;
    for (let step = 0; step < queues.length; step++) {
      const queue = queues[(first + step) % queues.length] as WorkQueue;
      if (queue.waiting.length > 0 && (best === undefined || queue.priority > best.priority)) best = queue;
    }
    const work = best?.waiting.shift();
    if (best === undefined || work === undefined) return undefined;
    best.underWay.add(work);
    this.#turns.set(group, (queues.indexOf(best) + 1) % queues.length);
    return work;
  }

  *#serve(group: Group, engine: number, first: Work): Kernel<void> {
    for (let work: Work | undefined = first; work !== undefined; work = this.groups.includes(group) ? this.#next(group) : undefined) {
      if (!work.memory.isBorrowed) yield* elapse(START_ns + Math.ceil(work.descriptor.size / BYTES_PER_ns));
      yield* this.#engine.execute(work);
      this.#finish(work);
    }
    this.#busy.delete(engine);
    this.dispatch();
  }

  #finish(work: Work): void {
    const { queue, vector } = work;
    queue.underWay.delete(work);
    if (vector !== undefined) vector.group.inFlight--;
    work.isDone = true;
    work.done.wakeAll();
    queue.changed.wakeAll();
  }

  #start(command: number): void {
    this.#registers.setUint32(regs.CMDSTS, regs.CMDSTS_ACTIVE, true);
    const { scheduler } = this.#system;
    scheduler.spawn(`a command of ${this.name}`, undefined, this.#command(command));
  }

  *#command(command: number): Kernel<void> {
    const status = yield* this.#commands.execute((command >>> regs.CMD_SHIFT) & 0x1f, command & 0xfffff);
    this.#registers.setUint32(regs.CMDSTS, status, true);
    if ((command & regs.CMD_INTERRUPT) !== 0) this.raise(regs.CAUSE_COMMAND);
  }

  /** The first error is kept until the driver has seen it; of others it only says that there were. */
  #report({ status, descriptor, work, faultAddress, isWrite, batchIndex }: SoftwareError): void {
    const registers = this.#registers;
    const before = registers.getUint32(regs.SWERR, true);
    if ((before & 1) !== 0) {
      registers.setUint32(regs.SWERR, (before | 2) >>> 0, true);
      return;
    }
    const bits = 1 | 4 | 8 | (batchIndex === undefined ? 0 : 0x10) | (isWrite ? 0x20 : 0);
    registers.setUint32(regs.SWERR, bits | ((status & 0x7f) << 8) | (work.queue.index << 16), true);
    registers.setUint32(regs.SWERR + 4, descriptor.opcode | (work.pasid << 8), true);
    registers.setUint32(regs.SWERR + 8, batchIndex ?? 0, true);
    registers.setUint32(regs.SWERR + 12, 0, true);
    registers.setBigUint64(regs.SWERR + 16, BigInt(faultAddress), true);
    if ((registers.getUint32(regs.GENCTRL, true) & regs.GENCTRL_SOFTERR) !== 0) this.raise(regs.CAUSE_ERROR);
  }

  #occupancyOf(offset: number): number | undefined {
    const at = offset - WQCFG - regs.WQCFG_STATE;
    const index = at / WQCFG_STRIDE;
    return at >= 0 && Number.isInteger(index) && index < this.queues.length ? index : undefined;
  }
}

function* elapse(duration_ns: number): Kernel<void> {
  yield waitOn([], { mode: 'uninterruptible', what: 'memory to be moved', timeout_ns: duration_ns });
}
