/** What crosses the wire between Linux and the VPU of a Keem Bay: FIFO registers, and packets in shared memory. */
export * from './fifo.ts';
export * from './packet.ts';
export { type PacketEvent, type PacketOwner, PacketRecord, type SlotRecord } from './packet-record.ts';
export { type SharedRegion, slotAt } from './shared-region.ts';
export * from './vpu.ts';
export * from './xlink.ts';
