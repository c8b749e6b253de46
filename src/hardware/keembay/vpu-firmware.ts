import type { ScheduledEvent, System } from '../../kernel/index.ts';
import type { DmaDevice } from '../../memory/index.ts';
import {
  KMB_IPC_NODE_ARM_CSS,
  KMB_IPC_NODE_LEON_MSS,
  PACKET_ALLOCATED,
  PACKET_FREE,
  PACKET_SIZE,
  type Packet,
  readPacket,
  type SharedRegion,
  setStatus,
  slotAt,
  statusOf,
  TIM_IPC_FIFO,
  TIM_IPC_FIFO_ATM,
  TIM_IPC_FIFO_EMPTY,
  TIM_IPC_FIFO_OF_FLAG0,
  type TimIpcRegisters,
  writePacket,
} from '../../ports/keembay/index.ts';
import type { TimIpcFifo } from './tim-fifo.ts';
import type { XlinkPeer } from './xlink-peer.ts';

/** A packet of the CPU's that the firmware has taken. */
export interface TakenPacket extends Packet {
  /** Its number in the CPU's region; undefined when the word pointed elsewhere, and the rest is zero then. */
  readonly slot: number | undefined;
  readonly vpuAddr: number;
}

/** What firmware does by itself. Times in virtual nanoseconds. */
export interface FirmwareScript {
  /** How long a word waits in the FIFO before it is popped; `never`: the firmware has stalled. */
  readonly pop_ns: number | 'never';
  /** How long it keeps a packet after it has popped it. */
  readonly free_ns: (packet: TakenPacket) => number | 'never';
  /** What it does with a message, when it has popped it. */
  readonly received?: (packet: TakenPacket, firmware: VpuFirmware) => void;
}

/** What the firmware sends; fields that are left out are as they should be. */
export type OutgoingMessage = Pick<Packet, 'channel' | 'dataAddr' | 'dataSize'> & Partial<Packet>;

const PROCESSOR_ID = KMB_IPC_NODE_LEON_MSS;
/** How often it tries again what found no packet or no room. */
const RETRY_NS = 10_000;

/** Takes each message after 1 µs, sends it back on its channel, and frees its packet 10 µs later. */
export const echo: FirmwareScript = {
  pop_ns: 1000,
  free_ns: () => 10_000,
  received: (packet, firmware) => {
    if (packet.slot !== undefined) firmware.post(firmware.xlink?.answerTo(packet) ?? packet);
  },
};

/** Does nothing by itself: a test calls {@link VpuFirmware.pop} and its like. */
export const idle: FirmwareScript = { pop_ns: 'never', free_ns: () => 'never' };

export interface VpuFirmwareDescription {
  readonly system: System;
  /** As which it accesses memory. */
  readonly device: DmaDevice;
  /** Written by the CPU, read here. */
  readonly vpuFifo: TimIpcFifo;
  /** Written here. */
  readonly cpuFifo: TimIpcRegisters;
}

/** Firmware of the VPU: a scripted party at the other end of the FIFOs. Section 19.6 of docs/reference/keembay-ipc.md. */
export class VpuFirmware {
  readonly device: DmaDevice;
  readonly #system: System;
  readonly #vpuFifo: TimIpcFifo;
  readonly #cpuFifo: TimIpcRegisters;
  /** How payload is copied to and fro, when a driver of Linux does that. */
  xlink: XlinkPeer | undefined;
  #script: FirmwareScript = echo;
  #regions: { readonly cpu: SharedRegion; readonly vpu: SharedRegion } | undefined;
  #isRunning = true;
  #popping: ScheduledEvent | undefined;
  #retrying: ScheduledEvent | undefined;
  readonly #freeing = new Set<ScheduledEvent>();
  /** Not yet sent, oldest first. */
  readonly #outbox: OutgoingMessage[] = [];
  /** Where its search for a free packet of its own goes on. */
  #cursor = 0;
  /** Called when the VPU has been reset. */
  onReset: (() => void) | undefined;
  /** Called when it has written FREE: only firmware that announces it has somebody to tell. */
  onFree: (() => void) | undefined;

  constructor({ system, device, vpuFifo, cpuFifo }: VpuFirmwareDescription) {
    this.#system = system;
    this.device = device;
    this.#vpuFifo = vpuFifo;
    this.#cpuFifo = cpuFifo;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Where the VPU sees its own packets. */
  get packetsAt(): number | undefined {
    return this.#regions?.vpu.vpuAddr;
  }

  /** Where the packets are. */
  learnRegions(cpu: SharedRegion, vpu: SharedRegion): void {
    this.#regions = { cpu, vpu };
  }

  get script(): FirmwareScript {
    return this.#script;
  }

  /** From now on it does this; what it has begun goes on. */
  set script(script: FirmwareScript) {
    this.#script = script;
    this.#popping?.cancel();
    this.#popping = undefined;
    this.fifoChanged();
  }

  /** There are words in its FIFO, or there are none any more. */
  fifoChanged(): void {
    const { pop_ns } = this.#script;
    if (!this.#isRunning || pop_ns === 'never' || this.#vpuFifo.fill === 0 || this.#popping !== undefined) return;
    this.#popping = this.#system.clock.schedule(pop_ns, 'the VPU takes a word', () => {
      this.#popping = undefined;
      this.#takeOne();
      this.fifoChanged();
    });
  }

  #takeOne(): void {
    const packet = this.pop();
    if (packet === undefined) return;
    const free_ns = this.#script.free_ns(packet);
    if (free_ns !== 'never') this.freeLater(packet, free_ns);
    this.#script.received?.(packet, this);
  }

  /** Pops one word and looks at its packet. @returns undefined when the FIFO is empty */
  pop(): TakenPacket | undefined {
    const word = this.#vpuFifo.read(TIM_IPC_FIFO_ATM);
    if (word === TIM_IPC_FIFO_EMPTY) return undefined;
    const region = this.#regions?.cpu;
    const slot = region === undefined ? undefined : slotAt(region, word);
    if (region === undefined || slot === undefined)
      return { slot: undefined, vpuAddr: word, dataAddr: 0, dataSize: 0, channel: 0, srcNode: 0, dstNode: 0 };
    region.record.popped(slot, 'vpu');
    return { slot, vpuAddr: word, ...readPacket(region.memory.bytes(), slot * PACKET_SIZE) };
  }

  /** Writes FREE. Nobody is told. */
  free({ slot }: Pick<TakenPacket, 'slot'>): void {
    const region = this.#regions?.cpu;
    if (region === undefined || slot === undefined) return;
    const bytes = region.memory.bytes();
    if (statusOf(bytes, slot * PACKET_SIZE) === PACKET_FREE) return;
    region.record.freed(slot, 'cpu', true);
    setStatus(bytes, slot * PACKET_SIZE, PACKET_FREE);
    this.onFree?.();
  }

  freeLater(packet: Pick<TakenPacket, 'slot'>, delay_ns: number): void {
    const event = this.#system.clock.schedule(delay_ns, 'the VPU frees a packet', () => {
      this.#freeing.delete(event);
      this.free(packet);
    });
    this.#freeing.add(event);
  }

  /** Reads payload, where the CPU says it is. An address that is not mapped for the VPU is a finding. */
  readData(vpuAddr: number, length: number): Uint8Array {
    return this.device.read(vpuAddr, length);
  }

  writeData(vpuAddr: number, bytes: Uint8Array): void {
    this.device.write(vpuAddr, bytes);
  }

  /** Sends a message as soon as there are a packet and room for it, after those that were posted before. */
  post(message: OutgoingMessage): void {
    const { channel, dataAddr, dataSize } = message;
    this.#outbox.push({ channel, dataAddr, dataSize });
    this.#flush();
  }

  /** Messages that were posted and wait. */
  get waitingToSend(): number {
    return this.#outbox.length;
  }

  #flush(): void {
    for (let next = this.#outbox[0]; next !== undefined; next = this.#outbox[0]) {
      if (!this.trySend(next)) {
        this.#retrying ??= this.#system.clock.schedule(RETRY_NS, 'the VPU tries again to send', () => {
          this.#retrying = undefined;
          this.#flush();
        });
        return;
      }
      this.#outbox.shift();
    }
  }

  /** Sends a message now. @returns false when it has no free packet, or the CPU's FIFO is full; nothing has changed then */
  trySend(message: OutgoingMessage): boolean {
    const region = this.#regions?.vpu;
    const slot = region === undefined ? undefined : this.#allocate(region);
    if (region === undefined || slot === undefined) return false;
    const bytes = region.memory.bytes();
    const at = slot * PACKET_SIZE;
    region.record.taken(slot);
    setStatus(bytes, at, PACKET_ALLOCATED);
    writePacket(bytes, at, { srcNode: KMB_IPC_NODE_LEON_MSS, dstNode: KMB_IPC_NODE_ARM_CSS, ...message });
    region.record.pushed(slot);
    if (this.pushWord(region.vpuAddr + at)) return true;
    region.record.overflowed(slot, 'vpu');
    region.record.freed(slot, 'vpu', false);
    setStatus(bytes, at, PACKET_FREE);
    return false;
  }

  /** Pushes any word to the CPU. @returns whether there was room */
  pushWord(word: number): boolean {
    this.#cpuFifo.write(TIM_IPC_FIFO, (word | PROCESSOR_ID) >>> 0);
    if ((this.#cpuFifo.read(TIM_IPC_FIFO_OF_FLAG0) & (1 << PROCESSOR_ID)) === 0) return true;
    this.#cpuFifo.write(TIM_IPC_FIFO_OF_FLAG0, 1 << PROCESSOR_ID);
    return false;
  }

  #allocate({ memory, size }: SharedRegion): number | undefined {
    const bytes = memory.bytes();
    const count = size / PACKET_SIZE;
    for (let step = 0; step < count; step++) {
      const slot = this.#cursor;
      this.#cursor = (this.#cursor + 1) % count;
      if (statusOf(bytes, slot * PACKET_SIZE) === PACKET_FREE) return slot;
    }
    return undefined;
  }

  /** Stops where it is: what it holds it keeps. */
  crash(): void {
    this.#isRunning = false;
    for (const event of [this.#popping, this.#retrying, ...this.#freeing]) event?.cancel();
    this.#popping = undefined;
    this.#retrying = undefined;
    this.#freeing.clear();
    this.#outbox.length = 0;
  }

  /** Stops, and begins anew: it knows of no packet any more, and its FIFO is empty. Its own packets are free. */
  reset(): void {
    this.crash();
    this.#vpuFifo.reset();
    this.#cursor = 0;
    this.onReset?.();
    this.#isRunning = true;
  }
}
