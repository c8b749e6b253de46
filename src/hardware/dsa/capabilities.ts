/** What the device says of itself: a first generation DSA with one group for each engine (10 of docs/reference/ims-dsa.md). */
import { dsaRegisters as regs } from '../../ports/dsa/index.ts';
import { OPERATIONS } from './operations.ts';

export interface DsaCapabilities {
  readonly queues: number;
  readonly groups: number;
  readonly engines: number;
  /** Descriptors, of all queues together. */
  readonly totalSize: number;
  readonly readBuffers: number;
}

export const DSA_CAPABILITIES: DsaCapabilities = { queues: 8, groups: 4, engines: 4, totalSize: 128, readBuffers: 96 };

export const GRPCFG = 0x400;
export const WQCFG = 0x600;
export const WQCFG_STRIDE = 64;
const MSIX_PERM = 0xe00;
export const IMS_OFFSET = 0x1000;
export const REGISTERS_SIZE = 0x1000;

const VERSION = 0x100;
/** 2 GiB and 512 descriptors; block on fault, overlap, both cache controls, commands; a message store; to be configured. */
const GENCAP_LOW = (0x8000015f | (31 << 16) | (9 << 21)) >>> 0;
const IMS_SHIFT = 25;
const COMMANDS = 0x1ffe;

/** BAR 0 as it is after a reset. @param imsEntries of the message store */
export function resetRegisters(capabilities: DsaCapabilities, imsEntries: number): DataView {
  const view = new DataView(new ArrayBuffer(REGISTERS_SIZE));
  const { queues, groups, engines, totalSize, readBuffers } = capabilities;
  view.setUint32(regs.VER, VERSION, true);
  view.setUint32(regs.GENCAP, (GENCAP_LOW | (Math.min(63, imsEntries >> 8) << IMS_SHIFT)) >>> 0, true);
  view.setUint32(regs.WQCAP, totalSize | (queues << 16) | (1 << 24), true);
  // Shared and dedicated, ATS control, priority, occupancy, operations by queue.
  view.setUint32(regs.WQCAP + 4, 0x5f0000, true);
  view.setUint32(regs.GRPCAP, groups | (readBuffers << 8) | 0x30000, true);
  view.setUint32(regs.ENGCAP, engines, true);
  for (const opcode of [...OPERATIONS.keys(), 1, 2]) {
    const at = regs.OPCAP + (opcode >> 3);
    view.setUint8(at, view.getUint8(at) | (1 << (opcode & 7)));
  }
  view.setUint16(regs.OFFSETS, GRPCFG / regs.TABLE_UNIT, true);
  view.setUint16(regs.OFFSETS + 2, WQCFG / regs.TABLE_UNIT, true);
  view.setUint16(regs.OFFSETS + 4, MSIX_PERM / regs.TABLE_UNIT, true);
  view.setUint16(regs.OFFSETS + 6, IMS_OFFSET / regs.TABLE_UNIT, true);
  view.setUint32(regs.CMDCAP, COMMANDS, true);
  return view;
}
