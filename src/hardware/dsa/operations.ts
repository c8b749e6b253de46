/** Which operations there are, and what their descriptors may hold: 9.3 to 9.5 of docs/reference/ims-dsa.md. */
import {
  DSA_COMP_SUCCESS,
  DSA_OPCODE_AP_DELTA,
  DSA_OPCODE_CFLUSH,
  DSA_OPCODE_COMPARE,
  DSA_OPCODE_COMPVAL,
  DSA_OPCODE_COPY_CRC,
  DSA_OPCODE_CR_DELTA,
  DSA_OPCODE_CRCGEN,
  DSA_OPCODE_DIF_CHECK,
  DSA_OPCODE_DIF_INS,
  DSA_OPCODE_DIF_STRP,
  DSA_OPCODE_DIF_UPDT,
  DSA_OPCODE_DUALCAST,
  DSA_OPCODE_MEMFILL,
  DSA_OPCODE_MEMMOVE,
  DSA_OPCODE_NOOP,
  IDXD_OP_FLAG_ADDR1_TCS,
  IDXD_OP_FLAG_ADDR2_TCS,
  IDXD_OP_FLAG_ADDR3_TCS,
  IDXD_OP_FLAG_BOF,
  IDXD_OP_FLAG_CC,
  IDXD_OP_FLAG_CR,
  IDXD_OP_FLAG_CR_TCS,
  IDXD_OP_FLAG_CRAV,
  IDXD_OP_FLAG_CRSTS,
  IDXD_OP_FLAG_DRDBK,
  IDXD_OP_FLAG_DSTS,
  IDXD_OP_FLAG_FENCE,
  IDXD_OP_FLAG_RCI,
  IDXD_OP_FLAG_RCR,
  IDXD_OP_FLAG_STORD,
} from '../../abi/uapi/index.ts';
import { compare, compareValue } from './compare.ts';
import { CRC_BYPASS_DATA_REFLECTION, CRC_BYPASS_INVERSION, CRC_READ_SEED, copyCrc, crcGenerate } from './crc.ts';
import { applyDelta, createDelta } from './delta.ts';
import { difCheck, difInsert, difStrip, difUpdate } from './dif.ts';
import { dualcast, fill, flush, memmove } from './move.ts';
import type { Operation } from './operation.ts';

/** What every descriptor may have. */
export const COMPLETION_FLAGS = IDXD_OP_FLAG_CRAV | IDXD_OP_FLAG_RCR | IDXD_OP_FLAG_RCI | IDXD_OP_FLAG_CR_TCS | IDXD_OP_FLAG_CRSTS;

const LOOK = IDXD_OP_FLAG_FENCE | IDXD_OP_FLAG_BOF | IDXD_OP_FLAG_ADDR1_TCS;
const WRITE =
  IDXD_OP_FLAG_FENCE |
  IDXD_OP_FLAG_BOF |
  IDXD_OP_FLAG_CC |
  IDXD_OP_FLAG_ADDR2_TCS |
  IDXD_OP_FLAG_STORD |
  IDXD_OP_FLAG_DRDBK |
  IDXD_OP_FLAG_DSTS;
const MOVE = WRITE | IDXD_OP_FLAG_ADDR1_TCS;
const CRC = CRC_READ_SEED | CRC_BYPASS_INVERSION | CRC_BYPASS_DATA_REFLECTION;
const DUALCAST_DSTS2 = 0x10000;

const op = (execute: Operation['execute'], flags: number, ...fields: Operation['fields']): Operation => ({
  execute,
  flags,
  fields,
  hasSize: true,
});

export const OPERATIONS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [
    DSA_OPCODE_NOOP,
    {
      *execute() {
        return DSA_COMP_SUCCESS;
      },
      flags: IDXD_OP_FLAG_FENCE,
      fields: [],
      hasSize: false,
    },
  ],
  [DSA_OPCODE_MEMMOVE, op(memmove, MOVE)],
  [DSA_OPCODE_MEMFILL, op(fill, WRITE)],
  [DSA_OPCODE_COMPARE, op(compare, LOOK | IDXD_OP_FLAG_CR | IDXD_OP_FLAG_ADDR2_TCS, [40, 41])],
  [DSA_OPCODE_COMPVAL, op(compareValue, LOOK | IDXD_OP_FLAG_CR, [40, 41])],
  [DSA_OPCODE_CR_DELTA, op(createDelta, MOVE | IDXD_OP_FLAG_CR | IDXD_OP_FLAG_ADDR3_TCS, [40, 52], [56, 57])],
  [DSA_OPCODE_AP_DELTA, op(applyDelta, MOVE, [40, 44])],
  [DSA_OPCODE_DUALCAST, op(dualcast, MOVE | IDXD_OP_FLAG_ADDR3_TCS | DUALCAST_DSTS2, [40, 48])],
  [DSA_OPCODE_CRCGEN, op(crcGenerate, LOOK | IDXD_OP_FLAG_ADDR3_TCS | CRC, [40, 44], [48, 56])],
  [DSA_OPCODE_COPY_CRC, op(copyCrc, MOVE | IDXD_OP_FLAG_ADDR3_TCS | CRC, [40, 44], [48, 56])],
  [DSA_OPCODE_DIF_CHECK, op(difCheck, LOOK, [40, 41], [42, 43], [48, 56])],
  [DSA_OPCODE_DIF_INS, op(difInsert, MOVE, [41, 43], [56, 64])],
  [DSA_OPCODE_DIF_STRP, op(difStrip, MOVE, [40, 41], [42, 43], [48, 56])],
  [DSA_OPCODE_DIF_UPDT, op(difUpdate, MOVE, [40, 43], [48, 64])],
  [DSA_OPCODE_CFLUSH, op(flush, WRITE)],
]);
