import { Errno } from '../../../abi/index.ts';
import type { CallArguments, MaybeKernel } from '../../../kernel/index.ts';
import type { Slot } from '../slot.ts';

/** A request of a program as a call of the kernel. */
export interface Call {
  readonly name: string;
  readonly args: CallArguments;
  readonly begin: () => MaybeKernel<unknown>;
  /** Makes the 64-bit result of what the call returned, and puts what else there is into the slot's data. */
  readonly end?: (value: any) => number;
}

/** One reader per request: it reads each word of the slot once. */
export type Reader = (slot: Slot, fd: number) => Call;

/** Readers by request. */
export type Readers = Readonly<Record<number, Reader>>;

/** A call whose arguments are numbers and whose result is one. */
export const plain =
  (name: string, count: number, run: (slot: Slot, fd: number, ...args: number[]) => MaybeKernel<number>): Reader =>
  (slot, fd) => {
    const args = Array.from({ length: count }, (_, index) => slot.argument(index));
    return { name, args: [fd, ...args], begin: () => run(slot, fd, ...args) };
  };

/** A request that is refused whatever it is about. */
export function refused(name: string, args: CallArguments, code: 'ENOTTY' | 'ENOSYS' | 'EINVAL'): Call {
  return {
    name,
    args,
    begin: () => {
      throw new Errno(code);
    },
  };
}
