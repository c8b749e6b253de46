import type { MemoryObject, MemoryRange, Random, ScheduledEvent, System } from '../../kernel/index.ts';
import type { CacheMaintenance, CacheModel } from '../cache-model.ts';
import type { DmaDevice } from '../dma-device.ts';
import type { DmaDirection } from '../dma-direction.ts';
import { CachedMemory } from './cached-memory.ts';
import { type Eviction, makeEvictor } from './eviction.ts';
import { History } from './history.ts';
import type { Lines } from './lines.ts';
import { PrivateCache } from './private-cache.ts';
import { Reporter, type Reports, Trouble } from './reports.ts';

export interface NonCoherentOptions {
  /** Of the CPU's caches and of devices', in bytes; 64 when left out. */
  readonly lineSize?: number;
  /** `off` when left out. */
  readonly eviction?: Eviction;
  /** `findings` when left out. */
  readonly reports?: Reports;
}

/** A device whose accesses pass the CPU's caches by. */
export const isNonCoherent = (device: DmaDevice) => !device.snoopsCpu || device.noSnoopUsed;

/** Longest time until a cache that was touched loses lines on its own, in nanoseconds. */
const EVICTION_DELAY_MAX_ns = 1_000_000;

/** One memory object, with what is needed to explain it. */
interface Modelled {
  readonly cached: CachedMemory;
  readonly history: History;
  readonly reporter: Reporter;
  readonly all: Lines;
  /** For how many devices it is mapped, counted by runs. */
  mappings: number;
  eviction: ScheduledEvent | undefined;
  /** Lines that the CPU had not seen when the last mapping went, and in which call that was. */
  unsynced: { readonly moment: string; readonly lines: Trouble } | undefined;
}

/**
 * CPU caches that some devices do not look into. Memory is modelled as two from the moment when a device comes near that may leave them
 * different; memory that the CPU maps uncached stays one.
 *
 * A sync for the device writes dirty lines back in any direction, as arm64 does; a sync for the CPU drops clean lines unless the
 * device only read.
 */
export class NonCoherentCaches implements CacheModel {
  readonly #system: System;
  readonly #lineSize: number;
  readonly #reports: Reports;
  readonly #random: Random;
  readonly #loses: (() => boolean) | undefined;
  readonly #modelled = new WeakMap<MemoryObject, Modelled>();
  readonly #uncached = new WeakSet<MemoryObject>();
  readonly #labels = new WeakMap<MemoryObject, () => string>();
  readonly #privateCaches = new Map<DmaDevice, PrivateCache>();

  constructor(system: System, options: NonCoherentOptions = {}) {
    this.#system = system;
    this.#lineSize = options.lineSize ?? 64;
    this.#reports = options.reports ?? 'findings';
    this.#random = system.random('cpu cache');
    this.#loses = makeEvictor(options.eviction ?? 'off', this.#random);
  }

  setUncached(memory: MemoryObject): void {
    this.#uncached.add(memory);
  }

  deviceRead(device: DmaDevice, { memory, offset }: MemoryRange, into: Uint8Array): void {
    if (device.privateCache) this.#privateCacheOf(device).read(memory, offset, into);
    else this.#read(device, memory, offset, into);
  }

  deviceWrite(device: DmaDevice, { memory, offset }: MemoryRange, bytes: Uint8Array): void {
    if (device.privateCache) this.#privateCacheOf(device).write(memory, offset, bytes);
    else this.#write(device, memory, offset, bytes);
  }

  syncForDevice(device: DmaDevice, range: MemoryRange, _direction: DmaDirection): void {
    const modelled = isNonCoherent(device) ? this.#model(range.memory) : undefined;
    if (modelled === undefined) return;
    this.#loseLines(modelled);
    modelled.cached.writeBack(modelled.cached.linesOf(range.offset, range.length));
    modelled.history.reconciled();
    modelled.reporter.forget();
  }

  syncForCpu(device: DmaDevice, range: MemoryRange, direction: DmaDirection): void {
    const modelled = isNonCoherent(device) && direction !== 'to-device' ? this.#model(range.memory) : undefined;
    if (modelled === undefined) return;
    this.#loseLines(modelled);
    modelled.cached.invalidate(modelled.cached.linesOf(range.offset, range.length));
    modelled.history.reconciled();
    modelled.reporter.forget();
  }

  maintain({ memory, offset, length }: MemoryRange, what: CacheMaintenance): void {
    const modelled = this.#model(memory);
    if (modelled === undefined) return;
    const { cached, history, reporter } = modelled;
    this.#loseLines(modelled);
    if (what !== 'invalidate') cached.writeBack(cached.linesOf(offset, length));
    if (what !== 'clean') cached.discard(offset, length);
    history.reconciled();
    reporter.forget();
  }

  mapped(device: DmaDevice, { memory }: MemoryRange): void {
    const modelled = isNonCoherent(device) ? this.#model(memory) : this.#modelled.get(memory);
    if (modelled !== undefined) modelled.mappings++;
  }

  unmapping(device: DmaDevice, { memory }: MemoryRange): void {
    const lost = this.#privateCaches.get(device)?.forget(memory) ?? 0;
    if (lost > 0) this.#model(memory)?.reporter.privateLost(device.name, lost);
    const modelled = this.#modelled.get(memory);
    if (modelled === undefined || modelled.mappings === 0 || --modelled.mappings > 0) return;
    modelled.unsynced = { moment: modelled.history.moment, lines: this.#staleIn(modelled) };
    modelled.eviction?.cancel();
    modelled.eviction = undefined;
  }

  flushDevice(device: DmaDevice): void {
    this.#privateCaches.get(device)?.flush();
  }

  invalidateDevice(device: DmaDevice): void {
    this.#privateCaches.get(device)?.invalidate();
  }

  /** Lines that only the device itself sees: it has to flush before it says that it is done. */
  unflushedLines(device: DmaDevice): number {
    return this.#privateCaches.get(device)?.dirtyLines ?? 0;
  }

  cpuAccessBegun(memory: MemoryObject, _direction: DmaDirection): void {
    this.#modelled.get(memory)?.history.began();
  }

  cpuAccessEnded(memory: MemoryObject, direction: DmaDirection): void {
    const modelled = this.#modelled.get(memory);
    if (modelled === undefined) return;
    const { history, reporter } = modelled;
    if (direction !== 'to-device' && history.openAccesses === 0) reporter.staleView(this.#staleIn(modelled));
    history.ended();
  }

  named(memory: MemoryObject, label: () => string): void {
    this.#labels.set(memory, label);
    const modelled = this.#modelled.get(memory);
    if (modelled !== undefined) modelled.history.label = label;
  }

  /**
   * Whoever maps a buffer for each transfer unmaps it when the device is done, and so syncs it. One who unmaps it only now, in the same
   * call, kept it mapped, and left syncing to those who look.
   */
  detached(memory: MemoryObject, wasMapped: boolean): void {
    const modelled = wasMapped ? this.#modelled.get(memory) : undefined;
    if (modelled === undefined) return;
    const { unsynced, history, reporter } = modelled;
    if (unsynced?.moment === history.moment) reporter.warn(unsynced.lines);
  }

  retired(memory: MemoryObject, wasMapped: boolean): void {
    const modelled = wasMapped ? this.#modelled.get(memory) : undefined;
    if (modelled !== undefined) modelled.reporter.warn(this.#staleIn(modelled));
  }

  /** What is in memory, apart from what any cache has of it. For tests and tools. */
  dram(memory: MemoryObject, offset: number, length: number): Uint8Array {
    const modelled = this.#modelled.get(memory);
    if (modelled === undefined) return memory.bytes().slice(offset, offset + length);
    const bytes = new Uint8Array(length);
    modelled.cached.readMemory(offset, bytes);
    return bytes;
  }

  #read(device: DmaDevice, memory: MemoryObject, offset: number, into: Uint8Array): void {
    const modelled = isNonCoherent(device) ? this.#model(memory) : undefined;
    if (modelled === undefined) {
      into.set(memory.bytes().subarray(offset, offset + into.length));
      return;
    }
    const { cached, reporter } = modelled;
    this.#loseLines(modelled);
    const dirty = new Trouble();
    cached.eachDirty(cached.linesOf(offset, into.length), (lines) => dirty.add(lines));
    reporter.staleRead(device.name, dirty);
    cached.readMemory(offset, into);
  }

  #write(device: DmaDevice, memory: MemoryObject, offset: number, bytes: Uint8Array): void {
    const modelled = this.#model(memory);
    if (modelled === undefined) {
      memory.bytes().set(bytes, offset);
      return;
    }
    const { cached, history } = modelled;
    const lines = cached.linesOf(offset, bytes.length);
    if (!isNonCoherent(device) && device.allocatesInCpu) {
      memory.bytes().set(bytes, offset);
      history.wroteToCache(device.name, lines);
    } else {
      if (isNonCoherent(device)) cached.writeMemory(offset, bytes);
      else cached.writeSnooped(offset, bytes);
      history.wrote(device.name, lines);
    }
    this.#loseLines(modelled);
  }

  #staleIn({ cached, all }: Modelled): Trouble {
    const trouble = new Trouble();
    cached.eachStale(all, (lines) => trouble.add(lines));
    return trouble;
  }

  /** Undefined for memory that the CPU does not cache. */
  #model(memory: MemoryObject): Modelled | undefined {
    const known = this.#modelled.get(memory);
    if (known !== undefined || this.#uncached.has(memory)) return known;
    const cached = new CachedMemory(memory, this.#lineSize);
    const history = new History(this.#system, this.#labels.get(memory) ?? (() => `memory of ${memory.size} bytes`));
    const reporter = new Reporter(this.#system, this.#reports, this.#lineSize, history);
    cached.onOverwrite = ({ first, end }) => {
      const trouble = new Trouble();
      for (let line = first; line < end; line++) if (!history.beganSinceWrite(line)) trouble.add({ first: line, end: line + 1 });
      reporter.overwritten(trouble);
    };
    const modelled = {
      cached,
      history,
      reporter,
      all: cached.linesOf(0, memory.size),
      mappings: 0,
      eviction: undefined,
      unsynced: undefined,
    };
    this.#modelled.set(memory, modelled);
    return modelled;
  }

  /** A chance for the cache to lose lines now, and another some time later while a device can reach the memory. */
  #loseLines(modelled: Modelled): void {
    const loses = this.#loses;
    if (loses === undefined) return;
    modelled.cached.evict(modelled.all, loses);
    if (modelled.mappings === 0) return;
    modelled.eviction ??= this.#system.clock.schedule(this.#random.below(EVICTION_DELAY_MAX_ns), 'eviction of cache lines', () => {
      modelled.eviction = undefined;
      if (modelled.mappings > 0) modelled.cached.evict(modelled.all, loses);
    });
  }

  #privateCacheOf(device: DmaDevice): PrivateCache {
    let cache = this.#privateCaches.get(device);
    if (cache === undefined) {
      const path = {
        read: (memory: MemoryObject, offset: number, into: Uint8Array) => this.#read(device, memory, offset, into),
        write: (memory: MemoryObject, offset: number, bytes: Uint8Array) => this.#write(device, memory, offset, bytes),
      };
      cache = new PrivateCache(path, this.#lineSize);
      this.#privateCaches.set(device, cache);
    }
    return cache;
  }
}
