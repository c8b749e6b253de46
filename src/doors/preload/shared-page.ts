import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { System } from '../../kernel/index.ts';
import type { Addon } from './addon.ts';
import { EmulatedPaths } from './emulated-paths.ts';
import * as protocol from './protocol.ts';

/** The file `paths`, which all programs map: which paths are emulated, and how far time is ahead. See struct io_paths. */
export class SharedPage {
  readonly #addon: Addon;
  readonly #system: System;
  readonly #memory: ArrayBuffer;
  /** Odd while it is written. */
  #generation = 0;
  #emulated: EmulatedPaths;
  /** Names have come or gone since the list was published. */
  #isStale = false;
  #isListFull = false;
  #isClosed = false;

  constructor(addon: Addon, system: System, folder: string) {
    this.#addon = addon;
    this.#system = system;
    this.#memory = this.#make(folder);
    this.#emulated = this.#publish();
    system.devices.onChange = system.vfs.onChange = () => {
      if (this.#isStale) return;
      this.#isStale = true;
      // What changes by itself, not by a call, is published soon.
      setImmediate(() => this.refresh());
    };
  }

  #make(folder: string): ArrayBuffer {
    const file = openSync(join(folder, 'paths'), 'w+', 0o600);
    ftruncateSync(file, protocol.IO_PATHS_SIZE);
    const memory = this.#addon.map(file, protocol.IO_PATHS_SIZE);
    closeSync(file);
    if (typeof memory === 'number') throw new Error(`mapping the list of paths failed with errno ${-memory}`);
    return memory;
  }

  /** Tells programs which paths are emulated. What has no room in the list is the host's. */
  #publish(): EmulatedPaths {
    this.#isStale = false;
    const emulated = new EmulatedPaths(this.#system);
    const generation = new Uint32Array(this.#memory, 0, 1);
    Atomics.store(generation, 0, ++this.#generation);
    const list = Buffer.from(this.#memory, protocol.PATHS_LIST);
    list.fill(0);
    let at = 0;
    for (const path of emulated.tops) {
      const size = Buffer.byteLength(path) + 1;
      if (at + size < list.length) at += list.write(`${path}\0`, at, 'utf8');
      else if (!this.#isListFull) {
        this.#isListFull = true;
        this.#system.log.print('err', `the list of emulated paths is full: ${path} and others are the host's`);
      }
    }
    Atomics.store(generation, 0, ++this.#generation);
    return emulated;
  }

  /** Publishes what has changed. To be called before a call is answered that may have changed it. */
  refresh(): void {
    if (this.#isStale && !this.#isClosed) this.#emulated = this.#publish();
  }

  /** Whether a path is the machine's. @param path absolute, without symlinks on the way */
  emulates(path: string): boolean {
    return this.#emulated.has(path);
  }

  /** Tells programs by how much the machine's clocks are ahead of the host's. */
  publishTime(ahead_ns: number): void {
    Atomics.store(new BigInt64Array(this.#memory, protocol.PATHS_WARPED, 1), 0, BigInt(Math.round(ahead_ns)));
  }

  close(): void {
    this.#isClosed = true;
    this.#system.devices.onChange = this.#system.vfs.onChange = undefined;
    this.#addon.unmap(this.#memory);
  }
}
