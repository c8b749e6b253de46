/** Where platforms get the memory of their regions from. Section 26.2 of docs/reference/remoteproc.md. */
import { Errno } from '../../abi/index.ts';
import type { MemoryRange, System, Tracked } from '../../kernel/index.ts';
import { allocateCoherent, type CoherentPool, type GenPool } from '../../memory/index.ts';
import { FW_RSC_ADDR_ANY } from '../../ports/remoteproc/index.ts';
import { provideCoherent, withdrawCoherent } from './carveouts.ts';
import { KernelAddress, takeVirtual } from './kernel-address.ts';
import { MemEntry } from './mem-entry.ts';
import type { Rproc } from './rproc.ts';

export type Provider =
  /** The DMA API of the parent. */
  | { readonly kind: 'coherent' }
  /** Memory that was declared for the device. */
  | { readonly kind: 'coherent-pool'; readonly pool: CoherentPool }
  /** Device memory at a fixed place. `strict` memory wants I/O accessors, and says so when they are not used. */
  | { readonly kind: 'ioremap'; readonly physical: number; readonly mapping?: 'write-combined' | 'strict' }
  /** Not mapped: the virtio device gets the parent's region of that number. */
  | { readonly kind: 'resmem'; readonly index: number }
  /** SRAM from an allocator. `toDevice` says where the processor has it. */
  | { readonly kind: 'genpool'; readonly pool: GenPool; readonly toDevice: (physical: number) => number }
  | {
      readonly kind: 'custom';
      readonly alloc: (rproc: Rproc, entry: MemEntry) => void;
      readonly release: (rproc: Rproc, entry: MemEntry) => void;
    };

/** A region that a platform registers. */
export interface RegionProfile {
  readonly name: string;
  /** In bytes. */
  readonly len: number;
  /** For the processor; the host chooses when left out. */
  readonly da?: number;
  readonly provider: Provider;
  /** When its memory comes; `boot` when left out. */
  readonly at?: 'registration' | 'boot';
}

/** What ioremap gave. */
class Mapping implements Tracked {
  readonly kind = 'object';
  readonly address: KernelAddress;
  readonly #system: System;
  readonly #physical: number;

  /** @throws Errno ENOMEM when nothing is there */
  constructor(system: System, physical: number, length: number, resolve: (physical: number) => MemoryRange | undefined, isStrict: boolean) {
    system.kmalloc('struct vm_struct');
    const range = resolve(physical);
    if (range === undefined || range.length < length)
      throw new Errno('ENOMEM', `Unable to map memory region: 0x${physical.toString(16)}+${length.toString(16)}`);
    this.#system = system;
    this.#physical = physical;
    const whole = { memory: range.memory, offset: range.offset, length };
    this.address = new KernelAddress(system, { virtual: takeVirtual(system, length), physical, range: whole, isStrict });
    system.ledger.add(this);
  }

  unmap(): void {
    this.#system.ledger.remove(this);
  }

  describe(): string {
    return `ioremap of ${this.address.length} bytes at 0x${this.#physical.toString(16)}`;
  }
}

/** Maps device memory: ioremap, ioremap_wc. @returns what to unmap @throws Errno ENOMEM */
export const ioremap = (rproc: Rproc, physical: number, length: number, isStrict: boolean): { address: KernelAddress; unmap(): void } =>
  new Mapping(rproc.system, physical, length, (address) => rproc.resolve(address), isStrict);

type Memory = Pick<MemEntry, 'alloc' | 'release'>;

function memoryOf(provider: Provider): Memory {
  switch (provider.kind) {
    case 'coherent':
    case 'coherent-pool':
      return {
        alloc(rproc, entry) {
          const { dma, cma } = rproc.parent;
          const memory = provider.kind === 'coherent' ? allocateCoherent(dma, cma, entry.len) : provider.pool.allocate(entry.len);
          if (entry.da === FW_RSC_ADDR_ANY) entry.da = memory.busAddress % 2 ** 32;
          provideCoherent(rproc, entry, memory);
        },
        release: (_rproc, entry) => withdrawCoherent(entry),
      };
    case 'ioremap':
      return {
        alloc(rproc, entry) {
          const mapping = ioremap(rproc, provider.physical, entry.len, provider.mapping === 'strict');
          entry.va = mapping.address;
          entry.isIomem = provider.mapping === 'strict';
          entry.priv = mapping;
        },
        release(_rproc, entry) {
          entry.va = undefined;
          (entry.priv as Mapping).unmap();
        },
      };
    case 'genpool':
      return {
        alloc(rproc, entry) {
          const physical = provider.pool.allocate(entry.len);
          if (physical === undefined) throw new Errno('ENOMEM', `the pool has no ${entry.len} bytes in a row`);
          const range = rproc.resolve(physical);
          if (range === undefined || range.length < entry.len) {
            provider.pool.free(physical);
            throw new Errno('ENOMEM', `nothing is at 0x${physical.toString(16)}`);
          }
          const virtual = takeVirtual(rproc.system, entry.len);
          entry.va = new KernelAddress(rproc.system, { virtual, physical, range: { ...range, length: entry.len }, isStrict: false });
          entry.dma = physical;
          if (entry.da === FW_RSC_ADDR_ANY) entry.da = provider.toDevice(physical);
          entry.priv = physical;
        },
        release(_rproc, entry) {
          entry.va = undefined;
          provider.pool.free(entry.priv as number);
        },
      };
    case 'custom':
      return { alloc: provider.alloc, release: provider.release };
    case 'resmem':
      return { alloc: undefined, release: undefined };
  }
}

/**
 * An entry for the list.
 *
 * @throws Errno what its allocation says, when that is to be now
 */
export function entryOf(rproc: Rproc, { name, len, da = FW_RSC_ADDR_ANY, provider, at = 'boot' }: RegionProfile): MemEntry {
  const { alloc, release } = memoryOf(provider);
  const isNow = at === 'registration' && alloc !== undefined;
  const entry = new MemEntry({
    name,
    len,
    da,
    provider: provider.kind,
    alloc: isNow ? undefined : alloc,
    release,
    ...(provider.kind === 'ioremap' ? { dma: provider.physical } : {}),
    ...(provider.kind === 'resmem' ? { ofResmIdx: provider.index } : {}),
  });
  if (provider.kind === 'ioremap') entry.providedPhysical = provider.physical;
  if (provider.kind === 'resmem') entry.providedPhysical = rproc.parent.reservedPool?.(provider.index)?.physical;
  if (isNow) alloc(rproc, entry);
  return entry;
}
