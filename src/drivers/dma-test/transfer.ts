import { Errno } from '../../abi/index.ts';
import { DMA_TEST_BRACKET, DMA_TEST_SIGNAL_EARLY } from '../../abi/uapi/index.ts';
import {
  beginAccess,
  DMA_RESV_USAGE_READ,
  DMA_RESV_USAGE_WRITE,
  type DmaBuf,
  type DmaBufAttachment,
  DmaFence,
  endAccess,
  type SgTable,
  usageToWaitFor,
  watchTransfer,
} from '../../dma-buf/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import type { DmaDirection, DmaSegment } from '../../memory/index.ts';
import type { DmaTestEngine, DmaTestResult } from '../../ports/dma-test/index.ts';

/** A buffer that a file has attached. */
export interface Attached {
  /** With a reference. */
  readonly dmabuf: DmaBuf<any>;
  readonly attachment: DmaBufAttachment<undefined>;
  /** DMA_TEST_ bits. */
  readonly flags: number;
  /** Mapped both ways from attach to detach; undefined when each transfer maps the buffer. */
  readonly table: SgTable | undefined;
}

/** Where transfers go, one fence after the other. */
export interface Queue {
  readonly engine: DmaTestEngine;
  readonly context: number;
  submitted: number;
}

export interface Transfer {
  readonly what: 'write' | 'read';
  /** In the buffer, in bytes. */
  readonly offset: number;
  readonly length: number;
  readonly byte: number;
}

const fenceOps = { driverName: () => 'dma-test', timelineName: () => 'engine' };

/** The part [offset, offset + length) of what a table shows. */
function slice(segments: readonly DmaSegment[], offset: number, length: number): DmaSegment[] {
  const parts: DmaSegment[] = [];
  let at = 0;
  for (const segment of segments) {
    const from = Math.max(offset, at);
    const to = Math.min(offset + length, at + segment.length);
    if (from < to) parts.push({ busAddress: segment.busAddress + from - at, length: to - from });
    at += segment.length;
  }
  return parts;
}

/** One transfer from beginning to end, in the order of section 9.3 of docs/reference/dma-buf.md. @throws Errno EINVAL, ERESTARTSYS */
export function* transfer(queue: Queue, attached: Attached, wanted: Transfer): Kernel<DmaTestResult> {
  const { dmabuf, attachment } = attached;
  if (wanted.length === 0 || wanted.offset + wanted.length > dmabuf.size)
    throw new Errno('EINVAL', `${wanted.length} bytes at ${wanted.offset} are not within a buffer of ${dmabuf.size} bytes`);
  const direction = wanted.what === 'write' ? 'from-device' : 'to-device';
  yield* dmabuf.resv.wait(usageToWaitFor(wanted.what === 'write'));
  const table = attached.table ?? (yield* attachment.mapUnlocked(direction));
  try {
    return yield* submit(queue, attached, table, direction, wanted);
  } finally {
    if (attached.table === undefined) yield* attachment.unmapUnlocked(table, direction);
  }
}

/** Begins the access, publishes the fence, starts the engine and waits. */
function* submit(
  queue: Queue,
  { dmabuf, attachment, flags }: Attached,
  table: SgTable,
  direction: DmaDirection,
  { what, offset, length, byte }: Transfer,
): Kernel<DmaTestResult> {
  const { system, resv } = dmabuf;
  const { device } = attachment;
  const isBracketed = (flags & DMA_TEST_BRACKET) !== 0;
  if (isBracketed) beginAccess(system, attachment, table, direction);
  const end = () => {
    if (isBracketed) endAccess(system, attachment, table, direction);
  };
  yield* resv.lock.lock();
  try {
    resv.reserveFences(1);
  } catch (error) {
    resv.unlock();
    end();
    throw error;
  }
  const fence = new DmaFence(system, { ops: fenceOps, context: queue.context, seqno: ++queue.submitted });
  resv.addFence(fence, what === 'write' ? DMA_RESV_USAGE_WRITE : DMA_RESV_USAGE_READ);
  resv.unlock();
  watchTransfer(attachment, fence);

  let result: DmaTestResult | undefined;
  device.invalidateCache();
  queue.engine.start({ what, byte, segments: slice(table.segments, offset, length) }, (found) => {
    result = found;
    device.flushCache();
    const isEarly = (flags & DMA_TEST_SIGNAL_EARLY) !== 0;
    if (isEarly) fence.signal();
    end();
    if (!isEarly) fence.signal();
  });
  yield* fence.wait({ mode: 'uninterruptible' });
  fence.put();
  return result as DmaTestResult;
}
