import type { MemoryObject } from '../../kernel/index.ts';
import { PACKET_SIZE } from './packet.ts';
import type { PacketRecord } from './packet-record.ts';

/** A part of DDR that holds packets, as both sides have it. */
export interface SharedRegion {
  /** Where the VPU sees it. */
  readonly vpuAddr: number;
  /** In bytes. */
  readonly size: number;
  readonly memory: MemoryObject;
  readonly record: PacketRecord;
}

/** Which packet of a region is at an address of the VPU; undefined outside. */
export function slotAt(region: Pick<SharedRegion, 'vpuAddr' | 'size'>, vpuAddr: number): number | undefined {
  if (vpuAddr < region.vpuAddr || vpuAddr >= region.vpuAddr + region.size) return undefined;
  return Math.floor((vpuAddr - region.vpuAddr) / PACKET_SIZE);
}
