/** lib/kobject_uevent.c: what the kernel tells about devices that come, change and go. */
import { Errno } from '../abi/index.ts';

export type UeventAction = 'add' | 'remove' | 'change' | 'move' | 'online' | 'offline' | 'bind' | 'unbind';

const ACTIONS: readonly UeventAction[] = ['add', 'remove', 'change', 'move', 'online', 'offline', 'bind', 'unbind'];

/** A variable of an event and its value. */
export type UeventVariable = readonly [name: string, value: string];

/** What events are about: something with a folder in sysfs. */
export interface UeventSource {
  /** Below /sys, with a slash in front: DEVPATH. */
  readonly path: string;
  readonly subsystem: string;
  /** What the kind of source adds, as MAJOR and DRIVER. */
  ueventVariables(): readonly UeventVariable[];
}

export interface Uevent {
  readonly action: UeventAction;
  readonly path: string;
  /** All of them, in order, SEQNUM last. */
  readonly variables: readonly UeventVariable[];
}

/** The datagram of NETLINK_KOBJECT_UEVENT: `add@/devices/...` and each variable, a NUL behind each. One character is one byte. */
export function ueventMessage({ action, path, variables }: Uevent): string {
  return [`${action}@${path}`, ...variables.map(([name, value]) => `${name}=${value}`)].map((text) => `${text}\0`).join('');
}

/** Tells whoever has subscribed. An event comes when its device is complete, or before its folder goes. */
export class Uevents {
  readonly #listeners = new Set<(event: Uevent) => void>();
  #seqnum = 0;

  /** The number of the last event: /sys/kernel/uevent_seqnum. */
  get seqnum(): number {
    return this.#seqnum;
  }

  /** @returns a function that ends the subscription */
  subscribe(listener: (event: Uevent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** kobject_uevent_env. A source without a subsystem has no events. @param extra what the caller adds, before what the source says */
  publish(action: UeventAction, source: UeventSource, extra: readonly UeventVariable[] = []): void {
    const { path, subsystem } = source;
    if (subsystem === '') return;
    const own = source.ueventVariables();
    const variables: UeventVariable[] = [
      ['ACTION', action],
      ['DEVPATH', path],
      ['SUBSYSTEM', subsystem],
      ...extra,
      // zap_modalias_env: nobody is to load a driver for a device that has just lost its own.
      ...(action === 'unbind' ? own.filter(([name]) => name !== 'MODALIAS') : own),
      ['SEQNUM', `${++this.#seqnum}`],
    ];
    for (const listener of [...this.#listeners]) listener({ action, path, variables });
  }

  /**
   * kobject_synth_uevent: what a write to a `uevent` file makes. The action, and maybe a UUID and variables: `add UUID A=1 B=2`.
   *
   * @throws Errno EINVAL
   */
  synthesize(text: string, source: UeventSource): void {
    const [word = '', uuid, ...rest] = text.replace(/\n$/, '').split(' ');
    const action = ACTIONS.find((known) => known === word);
    if (action === undefined) throw new Errno('EINVAL', `${word} is no action`);
    const extra: UeventVariable[] = [['SYNTH_UUID', uuid ?? '0']];
    if (uuid !== undefined && !UUID.test(uuid)) throw new Errno('EINVAL', `${uuid} is no UUID`);
    for (const argument of rest) {
      const [, name, value] = /^([A-Za-z0-9]+)=([A-Za-z0-9]+)$/.exec(argument) ?? [];
      if (name === undefined || value === undefined) throw new Errno('EINVAL', `${argument} is no variable`);
      extra.push([`SYNTH_ARG_${name}`, value]);
    }
    this.publish(action, source, extra);
  }
}

const UUID = /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;
