/** __ffs_data_got_descs of f_fs.c: the first block that a daemon writes to ep0, in both of its formats. */
import { Errno } from '../../abi/index.ts';
import {
  FUNCTIONFS_ALL_CTRL_RECIP,
  FUNCTIONFS_CONFIG0_SETUP,
  FUNCTIONFS_DESCRIPTORS_MAGIC,
  FUNCTIONFS_DESCRIPTORS_MAGIC_V2,
  FUNCTIONFS_EVENTFD,
  FUNCTIONFS_HAS_FS_DESC,
  FUNCTIONFS_HAS_HS_DESC,
  FUNCTIONFS_HAS_MS_OS_DESC,
  FUNCTIONFS_HAS_SS_DESC,
  FUNCTIONFS_VIRTUAL_ADDR,
} from '../../abi/uapi/index.ts';
import { cutDescriptors, type Entities, invalid } from './descriptor.ts';
import { cutOsDescriptors, type OsDescriptors } from './os-descriptors.ts';

/** FFS_MAX_EPS_COUNT: one more than a function can have. */
const EPS_MAX = 31;

const KNOWN_FLAGS =
  FUNCTIONFS_HAS_FS_DESC |
  FUNCTIONFS_HAS_HS_DESC |
  FUNCTIONFS_HAS_SS_DESC |
  FUNCTIONFS_HAS_MS_OS_DESC |
  FUNCTIONFS_VIRTUAL_ADDR |
  FUNCTIONFS_EVENTFD |
  FUNCTIONFS_ALL_CTRL_RECIP |
  FUNCTIONFS_CONFIG0_SETUP;

/**
 * What blocks have told so far. As in Linux, a block that fails leaves here what it had told before; the next one must agree with it.
 */
export class Totals {
  /** FUNCTIONFS_ flags of the last block of the second format. */
  flags = 0;
  eps = 0;
  interfaces = 0;
  /** Addresses of the endpoints; the first is at 1. */
  readonly addresses: number[] = [];
  /** The highest index of a string. */
  strings = 0;
}

/** The descriptors of a function. The speeds are in order: full, high, super; one that is not described is empty. */
export interface Descriptors {
  readonly speeds: readonly (readonly Uint8Array[])[];
  readonly os: OsDescriptors | undefined;
}

/** What stands before the descriptors, as far as the place where an eventfd is looked for. */
export interface BlockHead {
  readonly flags: number;
  /** The descriptor of FUNCTIONFS_EVENTFD. */
  readonly eventfd: number | undefined;
  /** The block from the counts on. */
  readonly rest: Uint8Array;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** @param block at least 16 bytes @throws Errno EINVAL, ENOSYS for unknown flags */
export function readHead(block: Uint8Array, totals: Totals): BlockHead {
  const view = viewOf(block);
  if (view.getUint32(4, true) !== block.length) throw invalid('the block is not as long as it says');
  const magic = view.getUint32(0, true);
  if (magic === FUNCTIONFS_DESCRIPTORS_MAGIC) {
    return { flags: FUNCTIONFS_HAS_FS_DESC | FUNCTIONFS_HAS_HS_DESC, eventfd: undefined, rest: block.subarray(8) };
  }
  if (magic !== FUNCTIONFS_DESCRIPTORS_MAGIC_V2) throw invalid(`blocks of descriptors do not begin with ${magic}`);
  const flags = view.getUint32(8, true);
  totals.flags = flags;
  if ((flags & ~KNOWN_FLAGS) !== 0) throw new Errno('ENOSYS', `flags 0x${((flags & ~KNOWN_FLAGS) >>> 0).toString(16)} are unknown`);
  if ((flags & FUNCTIONFS_EVENTFD) === 0) return { flags, eventfd: undefined, rest: block.subarray(12) };
  return { flags, eventfd: view.getInt32(12, true), rest: block.subarray(16) };
}

/** What the descriptors of one speed speak of, checked against those of the first. */
class SpeedEntities implements Entities {
  readonly #totals: Totals;
  readonly #isFirst: boolean;
  #eps = 0;
  #interfaces = 0;

  constructor(totals: Totals) {
    this.#totals = totals;
    this.#isFirst = totals.eps === 0 && totals.interfaces === 0;
  }

  interface(number: number): void {
    this.#interfaces = Math.max(this.#interfaces, number + 1);
  }

  string(index: number): void {
    this.#totals.strings = Math.max(this.#totals.strings, index);
  }

  endpoint(address: number): void {
    this.#eps++;
    if (this.#eps >= EPS_MAX) throw invalid(`a function has at most ${EPS_MAX - 1} endpoints`);
    const { addresses } = this.#totals;
    if (this.#isFirst) addresses[this.#eps] = address;
    else if (addresses[this.#eps] !== address) throw invalid(`endpoint ${this.#eps} has another address at the first speed`);
  }

  /** All descriptors have been seen. @throws Errno EINVAL when the speeds differ */
  end(): void {
    const totals = this.#totals;
    if (this.#isFirst) {
      totals.eps = this.#eps;
      totals.interfaces = this.#interfaces;
    } else if (totals.eps !== this.#eps) throw invalid('the speeds have different numbers of endpoints');
    else if (totals.interfaces !== this.#interfaces) throw invalid('the speeds have different numbers of interfaces');
  }
}

/**
 * Reads what stands behind the head.
 *
 * @throws Errno EINVAL; `totals` keeps what was told before
 */
export function readDescriptors({ flags, rest }: BlockHead, totals: Totals): Descriptors {
  let at = 0;
  const count = (flag: number): number => {
    if ((flags & flag) === 0) return 0;
    if (rest.length - at < 4) throw invalid('a count is missing');
    at += 4;
    return viewOf(rest).getUint32(at - 4, true);
  };
  const counts = [FUNCTIONFS_HAS_FS_DESC, FUNCTIONFS_HAS_HS_DESC, FUNCTIONFS_HAS_SS_DESC].map(count);
  const osCount = count(FUNCTIONFS_HAS_MS_OS_DESC);
  const begin = at;
  const speeds = counts.map((wanted) => {
    if (wanted === 0) return [];
    const entities = new SpeedEntities(totals);
    const descriptors = cutDescriptors(rest.subarray(at), wanted, entities);
    entities.end();
    for (const { length } of descriptors) at += length;
    return descriptors;
  });
  const os = osCount === 0 ? undefined : cutOsDescriptors(rest.subarray(at), osCount, totals.interfaces);
  at += os?.length ?? 0;
  if (at === begin) throw invalid('there is no descriptor');
  if (at < rest.length) throw invalid(`${rest.length - at} bytes are left over`);
  return { speeds, os };
}
