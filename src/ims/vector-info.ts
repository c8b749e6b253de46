import {
  IMS_NO_IRTE,
  IMS_VECTOR_ACTIVATED,
  IMS_VECTOR_EVENTFD,
  IMS_VECTOR_HANDLE,
  IMS_VECTOR_MASKED,
  IMS_VECTOR_PENDING,
  IMS_VECTOR_REMAPPED,
  IMS_VECTOR_STALE,
} from '../abi/uapi/index.ts';
import type { ImsVector } from './group.ts';
import type { Ims } from './ims.ts';
import { controlWord } from './storage.ts';

/** All that can be seen of a vector: `struct ims_vector`. */
export function describeVector(ims: Ims, vector: ImsVector) {
  const entry = ims.storage.entry(vector.slot);
  const { message } = entry;
  const { hwirq, target, irte } = ims.whereabouts(vector);
  const flag = (isSet: boolean, bit: number) => (isSet ? bit : 0);
  return {
    flags:
      flag(entry.isMasked, IMS_VECTOR_MASKED) |
      flag(entry.isPending, IMS_VECTOR_PENDING) |
      flag(vector.eventfd !== undefined, IMS_VECTOR_EVENTFD) |
      flag(irte !== undefined, IMS_VECTOR_REMAPPED) |
      flag(target !== undefined, IMS_VECTOR_ACTIVATED) |
      flag(vector.handle !== undefined, IMS_VECTOR_HANDLE) |
      flag(ims.storage.isStale(vector.slot), IMS_VECTOR_STALE),
    virq: vector.irq,
    slot: vector.slot,
    hwirq,
    int_handle: vector.handle ?? 0,
    addr_lo: message.addressLo,
    addr_hi: message.addressHi,
    data: message.data,
    ctrl: controlWord(entry),
    irte: irte ?? IMS_NO_IRTE,
    cpu: target?.cpu ?? 0,
    vector: target?.vector ?? 0,
    count: vector.count,
  };
}
