/** vc_sm_cma_vchi.c: commands to the VPU, its answers and events. Section 10 of docs/reference/vc-sm-cma.md. */
import { type EncodableStruct, Errno, isErrno, type Members, type Struct } from '../../abi/index.ts';
import { type Kernel, type System, WaitQueue, wait } from '../../kernel/index.ts';
import {
  decodeBody,
  encodeCommand,
  VC_SM_EVENT,
  VC_SM_MAX_MSG_LEN,
  type VchiqService,
  vc_sm_version,
} from '../../ports/videocore/index.ts';
import type { CommandBlock } from './command-block.ts';
import { CommandPool } from './command-pool.ts';
import { VCSM_DEFECTS } from './defects.ts';

const TRANS_ID_MASK = 0x7fffffff;
/** Reads as a refusal. */
const NO_ANSWER = new Uint8Array(VC_SM_MAX_MSG_LEN);

export interface TransportOptions {
  readonly system: System;
  readonly service: VchiqService;
  /** Serves an event of the VPU; called by the thread. */
  readonly onEvent: (bytes: Uint8Array) => Kernel<void>;
  /** The service has ended: nobody will answer or tell of anything. Called by the thread, after who waited was woken. */
  readonly onClosed: () => Kernel<void>;
  /** Whether this revision kept ids in 16 bits. */
  readonly hadNarrowIds: boolean;
  /** How many commands there were before, as after long use. */
  readonly commandsBefore: number;
}

/** A command that a signal cut short, after it had gone out. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * Invariant: a block is in exactly one place: the pool, the list of commands to be sent, that of commands sent, that of those whose
 * answer nobody waits for, or with whoever fills it or reads its answer.
 */
export class Transport {
  /** Of the last command, as `int_trans_id`. */
  lastTransId = 0;
  readonly #options: TransportOptions;
  readonly #pool: CommandPool;
  #commands: CommandBlock[] = [];
  readonly #sent = new Set<CommandBlock>();
  /** Those of waits that a signal ended, when the answer came all the same: the thread takes them back. */
  readonly #dead: CommandBlock[] = [];
  readonly #work = new WaitQueue('work for SMIO');
  readonly #served = new WaitQueue('SMIO to have served what has come');
  #closedSeen = false;
  /** The thread has died of an oops. */
  isDead = false;

  /** Starts the thread. */
  constructor(options: TransportOptions) {
    this.#options = options;
    this.#pool = new CommandPool(options.system);
    this.lastTransId = options.commandsBefore;
    options.system.scheduler.spawn('SMIO', undefined, this.#run());
  }

  /** The doorbell: for the interrupt handler. */
  ring(): void {
    this.#work.wake();
  }

  /** Nothing is to be sent or taken. */
  get isQuiet(): boolean {
    const { service } = this.#options;
    return this.isDead || (this.#commands.length === 0 && !service.hasMessage && service.isClosed === this.#closedSeen);
  }

  /** Commands that have gone out and are not answered. */
  get inFlight(): number {
    return this.#sent.size;
  }

  /** The service has ended, and this driver acts upon it. */
  get isOver(): boolean {
    const { service, system } = this.#options;
    return service.isClosed && !system.findings.recreates(VCSM_DEFECTS.Q19);
  }

  /** A command without answer, from code that cannot wait for a block: the thread would wait for itself. */
  post<M extends Members>(type: number, layout: Struct<M>, body: EncodableStruct<M>): void {
    this.#queue(this.#pool.takeNow(), type, layout, body, false);
  }

  /** A command without answer. @throws Errno ENOMEM */
  *send<M extends Members>(type: number, layout: Struct<M>, body: EncodableStruct<M>): Kernel<void> {
    this.#queue(yield* this.#pool.take(), type, layout, body, false);
  }

  /**
   * A command, until its answer.
   *
   * @param late told of the answer when it comes after a signal
   * @returns the answer's bytes, as long as the longest message
   * @throws Errno ENOMEM; ENXIO when it could not be sent; ERESTARTSYS (ENXIO of the real driver) for a signal before it was;
   *   Interrupted for a signal after that
   */
  *ask<M extends Members>(
    type: number,
    layout: Struct<M>,
    body: EncodableStruct<M>,
    late: (answer: Uint8Array) => Kernel<void>,
  ): Kernel<Uint8Array> {
    if (this.isOver) throw new Errno('ENXIO', 'the service is closed');
    const block = yield* this.#pool.take();
    this.#queue(block, type, layout, body, true);
    try {
      yield* wait(block.completed, () => block.isComplete);
    } catch (error) {
      if (!isErrno(error, 'ERESTARTSYS')) throw error;
      yield* this.#interrupted(block, late);
      throw block.isSent ? new Interrupted('a signal came before the answer') : error;
    }
    const { message, hasFailed } = block;
    // With Q15 it may have been complete before it was sent.
    if (block.isSent) this.#pool.giveBack(block);
    else block.waits = false;
    block.isComplete = false;
    if (hasFailed) throw new Errno('ENXIO', 'the command could not be sent');
    return message;
  }

  /** A signal has ended the wait: what becomes of the block. @throws Errno ENXIO for one that was not sent, with Q10 */
  *#interrupted(block: CommandBlock, late: (answer: Uint8Array) => Kernel<void>): Kernel<void> {
    const { findings } = this.#options.system;
    if (!block.isSent) {
      this.#commands = this.#commands.filter((other) => other !== block);
      this.#pool.giveBack(block);
      if (findings.recreates(VCSM_DEFECTS.Q10)) throw new Errno('ENXIO', 'a signal came before the command was sent');
      return;
    }
    // The lists have a lock. With Q15 the thread is always the first to get it.
    if (findings.recreates(VCSM_DEFECTS.Q15)) yield* wait(this.#served, () => this.isQuiet, { mode: 'uninterruptible' });
    if (findings.recreates(VCSM_DEFECTS.Q9)) {
      this.#sent.delete(block);
      this.#pool.giveBack(block);
      return;
    }
    block.late = late;
    if (!block.isComplete) return;
    this.#dead.push(block);
    this.#work.wake();
  }

  #queue<M extends Members>(block: CommandBlock, type: number, layout: Struct<M>, body: EncodableStruct<M>, waits: boolean): void {
    const { system, hadNarrowIds } = this.#options;
    this.lastTransId = (this.lastTransId + 1) & TRANS_ID_MASK;
    const isNarrow = hadNarrowIds && system.findings.recreates(VCSM_DEFECTS.Q13);
    const message = encodeCommand(type, this.lastTransId, layout, body);
    block.begin(isNarrow ? this.lastTransId & 0xffff : this.lastTransId, message, waits, system.findings.recreates(VCSM_DEFECTS.Q15));
    this.#commands.push(block);
    this.#work.wake();
  }

  /** vc_sm_cma_vchi_videocore_io. */
  *#run(): Kernel<void> {
    const { service, system } = this.#options;
    for (;;) {
      const hasClosed = () => service.isClosed && !this.#closedSeen;
      const hasWork = () => this.#commands.length > 0 || service.hasMessage || this.#dead.length > 0 || hasClosed();
      yield* wait(this.#work, hasWork, { mode: 'uninterruptible' });
      if (hasClosed()) yield* this.#close();
      for (let block = this.#commands.shift(); block !== undefined; block = this.#commands.shift()) this.#transmit(block);
      for (let bytes = service.takeMessage(); bytes !== undefined; bytes = service.takeMessage()) {
        const first = decodeBody(vc_sm_version, bytes).version;
        if ((first & VC_SM_EVENT) === 0) yield* this.#answer(first, bytes);
        else {
          try {
            yield* this.#options.onEvent(bytes);
          } catch (error) {
            // Who dies of an oops here is this thread.
            this.isDead = true;
            this.#served.wake();
            system.log.print('err', `SMIO: ${(error as Error).message}`);
            return;
          }
        }
      }
      for (const block of this.#dead.splice(0)) yield* this.#tellLate(block, block.message);
      this.#served.wake();
    }
  }

  /** The answer to a command whose wait was cut short. */
  *#tellLate(block: CommandBlock, answer: Uint8Array): Kernel<void> {
    const { late } = block;
    this.#pool.giveBack(block);
    if (late !== undefined) yield* late(answer);
  }

  #transmit(block: CommandBlock): void {
    const { service, system } = this.#options;
    const { findings, log } = system;
    // As in Linux, it counts as sent before it is.
    this.#sent.add(block);
    block.isSent = true;
    if (service.isClosed && findings.recreates(VCSM_DEFECTS.Q19)) return;
    const status = service.queueMessage(block.message);
    if (status !== 0) {
      log.print('err', `vc_sm_cma_vchi_videocore_io: failed to queue message (${status})`);
      block.hasFailed = !findings.recreates(VCSM_DEFECTS.Q14);
    }
    if (status === 0 && block.waits) return;
    this.#sent.delete(block);
    if (block.waits) block.complete();
    else this.#pool.giveBack(block);
  }

  /** vc_sm_cma_vchi_rx_ack. */
  *#answer(id: number, bytes: Uint8Array): Kernel<void> {
    const { log } = this.#options.system;
    if (bytes.length > VC_SM_MAX_MSG_LEN) {
      log.print('err', `vc_sm_cma_vchi_rx_ack: reply too big (${bytes.length}) ${id}, throw away...`);
      return;
    }
    const block = [...this.#sent].find((sent) => sent.id === id);
    if (block === undefined) {
      log.print('err', `vc_sm_cma_vchi_rx_ack: received response ${id}, throw away...`);
      return;
    }
    this.#sent.delete(block);
    if (block.late !== undefined) {
      yield* this.#tellLate(block, bytes);
      return;
    }
    block.message = bytes;
    block.complete();
  }

  /** The firmware has closed the service: nobody will answer. */
  *#close(): Kernel<void> {
    const { system } = this.#options;
    this.#closedSeen = true;
    system.log.print('info', 'vc_sm_cma_vchi_callback: service CLOSED!!');
    if (system.findings.recreates(VCSM_DEFECTS.Q19)) return;
    for (const block of this.#sent) {
      this.#sent.delete(block);
      block.hasFailed = true;
      if (block.late === undefined) block.complete();
      else yield* this.#tellLate(block, NO_ANSWER);
    }
    yield* this.#options.onClosed();
  }
}
