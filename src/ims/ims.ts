/**
 * Interrupts for the clients of a device, each with vectors of its own: the three designs of 2020 to 2022 over one core (5 and 11 of
 * docs/reference/ims-dsa.md).
 */
import { Errno } from '../abi/index.ts';
import { freeIrq, IRQ_HANDLED, IRQ_NONE, type IrqDesc, type Irqs, requestIrq, type Vector } from '../irq/index.ts';
import { type Kernel, wait } from '../kernel/index.ts';
import { type ImsClient, ImsGroup, ImsVector } from './group.ts';
import { ImsDevice, type ImsDeviceDescription } from './ims-device.ts';
import { DEFAULT_IMS_SETTINGS, IMS_MAX_NVEC, type ImsSettings } from './settings.ts';
import type { ImsStorage } from './storage.ts';

export interface ImsDescription extends ImsDeviceDescription {
  readonly irqs: Irqs;
  /** Where its store is in the device's registers, in bytes. */
  readonly offset?: number;
  /** What requests of interrupts are named before their place. */
  readonly actionName: string;
  readonly settings?: Partial<ImsSettings>;
}

/** Group 0: what the device's driver allocates at probe. */
export const STATIC_GROUP = 0;

/** Invariant: a group is in `groups` exactly while its vectors are allocated, and `next` is above every id that was ever given. */
export class Ims {
  readonly name: string;
  readonly settings: ImsSettings;
  readonly groups = new Map<number, ImsGroup>();
  /** Events that reached an eventfd, and descriptors that named a handle that is not theirs. */
  readonly counts = { delivered: 0, invalidHandles: 0 };
  readonly #description: ImsDescription;
  readonly #handles = new Map<number, ImsVector>();
  #device: ImsDevice;
  #next = 1;

  constructor(description: ImsDescription) {
    this.#description = description;
    this.name = description.name;
    this.settings = { ...DEFAULT_IMS_SETTINGS, ...description.settings };
    this.#device = new ImsDevice(description, this.settings);
  }

  get offset(): number {
    return this.#description.offset ?? 0;
  }

  get storage(): ImsStorage {
    return this.#device.storage;
  }

  /** Whether the machine has a unit that remaps. */
  get canRemap(): boolean {
    return this.#description.router.remapping !== undefined;
  }

  /** Whether messages of this device go through it. */
  get isRemapped(): boolean {
    return this.#device.isRemapped;
  }

  /** The id of the group that is allocated next. */
  get nextGroup(): number {
    return this.#next;
  }

  /** Vectors of all groups. */
  get inUse(): number {
    let sum = 0;
    for (const { vectors } of this.groups.values()) sum += vectors.length;
    return sum;
  }

  /** What the driver does at probe: the static vectors. @throws Errno ENOSYS, ENOSPC */
  *probe(): Kernel<void> {
    yield* this.#allocate(STATIC_GROUP, this.settings.staticVectors, { pid: 0, queue: 'static' });
  }

  /** The device goes: all groups are freed. */
  *remove(): Kernel<void> {
    for (const group of [...this.groups.values()]) yield* this.#free(group);
    this.#device.remove();
  }

  /**
   * Changes settings; the device is made anew by them.
   *
   * @throws Errno EBUSY while groups other than the static one exist; what {@link probe} says, with the settings changed
   */
  *configure(change: Partial<ImsSettings>): Kernel<void> {
    if ([...this.groups.keys()].some((id) => id !== STATIC_GROUP)) throw new Errno('EBUSY', 'groups exist');
    yield* this.remove();
    Object.assign(this.settings, change);
    this.#device = new ImsDevice(this.#description, this.settings);
    yield* this.probe();
  }

  /**
   * A group of vectors for a client, at any time.
   *
   * @throws Errno EINVAL for less than one or more than 2048 vectors, and for more than one by the policy of 2022; EBUSY in static
   *   mode; ENOSYS when remapping is required and there is none, EOPNOTSUPP by the policy of 2022; ENOSPC when entries of the device,
   *   of the remapping table, or vectors run out
   */
  *allocateGroup(nvec: number, client: ImsClient): Kernel<ImsGroup> {
    const { mode, policy } = this.settings;
    if (nvec < 1 || nvec > IMS_MAX_NVEC) throw new Errno('EINVAL', `${nvec} vectors are not between 1 and ${IMS_MAX_NVEC}`);
    this.#assertRemapping();
    if (mode === 'static') throw new Errno(this.groups.has(STATIC_GROUP) ? 'EBUSY' : 'EINVAL', 'the device got its vectors at probe');
    if (policy === '2022' && nvec !== 1) throw new Errno('EINVAL', 'one vector a call');
    return yield* this.#allocate(this.#next++, nvec, client);
  }

  /** @throws Errno EINVAL for group 0 and one that there is not; EBUSY while descriptors name its vectors */
  *freeGroup(id: number): Kernel<void> {
    const group = this.groups.get(id);
    if (group === undefined || id === STATIC_GROUP) throw new Errno('EINVAL', `group ${id} cannot be freed`);
    if (group.inFlight > 0) throw new Errno('EBUSY', `${group.inFlight} descriptors name vectors of group ${id}`);
    yield* this.#free(group);
  }

  /** Holds a vector's events back at the device, or lets them through. */
  *setMask(vector: ImsVector, isMasked: boolean): Kernel<void> {
    this.storage.setMask(vector.slot, isMasked);
    this.storage.sync?.(vector.slot);
    yield* this.#settle();
  }

  /** The number by which descriptors name a vector. */
  bindHandle(vector: ImsVector): number {
    vector.handle = vector.slot;
    this.#handles.set(vector.handle, vector);
    return vector.handle;
  }

  /** Descriptors that name it from now on are refused. */
  releaseHandle(vector: ImsVector): void {
    if (vector.handle !== undefined) this.#handles.delete(vector.handle);
    vector.handle = undefined;
  }

  /** The vector that a descriptor names. @returns undefined, and counts it, when it is not that client's */
  vectorFor(handle: number, pasid: number | undefined): ImsVector | undefined {
    const vector = this.#handles.get(handle);
    if (vector !== undefined && this.storage.entry(vector.slot).pasid === pasid) return vector;
    this.counts.invalidHandles++;
    return undefined;
  }

  /** The numbers of a vector on the levels above the device. */
  whereabouts({ irq }: ImsVector): { readonly hwirq: number; readonly target: Vector | undefined; readonly irte: number | undefined } {
    const { vectors, remapping } = this.#description.router;
    const { data } = this.#description.irqs.get(irq) as IrqDesc;
    return {
      hwirq: data.hwirq,
      target: vectors.target(vectors.domain.level(irq)),
      irte: this.isRemapped ? remapping?.indexOf(remapping.domain.level(irq)) : undefined,
    };
  }

  /**
   * The device fires an entry several times, for a test.
   *
   * @param isRaw whatever its mask and its PASID are
   */
  trigger(vector: ImsVector, count: number, { pasid, isRaw }: { readonly pasid: number | undefined; readonly isRaw: boolean }): void {
    const { message, pasid: owner } = this.storage.entry(vector.slot);
    if (!isRaw && owner !== pasid) {
      this.counts.invalidHandles += count;
      return;
    }
    for (let i = 0; i < count; i++) {
      if (isRaw) this.#device.send(message);
      else this.fire(vector);
    }
  }

  /** The device fires an entry. */
  fire(vector: ImsVector): void {
    this.storage.fire(vector.slot);
  }

  #assertRemapping(): void {
    if (this.settings.remapping !== 'require' || this.canRemap) return;
    throw new Errno(this.settings.policy === '2022' ? 'EOPNOTSUPP' : 'ENOSYS', 'the machine does not remap interrupts');
  }

  *#allocate(id: number, nvec: number, client: ImsClient): Kernel<ImsGroup> {
    this.#assertRemapping();
    const group = new ImsGroup(id, client);
    try {
      for (let index = 0; index < nvec; index++) this.#addVector(group, index);
    } catch (error) {
      yield* this.#free(group);
      throw error;
    }
    this.groups.set(id, group);
    yield* this.#settle();
    return group;
  }

  #addVector(group: ImsGroup, index: number): void {
    const { irqs, actionName } = this.#description;
    const { irq, index: slot } = this.#device.allocate(group.client.pasid);
    const vector = new ImsVector(group, index, { slot, irq });
    try {
      requestIrq(irqs, irq, {
        name: `${actionName}[${group.id}.${index}](${group.client.queue})`,
        devId: vector,
        handler: () => this.#handle(vector),
      });
    } catch (error) {
      this.#device.free(slot);
      throw error;
    }
    group.vectors.push(vector);
  }

  #handle(vector: ImsVector): number {
    vector.count++;
    if (vector.eventfd === undefined) return IRQ_NONE;
    this.counts.delivered++;
    vector.eventfd.signal();
    return IRQ_HANDLED;
  }

  *#free(group: ImsGroup): Kernel<void> {
    this.groups.delete(group.id);
    for (const vector of group.vectors) {
      this.releaseHandle(vector);
      // Nothing is sent any more, and what was sent is counted for the client before the vector goes.
      yield* this.setMask(vector, true);
      yield* this.#description.router.vectors.quiesce(vector.irq);
      yield* freeIrq(this.#description.irqs, vector.irq, vector);
      yield* this.#settle();
      this.#device.free(vector.slot);
      vector.eventfd?.put();
      vector.eventfd = undefined;
    }
  }

  /** Messages that came to no interrupt, and that the unit dropped: of all devices of the machine. */
  get losses(): { readonly spurious: number; readonly faults: number } {
    const { vectors, remapping } = this.#description.router;
    return { spurious: vectors.spurious, faults: [...(remapping?.faults.values() ?? [])].reduce((sum, count) => sum + count, 0) };
  }

  /** Waits until the device has read what was written. */
  *#settle(): Kernel<void> {
    const { settled } = this.storage;
    if (this.storage.underWay > 0) yield* wait(settled, () => this.storage.underWay === 0, { mode: 'uninterruptible' });
  }
}
