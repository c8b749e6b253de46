/**
 * `struct kmb_ipc_buf`: what a word in a FIFO points to, in memory that both processors see. Section 4 of docs/reference/keembay-ipc.md.
 *
 * Packets are read and written in place, byte by byte: whoever writes FREE gives it away by that one store.
 */

export const KMB_IPC_NODE_ARM_CSS = 0;
export const KMB_IPC_NODE_LEON_MSS = 1;

export const KMB_IPC_MAX_CHANNELS = 1024;
/** Channels 0..9 have transmit queues of their own; all others share one. */
export const KMB_IPC_NUM_HS_CHANNELS = 10;

/** Size and alignment in bytes. */
export const PACKET_SIZE = 64;
/** Zeroed memory is a pool of free packets. */
export const PACKET_FREE = 0;
export const PACKET_ALLOCATED = 1;

const DATA_ADDR = 0;
const DATA_SIZE = 4;
const CHANNEL = 8;
const SRC_NODE = 10;
const DST_NODE = 11;
const STATUS = 12;

/** What a packet says, its status aside. */
export interface Packet {
  /** Where the VPU finds the payload. */
  readonly dataAddr: number;
  /** In bytes. */
  readonly dataSize: number;
  readonly channel: number;
  readonly srcNode: number;
  readonly dstNode: number;
}

const u16At = (bytes: Uint8Array, at: number) => (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
const u32At = (bytes: Uint8Array, at: number) => (u16At(bytes, at) | (u16At(bytes, at + 2) << 16)) >>> 0;

function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  putU16(bytes, at, value);
  putU16(bytes, at + 2, value >>> 16);
}

/** @param at where the packet begins */
export function readPacket(bytes: Uint8Array, at: number): Packet {
  return {
    dataAddr: u32At(bytes, at + DATA_ADDR),
    dataSize: u32At(bytes, at + DATA_SIZE),
    channel: u16At(bytes, at + CHANNEL),
    srcNode: bytes[at + SRC_NODE] as number,
    dstNode: bytes[at + DST_NODE] as number,
  };
}

/** All but the status, which stays as it is. Numbers that are too large lose their upper bits, as in C. */
export function writePacket(bytes: Uint8Array, at: number, packet: Packet): void {
  putU32(bytes, at + DATA_ADDR, packet.dataAddr);
  putU32(bytes, at + DATA_SIZE, packet.dataSize);
  putU16(bytes, at + CHANNEL, packet.channel);
  bytes[at + SRC_NODE] = packet.srcNode;
  bytes[at + DST_NODE] = packet.dstNode;
}

export const statusOf = (bytes: Uint8Array, at: number): number => bytes[at + STATUS] as number;

export function setStatus(bytes: Uint8Array, at: number, status: number): void {
  bytes[at + STATUS] = status;
}
