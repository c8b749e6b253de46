/** What is wrong with a descriptor before anything is done for it. */
import {
  DSA_COMP_BAD_OPCODE,
  DSA_COMP_INT_HANDLE_INVAL,
  DSA_COMP_INVALID_FLAGS,
  DSA_COMP_NOZERO_RESERVE,
  DSA_COMP_PRIV_BAD,
  DSA_COMP_XFER_ERANGE,
  DSA_OPCODE_BATCH,
  DSA_OPCODE_DRAIN,
  IDXD_OP_FLAG_ADDR1_TCS,
  IDXD_OP_FLAG_ADDR2_TCS,
  IDXD_OP_FLAG_BOF,
  IDXD_OP_FLAG_CRAV,
  IDXD_OP_FLAG_RCI,
  IDXD_OP_FLAG_RCR,
} from '../../abi/uapi/index.ts';
import { type Completion, DESCRIPTOR_SIZE, type Descriptor, OP_SPECIFIC } from '../../ports/dsa/index.ts';
import { COMPLETION_FLAGS, OPERATIONS } from './operations.ts';
import type { QueueLimits } from './work-queue.ts';

/** Drain: readback addresses 1 and 2 are valid, and no readback that was not asked for. */
const DRAIN_FLAGS = IDXD_OP_FLAG_ADDR1_TCS | IDXD_OP_FLAG_ADDR2_TCS | 0xf0000;

/** Of what does not move bytes. */
const CONTROL = new Map<
  number,
  { readonly flags: number; readonly fields: readonly (readonly [number, number])[]; readonly hasSize: false }
>([
  [DSA_OPCODE_BATCH, { flags: IDXD_OP_FLAG_ADDR1_TCS, fields: [], hasSize: false }],
  [DSA_OPCODE_DRAIN, { flags: DRAIN_FLAGS, fields: [], hasSize: false }],
]);

/**
 * The checks of every descriptor, in the order: opcode, privilege, flags, reserved fields, interrupt handle, size.
 *
 * @param isMember of a batch, in which neither batches nor drains are
 * @param hasVector whether its interrupt handle is one of its PASID's
 * @returns the status, or undefined when nothing is wrong
 */
export function rejection(
  descriptor: Descriptor,
  limits: QueueLimits,
  record: Completion,
  isMember: boolean,
  hasVector: boolean,
): number | undefined {
  const { opcode, flags, size } = descriptor;
  const known = OPERATIONS.get(opcode) ?? (isMember ? undefined : CONTROL.get(opcode));
  if (known === undefined || !limits.allows(opcode)) return DSA_COMP_BAD_OPCODE;
  if (descriptor.isPrivileged) return DSA_COMP_PRIV_BAD;
  let invalid = flags & ~(known.flags | COMPLETION_FLAGS);
  if (!limits.blocksOnFault) invalid |= flags & IDXD_OP_FLAG_BOF;
  if ((flags & IDXD_OP_FLAG_CRAV) === 0) invalid |= flags & IDXD_OP_FLAG_RCR;
  if (invalid !== 0) {
    record.specific.setUint32(0, invalid, true);
    return DSA_COMP_INVALID_FLAGS;
  }
  if (hasReserved(descriptor, known.fields)) return DSA_COMP_NOZERO_RESERVE;
  if ((flags & IDXD_OP_FLAG_RCI) !== 0 && !hasVector) return DSA_COMP_INT_HANDLE_INVAL;
  if (known.hasSize && (size === 0 || size > limits.transferMax)) return DSA_COMP_XFER_ERANGE;
  return undefined;
}

function hasReserved({ view }: Descriptor, fields: readonly (readonly [number, number])[]): boolean {
  if ((view.getUint32(0, true) & 0x7ff00000) !== 0 || view.getUint16(38, true) !== 0) return true;
  for (let at = OP_SPECIFIC; at < DESCRIPTOR_SIZE; at++) {
    if (view.getUint8(at) !== 0 && !fields.some(([from, to]) => at >= from && at < to)) return true;
  }
  return false;
}
