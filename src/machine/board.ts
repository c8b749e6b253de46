import type { Architecture } from '../kernel/index.ts';
import type { CacheModel, RegionDescription } from '../memory/index.ts';
import type { Machine } from './machine.ts';

/** What a machine is made of: its memory map and its devices. */
export interface Board {
  /** As `--board` takes it. */
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  /** Bytes of RAM, a multiple of 4 MiB; 2 GiB when left out. */
  readonly ram?: number;
  /** Parts of its memory map that are kept for devices. */
  readonly regions?: readonly RegionDescription[];
  /** What lies between its memory, CPU caches and devices; left out, all devices snoop and there is nothing to sync. */
  readonly caches?: (machine: Machine) => CacheModel;
  /** How many processors; 1 when left out. Code of the machine runs one piece at a time all the same. */
  readonly cpus?: number;
  /** x86-64 when left out. */
  readonly architecture?: Architecture;
  /** Adds the devices. Called once, when the machine boots. */
  setUp(machine: Machine): void;
}
