/** The layout of a split ring: vring_init and its kin of linux/virtio_ring.h; section 20 of docs/reference/remoteproc.md. All in bytes. */

/** Of a descriptor: addr u64, len u32, flags u16, next u16. */
export const DESC_SIZE = 16;
export const DESC_LEN = 8;
export const DESC_FLAGS = 12;
export const DESC_NEXT = 14;

/** Of the available and the used ring: flags u16, idx u16, then the entries. */
export const RING_FLAGS = 0;
export const RING_IDX = 2;
export const RING_ENTRIES = 4;
/** An entry of the available ring. */
export const AVAIL_ENTRY_SIZE = 2;
/** An entry of the used ring: id u32, len u32. */
export const USED_ENTRY_SIZE = 8;
export const USED_LEN = 4;

/** Where the parts of a ring are, from its first byte. */
export interface SplitRingLayout {
  /** How many descriptors. */
  readonly num: number;
  readonly avail: number;
  readonly usedEvent: number;
  readonly used: number;
  readonly availEvent: number;
  /** vring_size. */
  readonly size: number;
}

/**
 * vring_init.
 *
 * @param num descriptors, a power of two
 * @param align of the used ring
 */
export function splitRingLayout(num: number, align: number): SplitRingLayout {
  const avail = DESC_SIZE * num;
  const usedEvent = avail + RING_ENTRIES + AVAIL_ENTRY_SIZE * num;
  const used = Math.ceil((usedEvent + 2) / align) * align;
  const availEvent = used + RING_ENTRIES + USED_ENTRY_SIZE * num;
  return { num, avail, usedEvent, used, availEvent, size: availEvent + 2 };
}

/** vring_size. */
export const splitRingSize = (num: number, align: number): number => splitRingLayout(num, align).size;

/** vring_need_event: whether the step of an index from `old` to `now` passes the one that the other side waits for. */
export const needsEvent = (event: number, now: number, old: number): boolean => ((now - event - 1) & 0xffff) < ((now - old) & 0xffff);
