/** linux/idxd.h: descriptors and completion records of DSA, and what the driver says of a command (9 of docs/reference/ims-dsa.md). */

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
