/** What is configured of a device before it is enabled: queues, groups, engines (10 of docs/reference/ims-dsa.md). */
import { type DsaPort, dsaRegisters as regs } from '../../ports/dsa/index.ts';

export const ENQCMDS_RETRIES = 32;
export const ENQCMDS_RETRIES_MAX = 64;
const MAX_TRANSFER_DEFAULT = 0x200000;
const MAX_BATCH_DEFAULT = 32;

/** What registers say once and for all. */
export interface Capabilities {
  readonly version: number;
  readonly gencap: bigint;
  readonly queues: number;
  readonly groups: number;
  readonly engines: number;
  readonly totalSize: number;
  readonly readBuffers: number;
  readonly maxTransfer: number;
  readonly maxBatch: number;
  readonly isConfigurable: boolean;
  /** 256 bits, lowest first. */
  readonly opcodes: Uint8Array;
  readonly grpcfg: number;
  readonly wqcfg: number;
}

/** idxd_read_caps. */
export function readCapabilities(port: DsaPort): Capabilities {
  const gencap = port.read(regs.GENCAP);
  const wqcap = port.read(regs.WQCAP);
  const grpcap = port.read(regs.GRPCAP);
  const offsets = port.read(regs.OFFSETS);
  const opcodes = new Uint8Array(32);
  for (let at = 0; at < 32; at += 4) new DataView(opcodes.buffer).setUint32(at, port.read(regs.OPCAP + at), true);
  return {
    version: port.read(regs.VER),
    gencap: (BigInt(port.read(regs.GENCAP + 4)) << 32n) | BigInt(gencap),
    queues: (wqcap >>> 16) & 0xff,
    groups: grpcap & 0xff,
    engines: port.read(regs.ENGCAP) & 0xff,
    totalSize: wqcap & 0xffff,
    readBuffers: (grpcap >>> 8) & 0xff,
    maxTransfer: 2 ** ((gencap >>> 16) & 0x1f),
    maxBatch: 2 ** ((gencap >>> 21) & 0xf),
    isConfigurable: (gencap & regs.GENCAP_CONFIG) !== 0,
    opcodes,
    grpcfg: (offsets & 0xffff) * regs.TABLE_UNIT,
    wqcfg: (offsets >>> 16) * regs.TABLE_UNIT,
  };
}

export class GroupConfig {
  readonly index: number;
  readBuffersReserved = 0;
  readBuffersAllowed: number;
  usesReadBufferLimit = false;
  trafficClassA = 1;
  trafficClassB = 1;

  constructor(index: number, { readBuffers }: Capabilities) {
    this.index = index;
    this.readBuffersAllowed = readBuffers;
  }
}

export class EngineConfig {
  readonly index: number;
  group: GroupConfig | undefined;

  constructor(index: number) {
    this.index = index;
  }
}

export class QueueConfig {
  readonly index: number;
  group: GroupConfig | undefined;
  size = 0;
  isDedicated = false;
  threshold = 0;
  priority = 0;
  blocksOnFault = false;
  atsDisabled = false;
  type: 'none' | 'kernel' | 'user' = 'none';
  name = '';
  driverName = '';
  maxTransfer: number;
  maxBatch: number;
  retries = ENQCMDS_RETRIES;
  opcodes: Uint8Array;
  /** Of a dedicated queue's client. */
  pasid: number | undefined;
  readonly #capabilities: Capabilities;

  constructor(index: number, capabilities: Capabilities) {
    this.index = index;
    this.#capabilities = capabilities;
    this.maxTransfer = Math.min(MAX_TRANSFER_DEFAULT, capabilities.maxTransfer);
    this.maxBatch = Math.min(MAX_BATCH_DEFAULT, capabilities.maxBatch);
    this.opcodes = capabilities.opcodes.slice();
  }

  /** idxd_wq_disable_cleanup. Group and size stay until the device is disabled. */
  clear(): void {
    this.type = 'none';
    this.name = '';
    this.threshold = 0;
    this.priority = 0;
    this.isDedicated = false;
    this.blocksOnFault = false;
    this.atsDisabled = false;
    this.retries = ENQCMDS_RETRIES;
    this.maxTransfer = Math.min(MAX_TRANSFER_DEFAULT, this.#capabilities.maxTransfer);
    this.maxBatch = Math.min(MAX_BATCH_DEFAULT, this.#capabilities.maxBatch);
    this.opcodes = this.#capabilities.opcodes.slice();
    this.pasid = undefined;
  }

  /** idxd_wq_config_write. */
  write(port: DsaPort, base: number): void {
    const at = base + this.index * 64;
    const mode =
      (this.isDedicated ? regs.WQ_DEDICATED : 0) |
      (this.blocksOnFault ? regs.WQ_BLOCK_ON_FAULT : 0) |
      (this.atsDisabled ? 4 : 0) |
      (this.priority << regs.WQ_PRIORITY_SHIFT) |
      ((this.pasid ?? 0) << regs.WQ_PASID_SHIFT) |
      (this.isDedicated && this.pasid === undefined ? 0 : regs.WQ_PASID_ENABLE);
    port.write(at + regs.WQCFG_SIZE, this.size);
    port.write(at + regs.WQCFG_THRESHOLD, this.threshold);
    port.write(at + regs.WQCFG_MODE, mode >>> 0);
    port.write(at + regs.WQCFG_LIMITS, Math.log2(this.maxTransfer) | (Math.log2(this.maxBatch) << 5));
    const opcodes = new DataView(this.opcodes.buffer);
    for (let word = 0; word < 8; word++) port.write(at + regs.WQCFG_OPS + 4 * word, opcodes.getUint32(4 * word, true));
  }
}
