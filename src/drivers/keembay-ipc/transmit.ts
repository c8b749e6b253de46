import type { ErrnoName } from '../../abi/index.ts';
import { finish, type Kernel, type System, sleep, WaitQueue, wait } from '../../kernel/index.ts';
import {
  KMB_IPC_NODE_ARM_CSS,
  PACKET_SIZE,
  TIM_IPC_FIFO,
  TIM_IPC_FIFO_OF_FLAG0,
  type TimIpcRegisters,
  writePacket,
} from '../../ports/keembay/index.ts';
import { BUSY_LEAKS_SLOT } from './defects.ts';
import type { IpcRegion } from './ipc-region.ts';
import { Mailbox } from './mailbox.ts';
import type { PacketAllocator } from './packet-pool.ts';
import type { IpcStatistics, QueueStatistics } from './statistics.ts';
import { queueOf, type TxElement, TxQueues } from './tx-queues.ts';

/** A: the driver owns the FIFO. B: a mailbox controller does, and says later how a push went. Section 0 of docs/reference/keembay-ipc.md. */
export type IpcDesign = 'A' | 'B';

/** What becomes of a message that finds the FIFO full: section 12. */
export type BusyPolicy = 'fail-fast' | 'leak-on-busy' | 'retry-until-accepted';

export interface TransmitterDescription {
  readonly system: System;
  readonly design: IpcDesign;
  readonly busyPolicy: BusyPolicy;
  /** How long the thread works on each message; with 0 nothing can come in between. */
  readonly work_ns: number;
  /** How long the mailbox of design B takes to say how a push went. */
  readonly mailbox_ns: number;
  readonly region: IpcRegion;
  readonly pool: PacketAllocator;
  /** The VPU's FIFO; undefined when probe did not find it. */
  readonly fifo: TimIpcRegisters | undefined;
  readonly statistics: IpcStatistics;
  /** Called after each search for a packet. */
  readonly searched: () => Kernel<void>;
}

/** Of the CPU: the same as its node. */
const PROCESSOR_ID = KMB_IPC_NODE_ARM_CSS;
const RETRY_NS = 10_000;

/** Sends messages, one at a time: section 8 of docs/reference/keembay-ipc.md. */
export class Transmitter {
  readonly #description: TransmitterDescription;
  readonly #queues = new TxQueues();
  readonly #work = new WaitQueue('a message to send');
  /** How often the thread is to look: one completion for each element, also for those that were withdrawn. */
  #completions = 0;
  /** Of design B. */
  readonly #mailbox: Mailbox | undefined;
  /** Packets that were taken and are not in the FIFO yet. */
  readonly #unsent = new Set<number>();
  #isStopping = false;
  #isStopped = false;

  constructor(description: TransmitterDescription) {
    this.#description = description;
    const { design, system, mailbox_ns, busyPolicy } = description;
    if (design === 'B')
      this.#mailbox = new Mailbox({
        system,
        tasklet_ns: mailbox_ns,
        retries: busyPolicy === 'retry-until-accepted',
        push: ({ slot }) => this.#push(slot),
        done: (element, wasPushed) => this.#finish(element, wasPushed),
      });
    description.system.scheduler.spawn('kmb_ipc_tx_thread', undefined, this.#thread());
  }

  add(element: TxElement): void {
    this.#queues.add(element);
    this.#completions++;
    this.#work.wake();
  }

  /** @returns false when the thread has it */
  withdraw(element: TxElement): boolean {
    return this.#queues.withdraw(element);
  }

  /** Whether a packet is still the driver's own, whatever its status says. */
  hasUnsent(slot: number): boolean {
    return this.#unsent.has(slot);
  }

  /** A signal comes to the thread. */
  signal(): void {
    this.#mailbox?.signal();
  }

  /** Ends the thread. Senders whose messages are still queued get EPIPE. */
  *stop(): Kernel<void> {
    this.#isStopping = true;
    this.#work.wake();
    yield* wait(this.#work, () => this.#isStopped, { mode: 'uninterruptible' });
    for (let element = this.#queues.take(); element !== undefined; element = this.#queues.take()) this.#complete(element, 'EPIPE');
    this.#mailbox?.stop();
  }

  *#thread(): Kernel<void> {
    while (!this.#isStopping) {
      yield* wait(this.#work, () => this.#completions > 0 || this.#isStopping, { mode: 'uninterruptible' });
      if (this.#isStopping) break;
      this.#completions--;
      const element = this.#queues.take();
      if (element === undefined) continue;
      if (this.#description.work_ns > 0) yield* sleep(this.#description.work_ns);
      yield* this.#send(element);
    }
    this.#isStopped = true;
    this.#work.wake();
  }

  *#send(element: TxElement): Kernel<void> {
    const { system, pool, region, statistics, searched } = this.#description;
    const slot = yield* finish(pool.allocate(element.channel));
    statistics.exhaustion.note(element.channel, slot !== undefined, system.now());
    yield* searched();
    if (slot === undefined) {
      statistics.txNoPacket++;
      this.#complete(element, 'ENOMEM');
      return;
    }
    writePacket(region.memory.bytes(), slot * PACKET_SIZE, {
      dataAddr: element.vpuAddr,
      dataSize: element.size,
      channel: element.channel,
      srcNode: KMB_IPC_NODE_ARM_CSS,
      dstNode: element.dstNode,
    });
    element.slot = slot;
    this.#unsent.add(slot);
    const failure = this.#unreachable();
    if (failure === undefined) yield* this.#deliver(element);
    else this.#giveUp(element, failure);
  }

  #giveUp(element: TxElement, why: ErrnoName): void {
    this.#unsent.delete(element.slot);
    this.#description.pool.release(element.slot);
    this.#complete(element, why);
  }

  /** Why no packet of the region can be named to the VPU. */
  #unreachable(): ErrnoName | undefined {
    const { vpuAddr, size } = this.#description.region;
    if (vpuAddr + size > 0xffffffff) return 'ENXIO';
    return vpuAddr % PACKET_SIZE === 0 ? undefined : 'EFAULT';
  }

  *#deliver(element: TxElement): Kernel<void> {
    if (this.#mailbox !== undefined) {
      yield* this.#handOver(element, this.#mailbox);
      return;
    }
    let wasPushed = this.#push(element.slot);
    while (!wasPushed && this.#description.busyPolicy === 'retry-until-accepted' && !this.#isStopping) {
      yield* sleep(RETRY_NS);
      wasPushed = this.#push(element.slot);
    }
    this.#finish(element, wasPushed);
  }

  *#handOver(element: TxElement, mailbox: Mailbox): Kernel<void> {
    if (yield* mailbox.takeCredit()) {
      mailbox.send(element);
      return;
    }
    this.#description.system.findings.report(
      'keembay-ipc-foreign-signal',
      `a signal for the transmit thread ended a send on channel ${element.channel}`,
    );
    this.#giveUp(element, 'ERESTARTSYS');
  }

  /** Section 2.6. @returns whether the FIFO had room */
  #push(slot: number): boolean {
    const { fifo, region, system } = this.#description;
    if (fifo === undefined) {
      system.findings.report('keembay-ipc-unmapped-registers', 'the transmit thread writes a register of a FIFO that was not mapped');
      return false;
    }
    region.record.pushed(slot);
    this.#unsent.delete(slot);
    fifo.write(TIM_IPC_FIFO, region.vpuAddrOf(slot) | PROCESSOR_ID);
    if ((fifo.read(TIM_IPC_FIFO_OF_FLAG0) & (1 << PROCESSOR_ID)) === 0) return true;
    fifo.write(TIM_IPC_FIFO_OF_FLAG0, 1 << PROCESSOR_ID);
    region.record.overflowed(slot, 'cpu');
    this.#unsent.add(slot);
    return false;
  }

  #finish(element: TxElement, wasPushed: boolean): void {
    const { slot } = element;
    this.#unsent.delete(slot);
    const { system, pool, statistics, busyPolicy } = this.#description;
    if (wasPushed) {
      statistics.txOk++;
      this.#complete(element, 'sent');
      return;
    }
    statistics.txBusy++;
    if (busyPolicy === 'leak-on-busy' && system.findings.recreates(BUSY_LEAKS_SLOT))
      system.findings.report('keembay-ipc-slot-leaked', `packet ${slot} stays allocated, though its message found the FIFO full`);
    else pool.release(slot);
    this.#complete(element, 'EBUSY');
  }

  #complete(element: TxElement, result: 'sent' | ErrnoName): void {
    const { system, statistics } = this.#description;
    const { findings } = system;
    const { freedBy } = element;
    if (freedBy !== undefined) {
      findings.report(
        freedBy === 'the mailbox' ? 'keembay-ipc-mailbox-use-after-free' : 'keembay-ipc-use-after-free',
        `${freedBy} wrote the result ${result} into memory that the sender had freed`,
      );
      if (result === 'sent')
        findings.report(
          'keembay-ipc-sent-though-interrupted',
          `a message on channel ${element.channel} went out, and its send is made again`,
        );
    }
    if (result === 'sent') {
      const queue = statistics.queues[queueOf(element.channel)] as QueueStatistics;
      queue.sent++;
      queue.waited_ns += system.now() - element.queuedAt_ns;
    }
    element.result = result;
    element.done.wake();
  }
}
