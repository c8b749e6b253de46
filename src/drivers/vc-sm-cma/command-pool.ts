/** Where command blocks come from: section 10.1 of docs/reference/vc-sm-cma.md. */
import { isErrno } from '../../abi/index.ts';
import { type Kernel, type System, WaitQueue, wait } from '../../kernel/index.ts';
import { BLOCKS, CommandBlock } from './command-block.ts';

/** So many commands can be under way; who wants one more waits, unless a signal comes. */
export class CommandPool {
  readonly #system: System;
  readonly #free: CommandBlock[] = Array.from({ length: BLOCKS }, () => new CommandBlock(false));
  readonly #freed = new WaitQueue('a free command block');

  constructor(system: System) {
    this.#system = system;
  }

  /** vc_vchi_cmd_create. A signal ends the wait for the pool, not the command. @throws Errno ENOMEM */
  *take(): Kernel<CommandBlock> {
    try {
      yield* wait(this.#freed, () => this.#free.length > 0);
    } catch (error) {
      if (!isErrno(error, 'ERESTARTSYS')) throw error;
      this.#system.kmalloc('struct sm_cmd_rsp_blk');
      return new CommandBlock(true);
    }
    return this.#free.pop() as CommandBlock;
  }

  /** The same for code that must not wait: an extra block when there is none. */
  takeNow(): CommandBlock {
    return this.#free.pop() ?? new CommandBlock(true);
  }

  giveBack(block: CommandBlock): void {
    if (block.isExtra) return;
    this.#free.push(block);
    this.#freed.wakeOne();
  }
}
