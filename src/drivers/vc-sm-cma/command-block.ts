/** A command on its way to the VPU and back: section 10.1 of docs/reference/vc-sm-cma.md. */
import { type Kernel, WaitQueue } from '../../kernel/index.ts';

export const BLOCKS = 32;

export class CommandBlock {
  /** Of its answer. */
  id = 0;
  message: Uint8Array = new Uint8Array(0);
  waits = false;
  isSent = false;
  isComplete = false;
  /** No slot took it. */
  hasFailed = false;
  readonly completed = new WaitQueue('an answer of the VPU');
  /** Allocated because no block of the pool was free; not to go back there. */
  readonly isExtra: boolean;
  /** Told of an answer that comes when nobody waits any more. */
  late: ((answer: Uint8Array) => Kernel<void>) | undefined;

  constructor(isExtra: boolean) {
    this.isExtra = isExtra;
  }

  /** @param keepsCompletion what completed it before is not taken back */
  begin(id: number, message: Uint8Array, waits: boolean, keepsCompletion: boolean): void {
    this.id = id;
    this.message = message;
    this.waits = waits;
    this.isSent = false;
    if (!keepsCompletion) this.isComplete = false;
    this.hasFailed = false;
    this.late = undefined;
  }

  complete(): void {
    this.isComplete = true;
    this.completed.wake();
  }
}
