/** drivers/soc/intel/keembay-ipc.c as it was reviewed, and a node for it, which the real one does not have: docs/reference/keembay-ipc.md. */
export type { Channel, Message } from './channel.ts';
export * from './defects.ts';
export { FreeNotice, type FreeNotify } from './free-notice.ts';
export { ReplyBoundPool, SweptPool } from './gen-pool.ts';
export { IpcRegion } from './ipc-region.ts';
export { KeembayIpc, type KeembayIpcDescription, RECV_FOREVER } from './keembay-ipc.ts';
export { addKeembayIpcNode, type KeembayIpcNodeDescription } from './node.ts';
export { addObservationFile, type ObservationFileDescription } from './observation-file.ts';
export { BufferOfAll, BufferPerPacket, exportRange } from './packet-buffers.ts';
export { type PacketAllocator, type PoolCosts, ScannedPool, type ScanStatistics } from './packet-pool.ts';
export { FilePayloads, type PayloadLifetime, Payloads } from './payloads.ts';
export { Exhaustion, IpcStatistics, type QueueStatistics } from './statistics.ts';
export type { BusyPolicy, IpcDesign } from './transmit.ts';
