/** A work queue of the device, and a descriptor in it. */
import type { ImsVector } from '../../ims/index.ts';
import { WaitQueue } from '../../kernel/index.ts';
import { type Descriptor, type DeviceMemory, type DsaWork, dsaRegisters as regs } from '../../ports/dsa/index.ts';

/** What a queue's configuration says of its descriptors. */
export interface QueueLimits {
  readonly blocksOnFault: boolean;
  /** Bytes, and descriptors. */
  readonly transferMax: number;
  readonly batchMax: number;
  allows(opcode: number): boolean;
}

/** A descriptor from its arrival until its completion record is written. */
export class Work implements DsaWork {
  readonly queue: WorkQueue;
  readonly descriptor: Descriptor;
  readonly memory: DeviceMemory;
  /** Where it stands among all of its queue. */
  readonly order: number;
  /** Whose interrupt it asks for. */
  vector: ImsVector | undefined;
  isDone = false;
  readonly done = new WaitQueue('a descriptor of a DSA');

  constructor(queue: WorkQueue, descriptor: Descriptor, memory: DeviceMemory, order: number) {
    this.queue = queue;
    this.descriptor = descriptor;
    this.memory = memory;
    this.order = order;
  }

  get pasid(): number {
    return this.descriptor.pasid;
  }
}

/**
 * A queue of the device. Its configuration is what the registers say, and is looked at when the queue is enabled.
 *
 * Invariant: `waiting` and `underWay` have no work in common; together they are what a drain waits for.
 */
export class WorkQueue implements QueueLimits {
  readonly index: number;
  isEnabled = false;
  /** Not taken on any more while a command stops the queue. */
  isStopping = false;
  isDedicated = false;
  size = 0;
  threshold = 0;
  priority = 0;
  pasid: number | undefined;
  blocksOnFault = false;
  transferMax = 0;
  batchMax = 0;
  waiting: Work[] = [];
  readonly underWay = new Set<Work>();
  /** Woken whenever a descriptor is done or dropped. */
  readonly changed: WaitQueue;
  readonly #config: DataView;
  #order = 0;

  /** @param config its WQCFG */
  constructor(index: number, config: DataView) {
    this.index = index;
    this.#config = config;
    this.changed = new WaitQueue(`work queue ${index}`);
  }

  /** Takes its configuration over. */
  configure(): void {
    const mode = this.#config.getUint32(regs.WQCFG_MODE, true);
    const limits = this.#config.getUint32(regs.WQCFG_LIMITS, true);
    this.size = this.#config.getUint16(regs.WQCFG_SIZE, true);
    this.threshold = this.#config.getUint16(regs.WQCFG_THRESHOLD, true);
    this.isDedicated = (mode & regs.WQ_DEDICATED) !== 0;
    this.blocksOnFault = (mode & regs.WQ_BLOCK_ON_FAULT) !== 0;
    this.priority = (mode >>> regs.WQ_PRIORITY_SHIFT) & 0xf;
    this.pasid = (mode & regs.WQ_PASID_ENABLE) === 0 ? undefined : (mode >>> regs.WQ_PASID_SHIFT) & 0xfffff;
    this.transferMax = 2 ** (limits & 0x1f);
    this.batchMax = 2 ** ((limits >>> 5) & 0xf);
  }

  setEnabled(isEnabled: boolean): void {
    this.isEnabled = isEnabled;
    this.isStopping = false;
    this.#config.setUint32(regs.WQCFG_STATE, isEnabled ? 0x40000000 : 0, true);
  }

  allows(opcode: number): boolean {
    return (this.#config.getUint8(regs.WQCFG_OPS + (opcode >> 3)) & (1 << (opcode & 7))) !== 0;
  }

  add(descriptor: Descriptor, memory: DeviceMemory): Work {
    const work = new Work(this, descriptor, memory, this.#order++);
    this.waiting.push(work);
    return work;
  }

  /** Whether nothing is left of a PASID, or of all, that came before some work. */
  isDrained(pasid?: number, before = Number.POSITIVE_INFINITY): boolean {
    const counts = (work: Work) => (pasid === undefined || work.pasid === pasid) && work.order < before;
    if (this.waiting.some(counts)) return false;
    for (const work of this.underWay) if (counts(work)) return false;
    return true;
  }
}
