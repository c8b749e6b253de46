/** A message store in sysfs, to look at and to change for experiments: 11.5 of docs/reference/ims-dsa.md. */
import { Errno } from '../abi/index.ts';
import { type Attribute, kstrtouint, type MaybeKernel } from '../kernel/index.ts';
import type { Ims } from './ims.ts';
import { IMS_MAX_NVEC, type ImsSettings } from './settings.ts';
import { controlWord, IMS_HAZARDS, type ImsHazard } from './storage.ts';

const hex = (value: number) => (value >>> 0).toString(16).padStart(8, '0');

/** @throws Errno EINVAL for a word that is none of them */
function oneOf<T extends string>(words: readonly T[], text: string): T {
  const word = words.find((one) => one === text.trim());
  if (word === undefined) throw new Errno('EINVAL', `"${text.trim()}" is none of ${words.join(', ')}`);
  return word;
}

/** @throws Errno EINVAL, ERANGE */
function numberIn(min: number, max: number, text: string): number {
  const value = kstrtouint(text);
  if (value < min || value > max) throw new Errno('EINVAL', `${value} is not between ${min} and ${max}`);
  return value;
}

function parseHazards(text: string): ReadonlySet<ImsHazard> {
  const words = text.trim().split(/[\s,]+/);
  return new Set(words.filter((word) => word !== 'none').map((word) => oneOf(IMS_HAZARDS, word)));
}

const reading = (name: string, show: () => string): Attribute => ({ name, mode: 0o444, show: () => show() });

function writing(name: string, show: () => string, store: (text: string) => MaybeKernel<void>): Attribute {
  return { name, mode: 0o644, show: () => `${show()}\n`, store: (text) => store(text) };
}

/** Settings of which the device is made: changed only while no group exists (EBUSY). */
function making(ims: Ims): Attribute[] {
  const { settings } = ims;
  const change = (name: string, show: () => string, parse: (text: string) => Partial<ImsSettings>) =>
    writing(name, show, (text) => ims.configure(parse(text)));
  return [
    change(
      'mode',
      () => settings.mode,
      (text) => ({ mode: oneOf(['static', 'dynamic'], text) }),
    ),
    change(
      'storage',
      () => settings.storage,
      (text) => ({ storage: oneOf(['array', 'context'], text) }),
    ),
    change(
      'remapping',
      () => settings.remapping,
      (text) => {
        const remapping = oneOf(['on', 'off', 'require'], text);
        if (remapping === 'on' && !ims.canRemap) throw new Errno('EINVAL', 'the machine does not remap interrupts');
        return { remapping };
      },
    ),
    change(
      'policy',
      () => settings.policy,
      (text) => ({ policy: oneOf(['2020', '2022'], text) }),
    ),
    change(
      'hazard',
      () => (settings.hazards.size === 0 ? 'none' : [...settings.hazards].join(',')),
      (text) => ({ hazards: parseHazards(text) }),
    ),
    change(
      'slots',
      () => String(settings.slots),
      (text) => ({ slots: numberIn(1, 16384, text) }),
    ),
    change(
      'static_vectors',
      () => String(settings.staticVectors),
      (text) => ({ staticVectors: numberIn(1, IMS_MAX_NVEC, text) }),
    ),
  ];
}

/** Settings that hold from the next use on. */
function using(ims: Ims): Attribute[] {
  const { settings } = ims;
  return [
    writing(
      'pending',
      () => (settings.pending ? 'on' : 'off'),
      (text) => {
        settings.pending = oneOf(['on', 'off'], text) === 'on';
        ims.storage.setLatches(settings.pending);
      },
    ),
    writing(
      'per_open_vectors',
      () => String(settings.perOpenVectors),
      (text) => {
        settings.perOpenVectors = numberIn(0, IMS_MAX_NVEC, text);
      },
    ),
    writing(
      'auto_fail',
      () => settings.autoFail,
      (text) => {
        settings.autoFail = oneOf(['lax', 'strict'], text);
      },
    ),
    writing(
      'sync_us',
      () => String(settings.sync_us),
      (text) => {
        settings.sync_us = numberIn(0, 1_000_000, text);
      },
    ),
    writing(
      'sync_fail_rate',
      () => String(settings.syncFailRate),
      (text) => {
        settings.syncFailRate = numberIn(0, 100, text);
      },
    ),
  ];
}

function groupLines(ims: Ims): string {
  return [...ims.groups.values()]
    .map(({ id, client, vectors }) => {
      const kind = id === 0 ? 'static' : 'dynamic';
      return `${id} ${kind} ${client.queue} ${client.pasid ?? 0} ${client.pid} ${vectors.length} ${vectors[0]?.slot ?? 0}\n`;
    })
    .join('');
}

function entryLines(ims: Ims): string {
  const lines: string[] = [];
  for (const { id, vectors } of ims.groups.values())
    for (const { slot, index, irq, count } of vectors) {
      const entry = ims.storage.entry(slot);
      const { addressHi, addressLo, data } = entry.message;
      const stale = ims.storage.isStale(slot) ? 1 : 0;
      lines.push(
        `${slot} ${id} ${index} ${irq} ${hex(addressHi)} ${hex(addressLo)} ${hex(data)} ${hex(controlWord(entry))} ${stale} ${count}\n`,
      );
    }
  return lines.join('');
}

function statistics(ims: Ims): string {
  const { lost, stale, torn } = ims.storage.counts;
  const { delivered, invalidHandles } = ims.counts;
  const { spurious, faults } = ims.losses;
  const rows = { delivered, lost_masked: lost, stale, spurious, ir_fault: faults, inval_handle: invalidHandles, torn };
  return Object.entries(rows)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('');
}

/** The files of the folder `ims`. The text of `entries` and `groups` ends at the page, as that of every attribute. */
export function imsAttributes(ims: Ims): readonly Attribute[] {
  const page = (text: string) => text.slice(0, 4095);
  return [
    ...making(ims),
    ...using(ims),
    reading('in_use', () => `${ims.inUse}\n`),
    reading('next_group', () => `${ims.nextGroup}\n`),
    reading('groups', () => page(groupLines(ims))),
    reading('entries', () => page(entryLines(ims))),
    reading('stats', () => statistics(ims)),
  ];
}

/** Beside the folder: how many entries there are; 0 for contexts, which nothing enumerates. */
export const imsSizeAttribute = (ims: Ims): Attribute =>
  reading('ims_size', () => `${ims.settings.storage === 'array' ? ims.settings.slots : 0}\n`);
