/** What an engine does with a descriptor: 9.5 to 9.8 of docs/reference/ims-dsa.md. */
import {
  DSA_COMP_BATCH_FAIL,
  DSA_COMP_BATCH_PAGE_FAULT,
  DSA_COMP_CRA_ALIGN,
  DSA_COMP_CRA_XLAT,
  DSA_COMP_DESC_CNT_ERANGE,
  DSA_COMP_DESCLIST_ALIGN,
  DSA_COMP_INT_HANDLE_INVAL,
  DSA_COMP_PAGE_FAULT_IR,
  DSA_COMP_PAGE_FAULT_NOBOF,
  DSA_COMP_STATUS_WRITE,
  DSA_COMP_SUCCESS,
  DSA_OPCODE_BATCH,
  DSA_OPCODE_DRAIN,
  IDXD_OP_FLAG_BOF,
  IDXD_OP_FLAG_CRAV,
  IDXD_OP_FLAG_FENCE,
  IDXD_OP_FLAG_RCI,
  IDXD_OP_FLAG_RCR,
} from '../../abi/uapi/index.ts';
import type { Ims, ImsVector } from '../../ims/index.ts';
import { type Kernel, wait } from '../../kernel/index.ts';
import { Completion, DESCRIPTOR_SIZE, Descriptor, type DeviceMemory, RECORD_SIZE } from '../../ports/dsa/index.ts';
import { TranslationFault } from './device-access.ts';
import { OPERATIONS } from './operations.ts';
import { rejection } from './validate.ts';
import type { Work } from './work-queue.ts';

const BATCH_MIN = 2;
const isGood = (status: number) => status === DSA_COMP_SUCCESS || status === DSA_COMP_SUCCESS + 1;

/** What could not be told to the program: for the register SWERR. */
export interface SoftwareError {
  readonly status: number;
  readonly descriptor: Descriptor;
  readonly work: Work;
  readonly faultAddress: number;
  readonly isWrite: boolean;
  /** Of a member of a batch. */
  readonly batchIndex: number | undefined;
}

export interface EngineDescription {
  readonly ims: Ims;
  readonly onError: (error: SoftwareError) => void;
}

/** Executes descriptors one at a time. */
export class Engine {
  readonly #ims: Ims;
  readonly #onError: EngineDescription['onError'];

  constructor({ ims, onError }: EngineDescription) {
    this.#ims = ims;
    this.#onError = onError;
  }

  /** Does what the descriptor says, to its completion record and interrupt. */
  *execute(work: Work): Kernel<void> {
    yield* this.#one(work, work.descriptor, work.vector, undefined);
  }

  /** @returns the status */
  *#one(work: Work, descriptor: Descriptor, vector: ImsVector | undefined, batchIndex: number | undefined): Kernel<number> {
    const record = new Completion();
    const isMember = batchIndex !== undefined;
    const { flags, completion } = descriptor;
    const fail = (status: number, faultAddress = 0, isWrite = false) => {
      if (!work.memory.isGone) this.#onError({ status, descriptor, work, faultAddress, isWrite, batchIndex });
    };
    if ((flags & IDXD_OP_FLAG_CRAV) !== 0 && completion % RECORD_SIZE !== 0) {
      fail(DSA_COMP_CRA_ALIGN);
      return DSA_COMP_CRA_ALIGN;
    }
    record.status =
      rejection(descriptor, work.queue, record, isMember, vector !== undefined) ?? (yield* this.#run(work, descriptor, record));
    // Whose interrupt it was may have given it back meanwhile.
    if (vector !== undefined && vector.handle === undefined && isGood(record.status)) record.status = DSA_COMP_INT_HANDLE_INVAL;
    const { status } = record;
    if (status !== DSA_COMP_SUCCESS || (flags & IDXD_OP_FLAG_RCR) !== 0) {
      if ((flags & IDXD_OP_FLAG_CRAV) === 0) {
        if (!isGood(status)) fail(status, record.faultAddress, (status & DSA_COMP_STATUS_WRITE) !== 0);
      } else if (!(yield* writeRecord(work.memory, completion, record))) {
        fail(DSA_COMP_CRA_XLAT, completion, true);
        return DSA_COMP_CRA_XLAT;
      }
    }
    if (vector?.handle !== undefined && (flags & IDXD_OP_FLAG_RCI) !== 0) this.#ims.fire(vector);
    return status;
  }

  *#run(work: Work, descriptor: Descriptor, record: Completion): Kernel<number> {
    try {
      if (descriptor.opcode === DSA_OPCODE_BATCH) return yield* this.#batch(work, descriptor, record);
      if (descriptor.opcode === DSA_OPCODE_DRAIN) return yield* drain(work);
      return yield* (OPERATIONS.get(descriptor.opcode) as NonNullable<ReturnType<typeof OPERATIONS.get>>).execute(
        descriptor,
        work.memory,
        record,
      );
    } catch (error) {
      if (!(error instanceof TranslationFault)) throw error;
      record.faultAddress = error.address;
      // Nothing here brings pages in: a request for one is refused.
      const status = (descriptor.flags & IDXD_OP_FLAG_BOF) !== 0 ? DSA_COMP_PAGE_FAULT_IR : DSA_COMP_PAGE_FAULT_NOBOF;
      return status | (error.isWrite ? DSA_COMP_STATUS_WRITE : 0);
    }
  }

  *#batch(work: Work, { source: list, size: count }: Descriptor, record: Completion): Kernel<number> {
    if (list % DESCRIPTOR_SIZE !== 0) return DSA_COMP_DESCLIST_ALIGN;
    if (count < BATCH_MIN || count > work.queue.batchMax) return DSA_COMP_DESC_CNT_ERANGE;
    let hasFailed = false;
    for (let index = 0; index < count; index++) {
      const at = list + index * DESCRIPTOR_SIZE;
      const bytes = yield* work.memory.read(at, DESCRIPTOR_SIZE);
      if (bytes.length < DESCRIPTOR_SIZE) {
        record.faultAddress = at + bytes.length;
        record.result = hasFailed ? 1 : 0;
        return DSA_COMP_BATCH_PAGE_FAULT;
      }
      const member = new Descriptor(bytes);
      // A fence after a failure ends the batch.
      if (hasFailed && (member.flags & IDXD_OP_FLAG_FENCE) !== 0) break;
      // Members are of the batch's address space, whatever they say.
      member.setPasid(work.pasid, false);
      const vector = (member.flags & IDXD_OP_FLAG_RCI) === 0 ? undefined : this.#ims.vectorFor(member.interruptHandle, work.pasid);
      if (!isGood(yield* this.#one(work, member, vector, index))) hasFailed = true;
      record.completed = index + 1;
    }
    if (!hasFailed) return DSA_COMP_SUCCESS;
    record.result = 1;
    return DSA_COMP_BATCH_FAIL;
  }
}

/** Waits for what came to the queue before, of the same PASID. */
function* drain(work: Work): Kernel<number> {
  const { queue, pasid, order } = work;
  yield* wait(queue.changed, () => queue.isDrained(pasid, order), { mode: 'uninterruptible' });
  return DSA_COMP_SUCCESS;
}

/** The status comes last, once all else is there. @returns false when the address has no translation */
function* writeRecord(memory: DeviceMemory, address: number, record: Completion): Kernel<boolean> {
  const bytes = record.encode();
  if ((yield* memory.write(address + 1, bytes.subarray(1))) < RECORD_SIZE - 1) return false;
  return (yield* memory.write(address, bytes.subarray(0, 1))) === 1;
}
