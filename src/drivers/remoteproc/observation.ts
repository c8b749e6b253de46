/** What designers of memory regions want to know. Section 26.4 of docs/reference/remoteproc.md. */
import { FW_RSC_ADDR_ANY } from '../../ports/remoteproc/index.ts';
import type { MemEntry } from './mem-entry.ts';
import { type Overlap, overlapsOf, type Placed } from './overlaps.ts';
import type { Rproc } from './rproc.ts';
import { privateTable } from './table.ts';
import { resourceTableText } from './table-text.ts';

/** What a request was compared with, and by which rule it was taken or not. */
export interface Candidate {
  readonly entry: string;
  readonly isTaken: boolean;
  readonly rule: string;
}

export interface Decision {
  readonly kind: 'carveout' | 'vring';
  readonly name: string;
  readonly da: number;
  readonly len: number;
  /** In the order of the list. */
  readonly candidates: readonly Candidate[];
  readonly outcome: string;
}

export interface Lifetime {
  readonly at_ns: number;
  readonly event: 'register' | 'alloc' | 'write-back' | 'release' | 'map' | 'unmap';
  readonly entry: string;
}

export interface Translation {
  readonly da: bigint;
  readonly len: number;
  /** Which entry had it; undefined when none did. */
  readonly entry: string | undefined;
}

/** A region with all its addresses. */
export interface RegionReport {
  readonly name: string;
  readonly owner: MemEntry['owner'];
  readonly provider: string;
  readonly va: bigint | undefined;
  readonly pa: number | undefined;
  readonly dma: number;
  readonly da: number;
  readonly len: number;
  readonly requested: { readonly da: number; readonly len: number } | undefined;
  readonly state: MemEntry['state'];
}

const LINES_MAX = 1000;

/** Keeps the newest lines. */
class Record<T> {
  readonly lines: T[] = [];

  add(line: T): void {
    this.lines.push(line);
    if (this.lines.length > LINES_MAX) this.lines.shift();
  }
}

/** Watches one processor. */
export class Observer {
  readonly #rproc: Rproc;
  readonly #decisions = new Record<Decision>();
  readonly #lifetimes = new Record<Lifetime>();
  readonly #translations = new Record<Translation>();
  readonly #virtio = new Record<string>();
  /** What was loaded last. */
  readonly segments: { readonly da: number; readonly len: number; readonly physical: number }[] = [];
  /** What virtio devices have allocated, by their index. */
  readonly buffers = new Map<number, { readonly physical: number; readonly len: number }>();
  /** Requests that went to the default allocator although the platform had registered regions. */
  fallbacks = 0;
  /** The table as it was before the first entry was looked at. */
  tableBefore: Uint8Array | undefined;

  constructor(rproc: Rproc) {
    this.#rproc = rproc;
  }

  get decisions(): readonly Decision[] {
    return this.#decisions.lines;
  }

  get lifetimes(): readonly Lifetime[] {
    return this.#lifetimes.lines;
  }

  get translations(): readonly Translation[] {
    return this.#translations.lines;
  }

  /** Status bytes, features and kicks, in order. */
  get virtioEvents(): readonly string[] {
    return this.#virtio.lines;
  }

  decision(decision: Decision): void {
    this.#decisions.add(decision);
    if (decision.outcome === 'default' && this.#rproc.offersRegions) this.fallbacks++;
  }

  lifetime(event: Lifetime['event'], { name }: { readonly name: string }): void {
    this.#lifetimes.add({ at_ns: this.#rproc.system.now(), event, entry: name });
  }

  translation(da: bigint, len: number, entry: string | undefined): void {
    this.#translations.add({ da, len, entry });
  }

  virtio(text: string): void {
    this.#virtio.add(text);
  }

  /** What the host has changed in the table since before the boot, as lines of debugfs: `was → is`. */
  get tableChanges(): readonly string[] {
    if (this.tableBefore === undefined || this.#rproc.tablePtr === undefined) return [];
    const before = resourceTableText(privateTable(this.tableBefore)).split('\n');
    const now = resourceTableText(this.#rproc.tablePtr).split('\n');
    return before.flatMap((line, index) => (line === now[index] ? [] : [`${line.trim()} → ${now[index]?.trim()}`]));
  }

  /** The list of regions as it is now. */
  get regions(): readonly RegionReport[] {
    return this.#rproc.carveouts.map(({ name, owner, provider, va, physical, dma, da, len, requested, state }) => ({
      name,
      owner,
      provider,
      va: va?.virtual,
      pa: physical,
      dma,
      da,
      len,
      requested,
      state,
    }));
  }

  /** What lies over what: regions over each other, and segments and traces over what is not for them. */
  get overlaps(): readonly Overlap[] {
    const { carveouts, traces } = this.#rproc;
    const placed: Placed[] = carveouts.map((entry) => ({
      name: entry.name,
      kind: entry.owner === 'vring' || /^vdev\d+(vring\d+|buffer)$/.test(entry.name) ? 'shared' : 'region',
      da: entry.da === FW_RSC_ADDR_ANY ? undefined : entry.da,
      pa: entry.physical,
      va: entry.va?.virtual,
      len: entry.len,
    }));
    for (const [index, { da, len, physical }] of this.segments.entries())
      placed.push({ name: `segment ${index}`, kind: 'segment', da, pa: physical, va: undefined, len });
    for (const { name, da, len } of traces) placed.push({ name, kind: 'trace', da, pa: undefined, va: undefined, len });
    for (const [index, { physical, len }] of this.buffers)
      placed.push({ name: `buffers of vdev${index}`, kind: 'buffers', da: undefined, pa: physical, va: undefined, len });
    return overlapsOf(placed);
  }
}
