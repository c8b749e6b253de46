import { type Decoded, Errno, isErrno } from '../../abi/index.ts';
import {
  KEEMBAY_IPC_BIND,
  KEEMBAY_IPC_CLEAR_STATS,
  KEEMBAY_IPC_CLOSE_CHANNEL,
  KEEMBAY_IPC_DMABUF_IMPORT,
  KEEMBAY_IPC_DMABUF_RELEASE,
  KEEMBAY_IPC_FORCE,
  KEEMBAY_IPC_GET_INFO,
  KEEMBAY_IPC_GET_STATS,
  KEEMBAY_IPC_OPEN_CHANNEL,
  KEEMBAY_IPC_PEEK_PACKET,
  KEEMBAY_IPC_POOL_SCAN,
  KEEMBAY_IPC_RECV,
  KEEMBAY_IPC_SEND,
  KEEMBAY_IPC_UNBIND,
  type keembay_ipc_chan,
  keembay_ipc_record,
  O_NONBLOCK,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from '../../abi/uapi/index.ts';
import { type File, type FileOperations, ioctls, type Kernel, on, type PollTable, type Task, WaitQueue } from '../../kernel/index.ts';
import {
  fillLevelOf,
  KMB_IPC_MAX_CHANNELS,
  KMB_IPC_NODE_ARM_CSS,
  KMB_IPC_NODE_LEON_MSS,
  KMB_IPC_NUM_HS_CHANNELS,
  PACKET_SIZE,
  TIM_IPC_FIFO_DEPTH,
  TIM_IPC_FIFO_STAT,
} from '../../ports/keembay/index.ts';
import type { Channel, Message } from './channel.ts';
import type { FreeNotice } from './free-notice.ts';
import { type KeembayIpc, RECV_FOREVER } from './keembay-ipc.ts';
import { type HighWater, peek, scan, statisticsOf } from './observation.ts';
import { FilePayloads, type Payloads } from './payloads.ts';
import { RX_RING_LEN } from './receive.ts';

export interface KeembayIpcNodeDescription {
  readonly ipc: KeembayIpc;
  readonly payloads: Payloads;
  readonly freeNotice: FreeNotice;
  /** Whether channels that were opened through a file close with it; true when left out. */
  readonly closeOnRelease?: boolean;
  /** Physical addresses of the FIFOs' registers. */
  readonly fifoAddresses: { readonly cpu: number; readonly vpu: number };
  readonly highWater: () => HighWater;
  /** Begins those and what else the hardware counts anew. */
  readonly clearHardware: () => void;
  /** A state of the VPU: section 14.1 of docs/reference/keembay-ipc.md. */
  readonly vpuState: () => number;
}

/** The channel that read, write and poll of a file are about. */
interface Binding {
  readonly nodeId: number;
  readonly chanId: number;
  /** As it was last seen open. */
  channel: Channel | undefined;
}

interface Session {
  bound: Binding | undefined;
  /** Those that were opened through this file, the last of each number. */
  readonly opened: Map<number, Channel>;
  readonly payloads: FilePayloads;
}

type SessionFile = File<Session>;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function assertZero(...fields: readonly number[]): void {
  if (fields.some((field) => field !== 0)) throw new Errno('EINVAL', 'a flag is unknown, or a reserved field is not 0');
}

function bindingOf({ private: { bound } }: SessionFile): Binding {
  if (bound === undefined) throw new Errno('ENOTCONN', 'the file is not bound to a channel');
  return bound;
}

/** /dev/keembay-ipc: section 19 of docs/reference/keembay-ipc.md. */
class KeembayIpcNode {
  readonly #description: KeembayIpcNodeDescription;
  readonly #removed = new WaitQueue('keembay-ipc to go');
  #isRemoved = false;

  constructor(description: KeembayIpcNodeDescription) {
    this.#description = description;
  }

  remove(): void {
    this.#isRemoved = true;
    this.#removed.wake();
  }

  #assertPresent(): void {
    if (this.#isRemoved) throw new Errno('ENODEV', 'the device is gone');
  }

  #open(file: SessionFile, { chan_id, node_id, reserved }: Decoded<typeof keembay_ipc_chan>): void {
    assertZero(reserved);
    file.private.opened.set(chan_id, this.#description.ipc.openChannel(node_id, chan_id));
  }

  #bind(file: SessionFile, { chan_id, node_id, reserved }: Decoded<typeof keembay_ipc_chan>): void {
    assertZero(reserved);
    if (node_id !== KMB_IPC_NODE_LEON_MSS) throw new Errno('EINVAL', `there is no link to node ${node_id}`);
    if (chan_id >= KMB_IPC_MAX_CHANNELS) throw new Errno('EINVAL', `there is no channel ${chan_id}`);
    file.private.bound = { nodeId: node_id, chanId: chan_id, channel: this.#description.ipc.channels.at(chan_id) };
  }

  #info() {
    const { ipc, fifoAddresses, vpuState } = this.#description;
    return {
      version: 1,
      local_node: KMB_IPC_NODE_ARM_CSS,
      remote_node: KMB_IPC_NODE_LEON_MSS,
      design: ipc.design === 'A' ? 0 : 1,
      max_channels: KMB_IPC_MAX_CHANNELS,
      num_hs: KMB_IPC_NUM_HS_CHANNELS,
      packet_size: PACKET_SIZE,
      fifo_depth: TIM_IPC_FIFO_DEPTH,
      local_vpu_addr: ipc.local.vpuAddr,
      local_size: ipc.local.size,
      remote_vpu_addr: ipc.remote.vpuAddr,
      remote_size: ipc.remote.size,
      pool_slots: ipc.local.slots,
      rx_ring_len: RX_RING_LEN,
      cpu_fifo_phys: fifoAddresses.cpu,
      vpu_fifo_phys: fifoAddresses.vpu,
      vpu_state: vpuState(),
      reserved: 0,
    };
  }

  #requests() {
    const { ipc, highWater, clearHardware } = this.#description;
    return ioctls<Session>(
      on(KEEMBAY_IPC_OPEN_CHANNEL, (file: SessionFile, chan) => this.#open(file, chan)),
      on(KEEMBAY_IPC_CLOSE_CHANNEL, function* (_file: SessionFile, { chan_id, node_id, reserved }) {
        assertZero(reserved);
        yield* ipc.closeChannel(node_id, chan_id);
      }),
      on(KEEMBAY_IPC_SEND, function* (_file: SessionFile, { chan_id, node_id, flags, vpu_addr, size }) {
        assertZero(flags);
        yield* ipc.send(node_id, chan_id, vpu_addr, size);
      }),
      on(KEEMBAY_IPC_RECV, function* (_file: SessionFile, { chan_id, node_id, flags, reserved, timeout_ms }) {
        assertZero(flags, reserved);
        const into: { message?: Message } = {};
        yield* ipc.recv(node_id, chan_id, into, timeout_ms);
        const { vpuAddr, size } = into.message as Message;
        return { vpu_addr: vpuAddr, size };
      }),
      on(KEEMBAY_IPC_BIND, (file: SessionFile, chan) => this.#bind(file, chan)),
      on(KEEMBAY_IPC_UNBIND, (file: SessionFile) => {
        file.private.bound = undefined;
      }),
      on(KEEMBAY_IPC_DMABUF_IMPORT, function* (file: SessionFile, request, task) {
        const { handle, vpuAddr } = yield* file.private.payloads.import(request, task);
        return { handle, vpu_addr: vpuAddr };
      }),
      on(KEEMBAY_IPC_DMABUF_RELEASE, function* (file: SessionFile, { handle, flags }) {
        assertZero(flags & ~KEEMBAY_IPC_FORCE);
        yield* file.private.payloads.release(handle, flags === KEEMBAY_IPC_FORCE);
      }),
      on(KEEMBAY_IPC_GET_INFO, () => this.#info()),
      on(KEEMBAY_IPC_GET_STATS, () => statisticsOf(ipc, highWater())),
      on(KEEMBAY_IPC_CLEAR_STATS, () => {
        ipc.statistics.clear();
        ipc.local.record.forgetHistory();
        clearHardware();
      }),
      on(KEEMBAY_IPC_PEEK_PACKET, (_file: SessionFile, request) => peek(ipc, request)),
      on(KEEMBAY_IPC_POOL_SCAN, (_file: SessionFile, request, task: Task) => scan(ipc, request, task)),
    );
  }

  #poll(file: SessionFile, table: PollTable): number {
    const { ipc, freeNotice } = this.#description;
    table.wait(this.#removed);
    if (this.#isRemoved) return POLLERR | POLLHUP;
    const { bound } = file.private;
    let mask = 0;
    if (bound !== undefined) {
      const channel = ipc.channels.at(bound.chanId);
      if (channel !== undefined) {
        bound.channel = channel;
        table.wait(channel.queue);
        if (channel.hasMessage) mask |= POLLIN | POLLRDNORM;
      } else {
        table.wait(ipc.channels.opened);
        if (bound.channel !== undefined) mask |= POLLHUP;
      }
    }
    const hasRoom = fillLevelOf(ipc.vpuFifo?.read(TIM_IPC_FIFO_STAT) ?? 0) < TIM_IPC_FIFO_DEPTH;
    if (hasRoom && ipc.pool.hasFree()) mask |= POLLOUT | POLLWRNORM;
    else if ((table.events & (POLLOUT | POLLWRNORM)) !== 0) freeNotice.wait(table);
    return mask;
  }

  *#release({ private: { opened, payloads } }: SessionFile): Kernel<void> {
    const { ipc, closeOnRelease = true } = this.#description;
    if (closeOnRelease)
      for (const [id, channel] of opened) if (ipc.channels.at(id) === channel) yield* ipc.closeChannel(KMB_IPC_NODE_LEON_MSS, id);
    yield* payloads.releaseAll();
  }

  operations(): FileOperations<Session> {
    const { ipc, payloads } = this.#description;
    const { ioctl, requests } = this.#requests();
    return {
      open: (file) => {
        this.#assertPresent();
        file.private = { bound: undefined, opened: new Map(), payloads: new FilePayloads(payloads) };
      },
      release: (file) => this.#release(file),
      read: (file, to) => {
        this.#assertPresent();
        return read(ipc, file, to.remaining, (bytes) => to.put(bytes));
      },
      write: (file, from) => {
        this.#assertPresent();
        return write(ipc, file, from.remaining, () => from.take(keembay_ipc_record.size));
      },
      ioctl: (file, request, argument, task) => {
        this.#assertPresent();
        return ioctl(file, request, argument, task);
      },
      requests,
      poll: (file, table) => this.#poll(file, table),
    };
  }
}

/** 19.3: one record a call. @throws Errno ENOTCONN, EINVAL, EAGAIN, ENOENT, EPIPE, ERESTARTSYS */
function* read(ipc: KeembayIpc, file: SessionFile, room: number, put: (bytes: Uint8Array) => Kernel<number>): Kernel<number> {
  const { nodeId, chanId } = bindingOf(file);
  if (room < keembay_ipc_record.size) throw new Errno('EINVAL', `a record has ${keembay_ipc_record.size} bytes`);
  const isNonblocking = (file.flags & O_NONBLOCK) !== 0;
  const into: { message?: Message } = {};
  try {
    yield* ipc.recv(nodeId, chanId, into, isNonblocking ? 0 : RECV_FOREVER);
  } catch (error) {
    if (isNonblocking && isErrno(error, 'ETIME')) throw new Errno('EAGAIN', `there is no message on channel ${chanId}`);
    throw error;
  }
  const { vpuAddr, size } = into.message as Message;
  const bytes = new Uint8Array(keembay_ipc_record.size);
  keembay_ipc_record.encode(viewOf(bytes), 0, { vpu_addr: vpuAddr, size });
  return yield* put(bytes);
}

/** @throws Errno ENOTCONN, EINVAL, and what a send says */
function* write(ipc: KeembayIpc, file: SessionFile, length: number, take: () => Kernel<Uint8Array>): Kernel<number> {
  const { nodeId, chanId } = bindingOf(file);
  if (length !== keembay_ipc_record.size) throw new Errno('EINVAL', `a record has ${keembay_ipc_record.size} bytes`);
  const { vpu_addr, size } = keembay_ipc_record.decode(viewOf(yield* take()), 0);
  yield* ipc.send(nodeId, chanId, vpu_addr, BigInt(size));
  return length;
}

/** Adds the node. @returns what takes it away: files that are open say ENODEV from then on */
export function addKeembayIpcNode(description: KeembayIpcNodeDescription): () => void {
  const node = new KeembayIpcNode(description);
  const deregister = description.ipc.system.devices.addMisc({ name: 'keembay-ipc', ops: node.operations(), mode: 0o660 });
  return () => {
    node.remove();
    deregister();
  };
}
