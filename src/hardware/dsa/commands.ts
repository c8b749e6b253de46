/** Commands that the driver gives by the register CMD: 8.2 of docs/reference/ims-dsa.md. */
import { type Kernel, wait } from '../../kernel/index.ts';
import { dsaRegisters as regs } from '../../ports/dsa/index.ts';
import type { DsaHardware, Group } from './dsa-hardware.ts';
import type { WorkQueue } from './work-queue.ts';

export class Commands {
  readonly #device: DsaHardware;

  constructor(device: DsaHardware) {
    this.#device = device;
  }

  /** @returns what CMDSTS says then */
  *execute(command: number, operand: number): Kernel<number> {
    const device = this.#device;
    switch (command) {
      case regs.ENABLE_DEVICE:
        return this.#enableDevice();
      case regs.DISABLE_DEVICE:
        if (!device.isEnabled) return regs.CMDSTS_STOP_DEV_NOT_ENABLED;
        for (const queue of device.queues) yield* stop(queue, true);
        return this.#disabled();
      case regs.RESET_DEVICE:
        for (const queue of device.queues) yield* this.#abort(queue);
        return this.#disabled();
      case regs.ENABLE_WQ:
        return this.#enableQueue(operand);
      case regs.DRAIN_ALL:
      case regs.ABORT_ALL:
        return yield* this.#each(device.queues, command === regs.ABORT_ALL);
      case regs.DRAIN_PASID:
      case regs.ABORT_PASID:
        return yield* this.#each(device.queues, command === regs.ABORT_PASID, operand);
      case regs.DISABLE_WQ:
      case regs.DRAIN_WQ:
      case regs.ABORT_WQ:
      case regs.RESET_WQ:
        return yield* this.#queues(command, operand);
      default:
        return regs.CMDSTS_BAD_COMMAND;
    }
  }

  *#queues(command: number, operand: number): Kernel<number> {
    const device = this.#device;
    const named = device.queues.filter(({ index }) => (operand & 0xffff & (1 << (index % 16))) !== 0 && operand >>> 16 === index >> 4);
    if (named.length === 0) return regs.CMDSTS_BAD_WQ;
    if (!device.isEnabled) return regs.CMDSTS_STOP_DEV_NOT_ENABLED;
    if (command !== regs.RESET_WQ && named.some(({ isEnabled }) => !isEnabled)) return regs.CMDSTS_STOP_WQ_NOT_ENABLED;
    for (const queue of named) {
      if (command === regs.DISABLE_WQ) yield* stop(queue, true);
      else if (command === regs.DRAIN_WQ) yield* stop(queue, false);
      else {
        yield* this.#abort(queue);
        if (command === regs.RESET_WQ) queue.setEnabled(false);
      }
    }
    return regs.CMDSTS_SUCCESS;
  }

  *#each(queues: readonly WorkQueue[], aborts: boolean, pasid?: number): Kernel<number> {
    if (!this.#device.isEnabled) return regs.CMDSTS_STOP_DEV_NOT_ENABLED;
    for (const queue of queues) {
      if (aborts) yield* this.#abort(queue, pasid);
      else yield* drained(queue, pasid);
    }
    return regs.CMDSTS_SUCCESS;
  }

  #enableDevice(): number {
    const device = this.#device;
    if (device.isEnabled) return regs.CMDSTS_DEV_NOT_DISABLED;
    for (const queue of device.queues) queue.configure();
    if (device.queues.reduce((sum, { size }) => sum + size, 0) > device.capabilities.totalSize) return regs.CMDSTS_WQ_SIZES;
    const groups: Group[] = [];
    const taken = { queues: 0, engines: 0 };
    for (let index = 0; index < device.capabilities.groups; index++) {
      const config = device.groupConfig(index);
      const [queues, engines] = [config.getUint32(0, true), config.getUint32(regs.GRPCFG_ENGINES, true)];
      if (queues === 0 && engines === 0) continue;
      if (queues === 0 || engines === 0) return regs.CMDSTS_GROUP_EMPTY;
      if ((taken.queues & queues) !== 0) return regs.CMDSTS_GROUP_WQ;
      if ((taken.engines & engines) !== 0) return regs.CMDSTS_GROUP_ENGINE;
      taken.queues |= queues;
      taken.engines |= engines;
      groups.push({ queues: device.queues.filter(({ index }) => (queues & (1 << index)) !== 0), engines: bitsOf(engines) });
    }
    device.groups = groups;
    device.setState(regs.STATE_ENABLED);
    return regs.CMDSTS_SUCCESS;
  }

  #disabled(): number {
    const device = this.#device;
    for (const queue of device.queues) queue.setEnabled(false);
    device.groups = [];
    device.setState(regs.STATE_DISABLED);
    return regs.CMDSTS_SUCCESS;
  }

  #enableQueue(index: number): number {
    const queue = this.#device.queues[index];
    if (queue === undefined) return regs.CMDSTS_BAD_WQ;
    if (!this.#device.isEnabled) return regs.CMDSTS_DEV_NOT_ENABLED;
    if (queue.isEnabled) return regs.CMDSTS_WQ_NOT_DISABLED;
    queue.configure();
    if (queue.size === 0) return regs.CMDSTS_WQ_SIZE;
    if (queue.priority === 0) return regs.CMDSTS_WQ_PRIORITY;
    const gencap = this.#device.read(regs.GENCAP);
    if (queue.blocksOnFault && (gencap & regs.GENCAP_BLOCK_ON_FAULT) === 0) return regs.CMDSTS_WQ_BOF;
    if (!queue.isDedicated && queue.pasid === undefined) return regs.CMDSTS_WQ_PASID;
    if (queue.batchMax > 2 ** ((gencap >>> 21) & 0xf)) return regs.CMDSTS_WQ_BATCH;
    if (queue.transferMax > 2 ** ((gencap >>> 16) & 0x1f)) return regs.CMDSTS_WQ_TRANSFER;
    queue.setEnabled(true);
    return regs.CMDSTS_SUCCESS;
  }

  /** What waits is dropped without a record; what engines have begun, they end. */
  *#abort(queue: WorkQueue, pasid?: number): Kernel<void> {
    const dropped = queue.waiting.filter((work) => pasid === undefined || work.pasid === pasid);
    queue.waiting = queue.waiting.filter((work) => !dropped.includes(work));
    for (const work of dropped) this.#device.drop(work);
    yield* drained(queue, pasid);
  }
}

/** Lets a queue run empty, and takes nothing on meanwhile. @param disables whether it stays so */
function* stop(queue: WorkQueue, disables: boolean): Kernel<void> {
  queue.isStopping = true;
  yield* drained(queue);
  queue.isStopping = false;
  if (disables) queue.setEnabled(false);
}

function* drained(queue: WorkQueue, pasid?: number): Kernel<void> {
  yield* wait(queue.changed, () => queue.isDrained(pasid), { mode: 'uninterruptible' });
}

function bitsOf(mask: number): number[] {
  return Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => (mask & (1 << bit)) !== 0);
}
