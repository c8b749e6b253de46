/** kernel/irq/msi.c: the messages of one device, static and added later. */
import { Errno } from '../../abi/index.ts';
import type { IrqDesc } from '../irq-desc.ts';
import type { MessageRouter } from './message-router.ts';
import { MsiDesc } from './msi-desc.ts';
import { MsiDomain, type MsiTemplate } from './msi-domain.ts';

/** Domains of a device, by number. */
export const MSI_DEFAULT_DOMAIN = 0;
export const MSI_SECONDARY_DOMAIN = 1;
/** Asks for the lowest free index. */
export const MSI_ANY_INDEX = 0xffffffff;
/** Indices that a domain without a limit has. */
const INDICES_MAX = 65536;

/** What an allocation gives: the index in the device, and the machine's number. */
export interface MsiMap {
  readonly index: number;
  readonly irq: number;
}

export interface MsiAllocation {
  /** {@link MSI_ANY_INDEX} when left out. */
  readonly index?: number;
  /** For the chip. */
  readonly cookie?: unknown;
  /** Which processors may get it; all that interrupts go to by default when left out. */
  readonly affinity?: readonly number[];
}

/** Invariant: an index is in `descs` exactly while its interrupt exists, and none below `lowestFree` is free. */
class Store {
  readonly domain: MsiDomain;
  readonly size: number;
  readonly descs = new Map<number, MsiDesc>();
  lowestFree = 0;

  constructor(domain: MsiDomain, size: number) {
    this.domain = domain;
    this.size = size;
  }
}

/** `struct msi_device_data`, and the device's identity for what takes its messages. */
export class MsiDevice {
  readonly router: MessageRouter;
  /** As names of domains and chips end. */
  readonly name: string;
  /** Bus, device and function. */
  readonly requester: number;
  readonly #stores: (Store | undefined)[] = [];

  constructor(router: MessageRouter, { name, requester }: { readonly name: string; readonly requester: number }) {
    this.router = router;
    this.name = name;
    this.requester = requester;
  }

  /**
   * msi_create_device_irq_domain.
   *
   * @param size how many messages the device can keep; without a limit when left out
   * @returns false when it has one of that number already
   */
  createDomain(id: number, template: MsiTemplate, size?: number): boolean {
    if (this.#stores[id] !== undefined) return false;
    this.#stores[id] = new Store(new MsiDomain(this, template, size), size ?? INDICES_MAX);
    return true;
  }

  /** msi_remove_device_irq_domain: its interrupts are freed; nobody may have requested them. */
  removeDomain(id: number): void {
    const store = this.#stores[id];
    if (store === undefined) return;
    for (const index of [...store.descs.keys()]) this.free(id, index);
    store.domain.domain.remove();
    this.#stores[id] = undefined;
  }

  domain(id: number): MsiDomain | undefined {
    return this.#stores[id]?.domain;
  }

  desc(id: number, index: number): MsiDesc | undefined {
    return this.#stores[id]?.descs.get(index);
  }

  /** How many interrupts a domain has. */
  count(id: number): number {
    return this.#stores[id]?.descs.size ?? 0;
  }

  /**
   * msi_domain_alloc_irq_at.
   *
   * @throws Errno ENODEV without such a domain; ERANGE for an index beyond it; EBUSY when the index is taken, or none is free; what
   *   the template's `prepare` says; ENOSPC for whatever fails above
   */
  allocate(id: number, { index = MSI_ANY_INDEX, cookie, affinity }: MsiAllocation = {}): MsiMap {
    const store = this.#store(id);
    const chosen = index === MSI_ANY_INDEX ? lowestFree(store) : index;
    if (chosen >= store.size) throw new Errno('ERANGE', `${store.domain.domain.name} has ${store.size} messages`);
    if (store.descs.has(chosen)) throw new Errno('EBUSY', `message ${chosen} of ${store.domain.domain.name} is taken`);
    const { template, domain } = store.domain;
    const desc = new MsiDesc(this, chosen, cookie);
    template.prepare?.(desc);
    try {
      desc.irq = domain.allocateIrqs(1, desc);
    } catch (error) {
      template.release?.(desc);
      if (error instanceof Errno) throw new Errno('ENOSPC', error.message);
      throw error;
    }
    store.descs.set(chosen, desc);
    if (chosen === store.lowestFree) store.lowestFree++;
    const { irqs } = this.router;
    if (affinity !== undefined) (irqs.get(desc.irq) as IrqDesc).affinity = affinity;
    return { index: chosen, irq: desc.irq };
  }

  /**
   * msi_domain_alloc_irqs_range: all of them or none.
   *
   * @throws Errno EINVAL when first is above last or last beyond the domain; as {@link allocate}
   */
  allocateRange(id: number, first: number, last: number): void {
    const store = this.#store(id);
    if (first > last || last >= store.size) throw new Errno('EINVAL', `${store.domain.domain.name} has no messages ${first} to ${last}`);
    for (let index = first; index <= last; index++) {
      try {
        this.allocate(id, { index });
      } catch (error) {
        for (let made = first; made < index; made++) this.free(id, made);
        throw error;
      }
    }
  }

  /** msi_domain_free_irqs_range, of one. Nobody may have requested it. Without one it does nothing. */
  free(id: number, index: number): void {
    const store = this.#stores[id];
    const desc = store?.descs.get(index);
    if (store === undefined || desc === undefined) return;
    store.domain.domain.freeIrqs(desc.irq, 1);
    store.descs.delete(index);
    store.lowestFree = Math.min(store.lowestFree, index);
    store.domain.template.release?.(desc);
  }

  #store(id: number): Store {
    const store = this.#stores[id];
    if (store === undefined) throw new Errno('ENODEV', `${this.name} has no domain ${id} for messages`);
    return store;
  }
}

/** @throws Errno EBUSY */
function lowestFree(store: Store): number {
  let index = store.lowestFree;
  while (store.descs.has(index)) index++;
  if (index >= store.size) throw new Errno('EBUSY', `all ${store.size} messages of ${store.domain.domain.name} are taken`);
  store.lowestFree = index;
  return index;
}
