/** drivers/base/devcoredump.c: what a device had in memory when it failed, for programs to fetch. */
import { Errno } from '../abi/index.ts';
import type { ScheduledEvent } from './clock.ts';
import type { MaybeKernel } from './colour.ts';
import type { Device } from './device.ts';
import type { DeviceClass } from './device-class.ts';
import { kstrtoint } from './parse.ts';
import type { System } from './system.ts';

/** DEVCD_TIMEOUT: five minutes. */
const TIMEOUT_NS = 300e9;

export interface Coredump {
  /** In bytes from its beginning. @returns none at its end */
  readonly read: (offset: number, length: number) => MaybeKernel<Uint8Array>;
  /** Nobody needs it any more. Once. */
  readonly free: () => void;
}

interface Entry {
  readonly device: Device;
  readonly failing: Device;
  readonly dump: Coredump;
  readonly timeout: ScheduledEvent;
}

class Devcoredumps {
  readonly #system: System;
  readonly #class: DeviceClass;
  readonly #entries = new Set<Entry>();
  #count = 0;
  #isDisabled = false;

  constructor(system: System) {
    this.#system = system;
    this.#class = system.deviceModel.class('devcoredump', [
      { name: 'disabled', mode: 0o644, show: () => `${this.#isDisabled ? 1 : 0}\n`, store: (text) => this.#disable(text) },
    ]);
  }

  add(failing: Device, dump: Coredump): void {
    const isThere = [...this.#entries].some((entry) => entry.failing === failing);
    if (this.#isDisabled || isThere) {
      dump.free();
      return;
    }
    const entry: Entry = {
      device: this.#system.deviceModel.register({
        name: `devcd${++this.#count}`,
        class: this.#class,
        groups: [
          {
            binaryAttributes: [
              {
                name: 'data',
                mode: 0o600,
                read: (offset, length) => dump.read(offset, length),
                // Whatever is written: it has been seen, and goes in a moment.
                write: () => void this.#system.clock.schedule(0, 'a core dump was seen', () => this.#remove(entry)),
              },
            ],
          },
        ],
      }),
      failing,
      dump,
      timeout: this.#system.clock.schedule(TIMEOUT_NS, 'a core dump is old', () => this.#remove(entry)),
    };
    entry.device.directory.createLink('failing_device', failing.directory);
    failing.directory.createLink('devcoredump', entry.device.directory);
    this.#entries.add(entry);
  }

  removeAll(): void {
    for (const entry of [...this.#entries]) this.#remove(entry);
  }

  #remove(entry: Entry): void {
    if (!this.#entries.delete(entry)) return;
    entry.timeout.cancel();
    if (entry.failing.directory.has('devcoredump')) entry.failing.directory.remove('devcoredump');
    entry.device.unregister();
    entry.dump.free();
  }

  /** There is no way back. */
  #disable(text: string): void {
    if (kstrtoint(text, 10) !== 1) throw new Errno('EINVAL', 'core dumps can only be disabled');
    this.#isDisabled = true;
    this.removeAll();
  }
}

const makeDevcoredumps = (system: System) => new Devcoredumps(system);

/** Brings up /sys/class/devcoredump. */
export const devcoredumps = (system: System): { removeAll(): void } => system.single(makeDevcoredumps);

/** dev_coredumpm: shows a dump at /sys/class/devcoredump/devcdN/data for five minutes, unless the device has one there already. */
export const devCoredump = (system: System, failing: Device, dump: Coredump): void => system.single(makeDevcoredumps).add(failing, dump);
