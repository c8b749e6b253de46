/** Channels and how their attributes are called: `struct iio_chan_spec` and __iio_device_attr_init. */
import type { Attribute, Task } from '../../kernel/index.ts';

export interface ScanType {
  /** `s` and `u`; in capitals when the unused bits are filled in, too. */
  readonly sign: 's' | 'u' | 'S' | 'U';
  readonly realbits: number;
  readonly storagebits: number;
  readonly shift: number;
  readonly endianness: 'le' | 'be';
}

/** Of which channels an attribute is: one, those of a type, of a direction, or all. */
export type AttributeShare = 'separate' | 'type' | 'direction' | 'all';

/** A value of a channel that programs read or set. */
export interface ChannelAttribute {
  /** As `calibbias`. */
  readonly name: string;
  readonly share?: AttributeShare;
  /** Without the newline. @throws Errno */
  readonly show: () => string;
  /** @throws Errno */
  readonly store?: (text: string, task: Task) => void;
}

export interface Channel {
  /** As in the attributes' names. */
  readonly type: 'voltage' | 'altvoltage' | 'temp';
  readonly isOutput?: boolean;
  readonly channel: number;
  /** Its place in a scan; undefined when it is in none. */
  readonly scan?: { readonly index: number; readonly type: ScanType };
  readonly attributes?: readonly ChannelAttribute[];
}

/** Bytes of its sample in a scan. */
export const storageBytes = ({ storagebits }: ScanType): number => storagebits / 8;

/** @param name as `en` @returns as `in_voltage0_en` */
export function attributeName({ type, isOutput, channel }: Channel, name: string, share: AttributeShare = 'separate'): string {
  const direction = isOutput === true ? 'out' : 'in';
  switch (share) {
    case 'separate':
      return `${direction}_${type}${channel}_${name}`;
    case 'type':
      return `${direction}_${type}_${name}`;
    case 'direction':
      return `${direction}_${name}`;
    case 'all':
      return name;
  }
}

export const formatScanType = ({ endianness, sign, realbits, storagebits, shift }: ScanType): string =>
  `${endianness}:${sign}${realbits}/${storagebits}>>${shift}\n`;

/** Of the device's folder; one that several channels share is there once. */
export function channelAttributes(channels: readonly Channel[]): Attribute[] {
  const byName = new Map<string, Attribute>();
  for (const channel of channels) {
    for (const { name, share, show, store } of channel.attributes ?? []) {
      const full = attributeName(channel, name, share);
      if (byName.has(full)) continue;
      byName.set(full, {
        name: full,
        mode: store === undefined ? 0o444 : 0o644,
        show: () => `${show()}\n`,
        ...(store === undefined ? {} : { store }),
      });
    }
  }
  return [...byName.values()];
}

/**
 * iio_compute_scan_bytes: each sample at a multiple of its size, and the whole a multiple of the largest.
 *
 * @param mask a bit for each scan index
 */
export function scanBytes(channels: readonly Channel[], mask: number): number {
  let bytes = 0;
  let largest = 1;
  const scanned = channels.flatMap(({ scan }) => (scan === undefined ? [] : [scan])).sort((a, b) => a.index - b.index);
  for (const { index, type } of scanned) {
    if ((mask & (1 << index)) === 0) continue;
    const length = storageBytes(type);
    bytes = Math.ceil(bytes / length) * length + length;
    largest = Math.max(largest, length);
  }
  return Math.ceil(bytes / largest) * largest;
}
