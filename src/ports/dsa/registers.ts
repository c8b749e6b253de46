/** Registers in BAR 0, commands and their errors: 8.2 and 8.3 of docs/reference/ims-dsa.md. */

export const VER = 0x00;
export const GENCAP = 0x10;
export const WQCAP = 0x20;
export const GRPCAP = 0x30;
export const ENGCAP = 0x38;
export const OPCAP = 0x40;
export const OFFSETS = 0x60;
export const GENCFG = 0x80;
export const GENCTRL = 0x88;
export const GENSTS = 0x90;
export const INTCAUSE = 0x98;
export const CMD = 0xa0;
export const CMDSTS = 0xa8;
export const CMDCAP = 0xb0;
export const SWERR = 0xc0;
export const SWERR_WORDS = 8;
/** What fields of OFFSETS count in. */
export const TABLE_UNIT = 0x100;

/** Of GENCAP. */
export const GENCAP_BLOCK_ON_FAULT = 0x1;
export const GENCAP_OVERLAP = 0x2;
export const GENCAP_CONFIG = 0x80000000;

/** Of GENCTRL: which causes interrupt. */
export const GENCTRL_SOFTERR = 0x1;
export const GENCTRL_HALT = 0x2;

export const STATE_DISABLED = 0;
export const STATE_ENABLED = 1;
export const STATE_HALT = 3;

/** Of INTCAUSE. */
export const CAUSE_ERROR = 0x1;
export const CAUSE_COMMAND = 0x2;

/** Of CMD. */
export const CMD_INTERRUPT = 0x80000000;
export const CMD_SHIFT = 20;
/** Of CMDSTS. */
export const CMDSTS_ACTIVE = 0x80000000;

export const ENABLE_DEVICE = 1;
export const DISABLE_DEVICE = 2;
export const DRAIN_ALL = 3;
export const ABORT_ALL = 4;
export const RESET_DEVICE = 5;
export const ENABLE_WQ = 6;
export const DISABLE_WQ = 7;
export const DRAIN_WQ = 8;
export const ABORT_WQ = 9;
export const RESET_WQ = 10;
export const DRAIN_PASID = 11;
export const ABORT_PASID = 12;

/** What a command ends with. */
export const CMDSTS_SUCCESS = 0;
export const CMDSTS_BAD_COMMAND = 0x01;
export const CMDSTS_BAD_WQ = 0x02;
export const CMDSTS_DEV_NOT_DISABLED = 0x10;
export const CMDSTS_WQ_SIZES = 0x14;
export const CMDSTS_GROUP_EMPTY = 0x15;
export const CMDSTS_GROUP_WQ = 0x16;
export const CMDSTS_GROUP_ENGINE = 0x17;
export const CMDSTS_DEV_NOT_ENABLED = 0x20;
export const CMDSTS_WQ_NOT_DISABLED = 0x21;
export const CMDSTS_WQ_SIZE = 0x22;
export const CMDSTS_WQ_PRIORITY = 0x23;
export const CMDSTS_WQ_BOF = 0x25;
export const CMDSTS_WQ_PASID = 0x26;
export const CMDSTS_WQ_BATCH = 0x27;
export const CMDSTS_WQ_TRANSFER = 0x28;
export const CMDSTS_STOP_DEV_NOT_ENABLED = 0x31;
export const CMDSTS_STOP_WQ_NOT_ENABLED = 0x32;

/** Of a queue's configuration, by byte. */
export const WQCFG_SIZE = 0;
export const WQCFG_THRESHOLD = 4;
export const WQCFG_MODE = 8;
export const WQCFG_LIMITS = 12;
export const WQCFG_STATE = 24;
export const WQCFG_OPS = 32;

/** Bits of WQCFG_MODE. */
export const WQ_DEDICATED = 0x1;
export const WQ_BLOCK_ON_FAULT = 0x2;
export const WQ_PRIORITY_SHIFT = 4;
export const WQ_PASID_SHIFT = 8;
export const WQ_PASID_ENABLE = 0x10000000;

/** Of a group's configuration, by byte. */
export const GRPCFG_STRIDE = 64;
export const GRPCFG_ENGINES = 32;
export const GRPCFG_FLAGS = 40;

/** Each queue has four pages in BAR 2: unlimited, limited, and both again for IMS. */
export const PORTALS_PER_WQ = 4;
/** Operand of commands that name queues by bit. */
export const wqBit = (wq: number): number => (1 << (wq % 16)) | (Math.floor(wq / 16) << 16);
