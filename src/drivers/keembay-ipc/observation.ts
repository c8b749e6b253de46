import { type Decoded, Errno } from '../../abi/index.ts';
import type { keembay_ipc_peek, keembay_ipc_scan, keembay_ipc_stats } from '../../abi/uapi/index.ts';
import { copyToUser, type Kernel, type Task } from '../../kernel/index.ts';
import { PACKET_FREE, PACKET_SIZE, type PacketOwner, readPacket, statusOf } from '../../ports/keembay/index.ts';
import type { IpcRegion } from './ipc-region.ts';
import type { KeembayIpc } from './keembay-ipc.ts';

const OWNERS: readonly PacketOwner[] = ['cpu', 'in-fifo', 'vpu'];

/** The most words that each FIFO ever held; only the hardware knows. */
export interface HighWater {
  readonly cpu: number;
  readonly vpu: number;
}

/** @throws Errno EINVAL */
function poolOf(ipc: KeembayIpc, pool: number): IpcRegion {
  if (pool > 1) throw new Errno('EINVAL', `there is no pool ${pool}`);
  return pool === 0 ? ipc.local : ipc.remote;
}

/** How many of the packets [first, end) are in use. */
function countAllocated({ memory }: IpcRegion, first: number, end: number): number {
  const bytes = memory.bytes();
  let count = 0;
  for (let slot = first; slot < end; slot++) if (statusOf(bytes, slot * PACKET_SIZE) !== PACKET_FREE) count++;
  return count;
}

/** GET_STATS. */
export function statisticsOf({ statistics, local }: KeembayIpc, highWater: HighWater): Decoded<typeof keembay_ipc_stats> {
  const allocated = countAllocated(local, 0, local.slots);
  return {
    tx_ok: statistics.txOk,
    tx_enomem: statistics.txNoPacket,
    tx_ebusy: statistics.txBusy,
    tx_interrupted: statistics.txInterrupted,
    rx_ok: statistics.rxOk,
    rx_drop_closed: statistics.rxClosed,
    rx_drop_bad_header: statistics.rxBadHeader,
    rx_out_of_range: statistics.rxOutOfRange,
    rx_drop_nomem: statistics.rxNoMemory,
    scan_steps_total: statistics.scan.steps,
    scan_steps_max: statistics.scan.stepsMax,
    slots_free_now: local.slots - allocated,
    slots_allocated_now: allocated,
    silent_frees: local.record.silentFrees,
    fifo_high_water: highWater.cpu + highWater.vpu * 2 ** 32,
    irq_masked_count: statistics.irqMasked,
  };
}

/** PEEK_PACKET: one packet, without side effects. @throws Errno EINVAL */
export function peek(ipc: KeembayIpc, request: Decoded<typeof keembay_ipc_peek>): Decoded<typeof keembay_ipc_peek> {
  if (request.reserved !== 0 || request.reserved2 !== 0) throw new Errno('EINVAL', 'a reserved field is not 0');
  const { index, pool } = request;
  const region = poolOf(ipc, pool);
  const record = region.record.slots[index];
  if (record === undefined) throw new Errno('EINVAL', `there is no packet ${index}`);
  const bytes = region.memory.bytes();
  const { dataAddr, dataSize, channel, srcNode, dstNode } = readPacket(bytes, index * PACKET_SIZE);
  return {
    ...request,
    data_addr: dataAddr,
    data_size: dataSize,
    channel,
    src: srcNode,
    dst: dstNode,
    status: statusOf(bytes, index * PACKET_SIZE),
    true_owner: OWNERS.indexOf(record.owner),
    generation: record.generation,
    since_ns: record.since_ns,
  };
}

/** POOL_SCAN: which packets are in use; the cursor stays where it is. @throws Errno EINVAL, EFAULT */
export function* scan(
  ipc: KeembayIpc,
  { pool, first, count, flags, bitmap }: Decoded<typeof keembay_ipc_scan>,
  task: Task,
): Kernel<{ readonly n_allocated: number; readonly n_free: number }> {
  if (flags !== 0) throw new Errno('EINVAL', 'flags is not 0');
  const region = poolOf(ipc, pool);
  if (first + count > region.slots) throw new Errno('EINVAL', `there are ${region.slots} packets`);
  const allocated = countAllocated(region, first, first + count);
  if (bitmap !== 0) {
    const bytes = region.memory.bytes();
    const bits = new Uint8Array(Math.ceil(count / 8));
    for (let i = 0; i < count; i++)
      if (statusOf(bytes, (first + i) * PACKET_SIZE) !== PACKET_FREE) bits[i >> 3] = (bits[i >> 3] as number) | (1 << (i & 7));
    yield* copyToUser(task.memory, bitmap, bits);
  }
  return { n_allocated: allocated, n_free: count - allocated };
}
