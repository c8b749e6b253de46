import { Errno } from '../../abi/index.ts';
import type { Irqs } from '../../irq/index.ts';
import { type Kernel, type System, wait } from '../../kernel/index.ts';
import type { ContiguousRegion, DmaDevice } from '../../memory/index.ts';
import { type IpcLink, KMB_IPC_MAX_CHANNELS, KMB_IPC_NODE_LEON_MSS, type TimIpcRegisters } from '../../ports/keembay/index.ts';
import { Channel, ChannelTable, type Message } from './channel.ts';
import { MAILBOX_KEEPS_POINTER, PROBE_IGNORES_FIFO, SEND_FREED_EARLY, SIZE_TRUNCATED } from './defects.ts';
import { afterReset, isNamed } from './held-packets.ts';
import { IpcRegion } from './ipc-region.ts';
import { type PacketAllocator, ScannedPool, type ScanStatistics } from './packet-pool.ts';
import { Receiver } from './receive.ts';
import { IpcStatistics } from './statistics.ts';
import { type BusyPolicy, type IpcDesign, Transmitter } from './transmit.ts';
import { TxElement } from './tx-queues.ts';

export interface KeembayIpcDescription {
  readonly system: System;
  /** As which the VPU accesses memory. */
  readonly device: DmaDevice;
  /** For packets of the CPU's, `local`, and of the VPU's. */
  readonly regions: { readonly local: ContiguousRegion; readonly remote: ContiguousRegion };
  /** The registers, as far as the device tree has them. */
  readonly fifos: { readonly cpu: TimIpcRegisters; readonly vpu: TimIpcRegisters } | undefined;
  readonly irqs: Irqs;
  readonly irq: number;
  /** A when left out. */
  readonly design?: IpcDesign;
  /** What the design does when left out: A fails fast, B leaks. */
  readonly busyPolicy?: BusyPolicy;
  /** How long the transmit thread works on each message; 0 when left out. */
  readonly txWork_ns?: number;
  /** How long the mailbox of design B takes to say how a push went; 0 when left out. */
  readonly mailbox_ns?: number;
  /**
   * How long after its packet was given back a message is read, where the processor makes such accesses change places; 0 when left out: the
   * mapping is uncached, and the bus keeps order.
   */
  readonly reorder_ns?: number;
  /** How long the receive tasklet waits for its turn; 0 when left out. */
  readonly tasklet_ns?: number;
  /** How many packets of the CPU's region are used; all when left out. */
  readonly poolSlots?: number;
  /** How packets are found; the scan of the real driver when left out. */
  readonly makePool?: (region: IpcRegion, device: DmaDevice, statistics: ScanStatistics) => PacketAllocator;
}

/** What `timeout` of a receive means for ever. */
export const RECV_FOREVER = 0xffffffff;
/** CONFIG_HZ of arm64: timeouts are rounded up to its ticks. */
const MS_PER_JIFFY = 4;

/** msecs_to_jiffies: what is negative as an int has no end. */
function timeoutOf(timeout_ms: number): number {
  return timeout_ms >= 2 ** 31 ? Number.POSITIVE_INFINITY : Math.ceil(timeout_ms / MS_PER_JIFFY) * MS_PER_JIFFY * 1e6;
}

/** The driver and its interface in the kernel: sections 10 and 11 of docs/reference/keembay-ipc.md. */
export class KeembayIpc implements IpcLink {
  readonly system: System;
  readonly design: IpcDesign;
  readonly local: IpcRegion;
  readonly remote: IpcRegion;
  readonly channels = new ChannelTable();
  readonly statistics = new IpcStatistics();
  /** The VPU's FIFO, for those who want to know how full it is. */
  readonly vpuFifo: TimIpcRegisters | undefined;
  /** Does what has waited for packets to be seen free. Called by the transmit thread after each search. */
  searched: () => Kernel<void> = function* () {};
  readonly pool: PacketAllocator;
  readonly #transmitter: Transmitter;
  readonly #receiver: Receiver | undefined;
  #isBound = true;
  #isRemoving = false;

  /**
   * Probe: 11.1.
   *
   * @throws Errno ENOMEM when a region is not allocated in one piece, and of design B without any packet; EIO; without the defect
   *   also ENOENT when registers are missing
   */
  constructor(description: KeembayIpcDescription) {
    const { system, device, regions, fifos, design = 'A' } = description;
    this.system = system;
    this.design = design;
    if (fifos === undefined && !system.findings.recreates(PROBE_IGNORES_FIFO)) throw new Errno('ENOENT', 'there are no FIFO registers');
    this.local = new IpcRegion(device, regions.local, 'cpu', description.poolSlots);
    try {
      this.remote = new IpcRegion(device, regions.remote, 'vpu');
    } catch (error) {
      this.local.release();
      throw error;
    }
    this.local.memory.bytes().fill(0);
    this.vpuFifo = fifos?.vpu;
    const pool: PacketAllocator =
      description.makePool?.(this.local, device, this.statistics.scan) ?? new ScannedPool(this.local, this.statistics.scan);
    this.pool = pool;
    this.#transmitter = new Transmitter({
      system,
      design,
      busyPolicy: description.busyPolicy ?? (design === 'A' ? 'fail-fast' : 'leak-on-busy'),
      work_ns: description.txWork_ns ?? 0,
      mailbox_ns: description.mailbox_ns ?? 0,
      region: this.local,
      pool,
      fifo: fifos?.vpu,
      statistics: this.statistics,
      searched: () => this.searched(),
    });
    if (fifos === undefined) return;
    const { irqs, irq, tasklet_ns = 0, reorder_ns = 0 } = description;
    const { channels, statistics, remote: region } = this;
    const received = (channel: number) => pool.received?.(channel);
    this.#receiver = new Receiver({
      received,
      system,
      irqs,
      irq,
      design,
      tasklet_ns,
      reorder_ns,
      fifo: fifos.cpu,
      region,
      channels,
      statistics,
    });
  }

  get isBound(): boolean {
    return this.#isBound;
  }

  /** Words between the interrupt and its tasklet. */
  get rxQueued(): number {
    return this.#receiver?.queued ?? 0;
  }

  /** intel_keembay_ipc_open_channel: nobody but us learns of it. @throws Errno EINVAL, ENOMEM, EEXIST */
  openChannel(nodeId: number, chanId: number): Channel {
    this.#check(nodeId, chanId);
    this.system.kmalloc('struct kmb_ipc_channel');
    const channel = new Channel(chanId);
    this.channels.add(channel);
    return channel;
  }

  /**
   * intel_keembay_ipc_close_channel. One that is not open is closed already. What was received and not read is lost; waits for sends that
   * are under way.
   *
   * @throws Errno EINVAL
   */
  *closeChannel(nodeId: number, chanId: number): Kernel<void> {
    this.#check(nodeId, chanId);
    const channel = this.channels.remove(chanId);
    if (channel === undefined) this.system.log.print('info', `keembay-ipc: channel ${chanId} is closed already`);
    else yield* channel.close();
  }

  /**
   * intel_keembay_ipc_send: returns when the packet is in the VPU's FIFO.
   *
   * @param vpuAddr of the payload; nobody checks it
   * @param size of the payload, up to 64 bits, of which the packet has 32
   * @throws Errno EINVAL, ENOENT, ENOMEM without a free packet, ENXIO, EFAULT, EBUSY when the FIFO is full, EPIPE, ERESTARTSYS
   */
  *send(nodeId: number, chanId: number, vpuAddr: number, size: bigint): Kernel<void> {
    this.#check(nodeId, chanId);
    const { findings } = this.system;
    const isTooLarge = size > 0xffffffffn;
    if (isTooLarge && !findings.recreates(SIZE_TRUNCATED)) throw new Errno('EINVAL', `${size} bytes do not fit the packet`);
    const channel = this.channels.get(chanId);
    if (isTooLarge) findings.report('keembay-ipc-size-truncated', `${size} bytes were sent as ${BigInt.asUintN(32, size)}`);
    const element = new TxElement(chanId, nodeId, vpuAddr, Number(BigInt.asUintN(32, size)), this.system.now());
    yield* channel.inside(() => this.#transmit(element));
  }

  *#transmit(element: TxElement): Kernel<void> {
    this.system.kmalloc('struct tx_data');
    this.#transmitter.add(element);
    const isDone = () => element.result !== undefined;
    try {
      yield* wait(element.done, isDone);
    } catch (signal) {
      if (this.#transmitter.withdraw(element)) {
        this.statistics.txInterrupted++;
        throw signal;
      }
      if (this.system.findings.recreates(element.isInMailbox ? MAILBOX_KEEPS_POINTER : SEND_FREED_EARLY)) {
        element.freedBy = element.isInMailbox ? 'the mailbox' : 'the transmit thread';
        this.statistics.txInterrupted++;
        throw signal;
      }
      yield* wait(element.done, isDone, { mode: 'uninterruptible' });
    }
    if (element.result !== 'sent') throw new Errno(element.result ?? 'EPIPE', `the message on channel ${element.channel} was not sent`);
  }

  /**
   * intel_keembay_ipc_recv: the oldest message.
   *
   * @param into where the caller wants it; undefined as NULL
   * @param timeout_ms 0 to only look; {@link RECV_FOREVER}
   * @throws Errno EINVAL, ENOENT, EPIPE when the channel closes meanwhile, whatever came; ETIME, ERESTARTSYS
   */
  *recv(nodeId: number, chanId: number, into: { message?: Message } | undefined, timeout_ms: number): Kernel<void> {
    this.#check(nodeId, chanId);
    if (into === undefined) throw new Errno('EINVAL', 'there is no place for the message');
    const channel = this.channels.get(chanId);
    into.message = yield* channel.inside(() => this.#receive(channel, timeout_ms));
  }

  *#receive(channel: Channel, timeout_ms: number): Kernel<Message> {
    let failure: unknown;
    try {
      const options = timeout_ms === RECV_FOREVER ? {} : { timeout_ns: timeoutOf(timeout_ms) };
      if (!(yield* wait(channel.queue, () => channel.hasMessage || channel.isClosing, options)))
        failure = new Errno('ETIME', `no message on channel ${channel.id} in ${timeout_ms} ms`);
    } catch (signal) {
      failure = signal;
    }
    if (channel.isClosing) throw new Errno('EPIPE', `channel ${channel.id} was closed`);
    if (failure !== undefined) throw failure;
    return channel.takeMessage() as Message;
  }

  /** A signal comes to the transmit thread; on Linux kernel threads get those that they ask for. */
  signalTransmitThread(): void {
    this.#transmitter.signal();
  }

  isNamed(vpuAddr: number, length: number): boolean {
    return isNamed(this.local, vpuAddr, length);
  }

  /** The VPU was reset: whatever packets it held, it will not free. */
  vpuWasReset(): void {
    afterReset(this.system, this.local, (slot) => this.#transmitter.hasUnsent(slot));
  }

  /** Remove: 11.2; once. The VPU may still hold packets; nothing prevents it. */
  *remove(): Kernel<void> {
    if (this.#isRemoving) return;
    this.#isRemoving = true;
    if (this.#receiver !== undefined) yield* this.#receiver.killTasklet();
    for (let id = 0; id < KMB_IPC_MAX_CHANNELS; id++) {
      const channel = this.channels.remove(id);
      if (channel !== undefined) yield* channel.close();
    }
    yield* this.#transmitter.stop();
    if (this.#receiver !== undefined) yield* this.#receiver.release();
    this.#isBound = false;
    if (this.pool.remove !== undefined) yield* this.pool.remove();
    this.local.release();
    this.remote.release();
  }

  /** 10.1. @throws Errno EINVAL */
  #check(nodeId: number, chanId: number): void {
    if (!this.#isBound) throw new Errno('EINVAL', 'the device is not bound');
    if (nodeId !== KMB_IPC_NODE_LEON_MSS) throw new Errno('EINVAL', `there is no link to node ${nodeId}`);
    if (chanId >= KMB_IPC_MAX_CHANNELS) throw new Errno('EINVAL', `there is no channel ${chanId}`);
  }
}
