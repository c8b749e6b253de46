/** linux/idxd.h: descriptors and completion records of DSA, and what the driver says of a command (9 of docs/reference/ims-dsa.md). */
import { flagFormatter } from '../flags.ts';

/** What the driver says itself in `cmd_status`. */
export const IDXD_SCMD_DEV_ENABLED = 0x80000010;
export const IDXD_SCMD_DEV_NOT_ENABLED = 0x80000020;
export const IDXD_SCMD_WQ_ENABLED = 0x80000021;
export const IDXD_SCMD_WQ_NO_GRP = 0x80030000;
export const IDXD_SCMD_WQ_NO_NAME = 0x80040000;
export const IDXD_SCMD_WQ_NO_SVM = 0x80050000;
export const IDXD_SCMD_WQ_NO_THRESH = 0x80060000;
export const IDXD_SCMD_WQ_PORTAL_ERR = 0x80070000;
export const IDXD_SCMD_CDEV_ERR = 0x800b0000;
export const IDXD_SCMD_WQ_NONE_CONFIGURED = 0x800d0000;
export const IDXD_SCMD_WQ_NO_SIZE = 0x800e0000;
export const IDXD_SCMD_WQ_USER_NO_IOMMU = 0x80110000;
export const IDXD_SCMD_WQ_NO_DRV_NAME = 0x80200000;

/** Flags of a descriptor. */
export const IDXD_OP_FLAG_FENCE = 0x0001;
export const IDXD_OP_FLAG_BOF = 0x0002;
export const IDXD_OP_FLAG_CRAV = 0x0004;
export const IDXD_OP_FLAG_RCR = 0x0008;
export const IDXD_OP_FLAG_RCI = 0x0010;
export const IDXD_OP_FLAG_CRSTS = 0x0020;
export const IDXD_OP_FLAG_CR = 0x0080;
export const IDXD_OP_FLAG_CC = 0x0100;
export const IDXD_OP_FLAG_ADDR1_TCS = 0x0200;
export const IDXD_OP_FLAG_ADDR2_TCS = 0x0400;
export const IDXD_OP_FLAG_ADDR3_TCS = 0x0800;
export const IDXD_OP_FLAG_CR_TCS = 0x1000;
export const IDXD_OP_FLAG_STORD = 0x2000;
export const IDXD_OP_FLAG_DRDBK = 0x4000;
export const IDXD_OP_FLAG_DSTS = 0x8000;

/** enum dsa_opcode. */
export const DSA_OPCODE_NOOP = 0x00;
export const DSA_OPCODE_BATCH = 0x01;
export const DSA_OPCODE_DRAIN = 0x02;
export const DSA_OPCODE_MEMMOVE = 0x03;
export const DSA_OPCODE_MEMFILL = 0x04;
export const DSA_OPCODE_COMPARE = 0x05;
export const DSA_OPCODE_COMPVAL = 0x06;
export const DSA_OPCODE_CR_DELTA = 0x07;
export const DSA_OPCODE_AP_DELTA = 0x08;
export const DSA_OPCODE_DUALCAST = 0x09;
export const DSA_OPCODE_CRCGEN = 0x10;
export const DSA_OPCODE_COPY_CRC = 0x11;
export const DSA_OPCODE_DIF_CHECK = 0x12;
export const DSA_OPCODE_DIF_INS = 0x13;
export const DSA_OPCODE_DIF_STRP = 0x14;
export const DSA_OPCODE_DIF_UPDT = 0x15;
export const DSA_OPCODE_CFLUSH = 0x20;

/** enum dsa_completion_status. */
export const DSA_COMP_NONE = 0x00;
export const DSA_COMP_SUCCESS = 0x01;
export const DSA_COMP_SUCCESS_PRED = 0x02;
export const DSA_COMP_PAGE_FAULT_NOBOF = 0x03;
export const DSA_COMP_PAGE_FAULT_IR = 0x04;
export const DSA_COMP_BATCH_FAIL = 0x05;
export const DSA_COMP_BATCH_PAGE_FAULT = 0x06;
export const DSA_COMP_DR_OFFSET_NOINC = 0x07;
export const DSA_COMP_DR_OFFSET_ERANGE = 0x08;
export const DSA_COMP_DIF_ERR = 0x09;
export const DSA_COMP_BAD_OPCODE = 0x10;
export const DSA_COMP_INVALID_FLAGS = 0x11;
export const DSA_COMP_NOZERO_RESERVE = 0x12;
export const DSA_COMP_XFER_ERANGE = 0x13;
export const DSA_COMP_DESC_CNT_ERANGE = 0x14;
export const DSA_COMP_DR_ERANGE = 0x15;
export const DSA_COMP_OVERLAP_BUFFERS = 0x16;
export const DSA_COMP_DCAST_ERR = 0x17;
export const DSA_COMP_DESCLIST_ALIGN = 0x18;
export const DSA_COMP_INT_HANDLE_INVAL = 0x19;
export const DSA_COMP_CRA_XLAT = 0x1a;
export const DSA_COMP_CRA_ALIGN = 0x1b;
export const DSA_COMP_ADDR_ALIGN = 0x1c;
export const DSA_COMP_PRIV_BAD = 0x1d;
export const DSA_COMP_PFAULT_RDBA = 0x1f;

export const DSA_COMP_STATUS_MASK = 0x7f;
/** Of a page fault: it was a write. */
export const DSA_COMP_STATUS_WRITE = 0x80;

const formatFlags = flagFormatter({
  bits: {
    IDXD_OP_FLAG_FENCE,
    IDXD_OP_FLAG_BOF,
    IDXD_OP_FLAG_CRAV,
    IDXD_OP_FLAG_RCR,
    IDXD_OP_FLAG_RCI,
    IDXD_OP_FLAG_CRSTS,
    IDXD_OP_FLAG_CR,
    IDXD_OP_FLAG_CC,
    IDXD_OP_FLAG_ADDR1_TCS,
    IDXD_OP_FLAG_ADDR2_TCS,
    IDXD_OP_FLAG_ADDR3_TCS,
    IDXD_OP_FLAG_CR_TCS,
    IDXD_OP_FLAG_STORD,
    IDXD_OP_FLAG_DRDBK,
    IDXD_OP_FLAG_DSTS,
  },
});

const OPCODES: ReadonlyMap<number, string> = new Map(
  Object.entries({
    DSA_OPCODE_NOOP,
    DSA_OPCODE_BATCH,
    DSA_OPCODE_DRAIN,
    DSA_OPCODE_MEMMOVE,
    DSA_OPCODE_MEMFILL,
    DSA_OPCODE_COMPARE,
    DSA_OPCODE_COMPVAL,
    DSA_OPCODE_CR_DELTA,
    DSA_OPCODE_AP_DELTA,
    DSA_OPCODE_DUALCAST,
    DSA_OPCODE_CRCGEN,
    DSA_OPCODE_COPY_CRC,
    DSA_OPCODE_DIF_CHECK,
    DSA_OPCODE_DIF_INS,
    DSA_OPCODE_DIF_STRP,
    DSA_OPCODE_DIF_UPDT,
    DSA_OPCODE_CFLUSH,
  }).map(([name, number]) => [number, name]),
);

const hex = (value: number | bigint) => `0x${value.toString(16)}`;

/** struct dsa_hw_desc for people, as far as all operations have it. @returns undefined for fewer than 64 bytes */
export function formatDescriptor(bytes: Uint8Array): string | undefined {
  if (bytes.length < 64) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const opcode = view.getUint8(7);
  const fields = {
    opcode: OPCODES.get(opcode) ?? hex(opcode),
    flags: formatFlags(view.getUint32(4, true) & 0xffffff),
    completion_addr: hex(view.getBigUint64(8, true)),
    src_addr: hex(view.getBigUint64(16, true)),
    dst_addr: hex(view.getBigUint64(24, true)),
    xfer_size: view.getUint32(32, true),
    int_handle: view.getUint16(36, true),
  };
  return `{${Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ')}}`;
}
