import type { IrqLine } from '../../irq/index.ts';
import { formatTime, type System } from '../../kernel/index.ts';
import type { DmaDevice, PhysicalMemory } from '../../memory/index.ts';
import { VC_SM_FOURCC, type Vchiq, type VchiqService, type VchiqServiceParameters } from '../../ports/videocore/index.ts';
import { RelocatableHeap } from './relocatable-heap.ts';
import { ordinaryScript, type VideoCoreScript } from './script.ts';
import { SmService } from './sm-service.ts';
import { CpuMemory } from './wrapped-memory.ts';

export interface VideoCoreDescription {
  /** Where the memory of its own is that `gpu_mem` gives it. */
  readonly base: number;
  /** In bytes. */
  readonly size: number;
  readonly ram: PhysicalMemory;
  /** As which it accesses memory. */
  readonly device: DmaDevice;
  /** By which it tells the CPU that there is a message. */
  readonly doorbell: IrqLine;
  /** Whether it reaches only memory that is mapped for it, as behind an IOMMU. */
  readonly isTranslated?: boolean;
  /** Firmware without SMEM has no shared memory to offer. */
  readonly hasSmem?: boolean;
  readonly script?: Partial<VideoCoreScript>;
}

const VERSION = 1;
const VERSION_MIN = 0;
/** Of the log. */
const LINES_MAX = 10_000;

/** The processor beside the CPU. It answers messages, and does what its {@link script} and the calls below say. */
export class VideoCore implements Vchiq {
  readonly heap: RelocatableHeap;
  readonly script: VideoCoreScript;
  /** Answers that the script keeps back, oldest first. */
  readonly heldReplies: Uint8Array[] = [];
  readonly #system: System;
  readonly #doorbell: IrqLine;
  readonly #memory: CpuMemory;
  readonly #sm: SmService;
  readonly #hasSmem: boolean;
  readonly #log: string[] = [];
  readonly #toVpu: Uint8Array[] = [];
  readonly #toCpu: Uint8Array[] = [];
  #isBusy = false;
  #isOpen = false;
  #isClosed = false;
  /** Told of each line of its log as it comes. */
  onLog: ((line: string) => void) | undefined;

  constructor(system: System, description: VideoCoreDescription) {
    this.#system = system;
    this.#doorbell = description.doorbell;
    this.#memory = new CpuMemory(system, description.ram, description.device, description.isTranslated ?? false);
    this.#hasSmem = description.hasSmem ?? true;
    this.heap = new RelocatableHeap(description.base, description.size);
    this.script = { ...ordinaryScript(), ...description.script };
    this.#sm = new SmService({
      heap: this.heap,
      memory: this.#memory,
      script: this.script,
      log: (text) => this.#print(text),
      reply: (bytes) => this.#reply(bytes),
      event: (bytes) => this.send(bytes),
    });
  }

  /** The newest lines of what the VPU has done, oldest first. */
  get log(): readonly string[] {
    return this.#log;
  }

  /** Handles that memory of the CPU's stands behind. */
  get handles(): readonly number[] {
    return this.#sm.shares.map(({ handle }) => handle);
  }

  openService({ fourcc, version, versionMin }: VchiqServiceParameters): VchiqService | undefined {
    if (!this.#hasSmem || fourcc !== VC_SM_FOURCC || version < VERSION_MIN || VERSION < versionMin) return undefined;
    this.#isOpen = true;
    const vpu = this;
    return {
      queueMessage: (bytes) => this.#take(bytes),
      takeMessage: () => this.#toCpu.shift(),
      get hasMessage() {
        return vpu.#toCpu.length > 0;
      },
      get isClosed() {
        return vpu.#isClosed;
      },
      close: () => {
        this.#isOpen = false;
      },
    };
  }

  // ---- what firmware components do ---------------------------------------------

  /** A component takes a reference and locks the block. */
  hold(handle: number): void {
    this.heap.acquire(handle);
    this.heap.lock(handle);
  }

  unhold(handle: number): void {
    this.heap.unlock(handle);
    this.heap.release(handle);
  }

  /** @param offset into the block, in bytes */
  read(handle: number, offset: number, length: number): Uint8Array {
    return this.#use(handle, (address) => {
      const share = this.#sm.shareOf(handle);
      if (share === undefined) return this.heap.read(address + offset, length);
      this.#memory.isStill(share.memory, address, 'read it');
      return this.#memory.read(address + offset, length);
    });
  }

  write(handle: number, offset: number, bytes: Uint8Array): void {
    this.#use(handle, (address) => {
      const share = this.#sm.shareOf(handle);
      if (share === undefined) this.heap.write(address + offset, bytes);
      else if (this.#memory.isStill(share.memory, address, 'wrote to it')) this.#memory.write(address + offset, bytes);
    });
  }

  /** A component says in the log what it does. */
  note(text: string): void {
    this.#print(text);
  }

  /** The firmware asks the CPU for memory. @returns the handle it will be behind */
  requestMemory(size: number, align: number, name: string): number {
    return this.#sm.requestMemory(size, align, name);
  }

  // ---- what goes wrong ----------------------------------------------------------

  /** Sends bytes to the CPU, whatever they mean. */
  send(bytes: Uint8Array): void {
    if (!this.#isOpen || this.#isClosed) return;
    this.#toCpu.push(bytes.slice());
    this.#doorbell.pulse();
  }

  /** Sends an answer that was kept back. @param at in {@link heldReplies} */
  sendHeldReply(at = 0): void {
    for (const bytes of this.heldReplies.splice(at, 1)) this.send(bytes);
  }

  /** Slots are free again. */
  resumeReleased(): void {
    this.script.stallsReleased = false;
    this.#sm.resume();
    this.#next();
  }

  /** The firmware closes the service: messages that it has not taken are lost, and the handles of the CPU's memory end, held or not. */
  closeService(): void {
    this.#isClosed = true;
    this.#toVpu.length = 0;
    this.#sm.disconnect();
    this.#doorbell.pulse();
  }

  // ---- the end --------------------------------------------------------------------

  get isQuiet(): boolean {
    return !this.#isBusy;
  }

  /** The components of the firmware end: what was stalled goes on, and what they held they let go. */
  stopComponents(): void {
    this.script.isCrashed = false;
    this.resumeReleased();
    for (const { handle, isHeldByHost } of this.#sm.shares) {
      const block = this.heap.find(handle);
      if (block === undefined) continue;
      block.locks = 0;
      while (block.references > 1) this.heap.release(handle);
      if (!isHeldByHost) this.heap.release(handle);
    }
  }

  /** The power goes: reports the CPU's references that were never given back. */
  powerOff(): void {
    for (const { handle, isHeldByHost } of this.#sm.shares) {
      if (!isHeldByHost) continue;
      const block = this.heap.find(handle);
      const what = block === undefined ? `0x${handle.toString(16)}` : this.heap.describe(block);
      this.#system.findings.report('vcsm-handle-left', `the CPU never freed ${what}`);
    }
  }

  #use<T>(handle: number, work: (address: number) => T): T {
    const address = this.heap.lock(handle);
    try {
      return work(address);
    } finally {
      this.heap.unlock(handle);
    }
  }

  #print(text: string): void {
    const line = `[${formatTime(this.#system.now())}] ${text}`;
    this.#log.push(line);
    if (this.#log.length > LINES_MAX) this.#log.shift();
    this.onLog?.(line);
  }

  #take(bytes: Uint8Array): number {
    if (this.script.queueFailures > 0) {
      this.script.queueFailures--;
      return -1;
    }
    if (this.#isClosed) return -1;
    this.#toVpu.push(bytes.slice());
    this.#next();
    return 0;
  }

  /** The thread of SMEM takes its next message after a while. */
  #next(): void {
    if (this.#isBusy || this.#toVpu.length === 0 || this.#sm.isStalled || this.script.isCrashed) return;
    this.#isBusy = true;
    this.#system.clock.schedule(this.script.latency_ns, 'the VPU takes a message', () => {
      this.#isBusy = false;
      const bytes = this.script.isCrashed ? undefined : this.#toVpu.shift();
      if (bytes !== undefined) this.#sm.handle(bytes);
      this.#next();
    });
  }

  #reply(bytes: Uint8Array): void {
    if (this.script.dropsReplies > 0) this.script.dropsReplies--;
    else if (this.script.holdsReplies) this.heldReplies.push(bytes);
    else this.send(bytes);
  }
}
