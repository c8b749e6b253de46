/** The firmware's side of SMEM: one thread that takes messages in order. Sections 9.5, 9.6 and 11.2 of docs/reference/vc-sm-cma.md. */
import type { MemoryObject } from '../../kernel/index.ts';
import {
  decodeBody,
  encodeBody,
  VC_SM_EVENT,
  VC_SM_MSG_TYPE_CLIENT_VERSION,
  VC_SM_MSG_TYPE_FREE,
  VC_SM_MSG_TYPE_IMPORT,
  VC_SM_MSG_TYPE_RELEASED,
  VC_SM_MSG_TYPE_VC_MEM_REQUEST,
  VC_SM_MSG_TYPE_VC_MEM_REQUEST_REPLY,
  vc_sm_free,
  vc_sm_import,
  vc_sm_import_result,
  vc_sm_msg_hdr,
  vc_sm_released,
  vc_sm_result,
  vc_sm_vc_mem_request,
  vc_sm_vc_mem_request_result,
  vc_sm_version,
} from '../../ports/videocore/index.ts';
import type { RelocatableHeap } from './relocatable-heap.ts';
import type { VideoCoreScript } from './script.ts';
import type { CpuMemory } from './wrapped-memory.ts';

/** What the service knows of a handle that it made. */
export interface Share {
  readonly handle: number;
  readonly size: number;
  address: number;
  kernelId: number;
  memory: MemoryObject | undefined;
  /** The first reference, which FREE gives back, is still there. */
  isHeldByHost: boolean;
}

/** What the service has around it. */
export interface SmSurroundings {
  readonly heap: RelocatableHeap;
  readonly memory: CpuMemory;
  readonly script: VideoCoreScript;
  readonly log: (text: string) => void;
  /** An answer. */
  readonly reply: (bytes: Uint8Array) => void;
  readonly event: (bytes: Uint8Array) => void;
}

const hex = (value: number) => (value >>> 0).toString(16).padStart(8, '0');

export class SmService {
  readonly #around: SmSurroundings;
  readonly #shares = new Map<number, Share>();
  /** Requests for memory that the CPU has not answered, by transaction. */
  readonly #requested = new Map<number, Share>();
  #clientVersion = 1;
  #transactions = 0;
  /** RELEASED for which there was no slot. */
  readonly #stalled: Uint8Array[] = [];

  constructor(around: SmSurroundings) {
    this.#around = around;
  }

  /** Handles that the CPU's memory stands behind. */
  get shares(): readonly Share[] {
    return [...this.#shares.values()];
  }

  shareOf(handle: number): Share | undefined {
    return this.#shares.get(handle);
  }

  /** The thread waits for a slot. */
  get isStalled(): boolean {
    return this.#stalled.length > 0;
  }

  /** Slots are free again. */
  resume(): void {
    for (const bytes of this.#stalled.splice(0)) this.#around.event(bytes);
  }

  /** The service ends: what it has of the client's memory goes with it, whoever in the firmware holds it. Nobody is told. */
  disconnect(): void {
    const { heap } = this.#around;
    for (const { handle } of [...this.shares, ...this.#requested.values()]) heap.terminate(handle);
    this.#requested.clear();
    this.#stalled.length = 0;
  }

  handle(bytes: Uint8Array): void {
    const { type, trans_id } = decodeBody(vc_sm_msg_hdr, bytes);
    if (type === VC_SM_MSG_TYPE_CLIENT_VERSION) this.#takeVersion(decodeBody(vc_sm_version, bytes, vc_sm_msg_hdr.size).version);
    else if (type === VC_SM_MSG_TYPE_IMPORT) this.#import(trans_id, bytes);
    else if (type === VC_SM_MSG_TYPE_FREE) this.#free(decodeBody(vc_sm_free, bytes, vc_sm_msg_hdr.size).res_handle);
    else if (type === VC_SM_MSG_TYPE_VC_MEM_REQUEST_REPLY) this.#takeMemory(bytes);
    else this.#around.log(`message of type ${type}, trans_id ${trans_id}: not served`);
  }

  /** VC_MEM_REQUEST: asks the CPU for memory. @returns the handle that it will be behind; 0 when the client is too old */
  requestMemory(size: number, align: number, name: string): number {
    const { heap, log, event } = this.#around;
    if (this.#clientVersion < 2) return 0;
    const trans_id = ++this.#transactions;
    const handle = heap.wrap(0, size, name, () => this.#ended(share));
    const share: Share = { handle, size, address: 0, kernelId: 0, memory: undefined, isHeldByHost: false };
    this.#requested.set(trans_id, share);
    log(`VC_MEM_REQUEST trans_id ${trans_id} size ${size} handle ${hex(handle)}`);
    event(
      encodeBody(vc_sm_vc_mem_request, { cmd: this.#cmd(VC_SM_MSG_TYPE_VC_MEM_REQUEST), trans_id, size, align, name, vc_handle: handle }),
    );
    return handle;
  }

  #takeVersion(version: number): void {
    const { script, log, event } = this.#around;
    log(`CLIENT_VERSION ${version}`);
    if (!script.acknowledgesVersion) return;
    this.#clientVersion = version;
    // Only the first word means something.
    event(encodeBody(vc_sm_result, { trans_id: this.#cmd(VC_SM_MSG_TYPE_CLIENT_VERSION), success: 0 }));
  }

  #import(trans_id: number, bytes: Uint8Array): void {
    const { heap, memory, script, log, reply } = this.#around;
    const { addr, size, kernel_id, allocator, name } = decodeBody(vc_sm_import, bytes, vc_sm_msg_hdr.size);
    const told = `IMPORT trans_id ${trans_id} addr ${hex(addr)} size ${size} kernel_id ${hex(kernel_id)} allocator ${allocator} '${name}'`;
    if (script.refusesImports) {
      log(`${told}: refused`);
      reply(encodeBody(vc_sm_import_result, { trans_id, res_handle: 0 }));
      return;
    }
    const handle = heap.wrap(addr, size, name, () => this.#ended(share));
    const share: Share = { handle, size, address: addr, kernelId: kernel_id, memory: memory.behind(addr), isHeldByHost: true };
    this.#shares.set(handle, share);
    log(`${told}: handle ${hex(handle)}`);
    reply(encodeBody(vc_sm_import_result, { trans_id, res_handle: handle }));
    script.onImport?.(handle);
    if (script.releasesAtOnce) this.#free(handle);
  }

  #free(handle: number): void {
    const share = this.#shares.get(handle);
    if (share?.isHeldByHost !== true) {
      this.#around.log(`FREE of ${hex(handle)}, which the host does not hold: ignored`);
      return;
    }
    share.isHeldByHost = false;
    const { heap, log } = this.#around;
    log(`FREE handle ${hex(handle)}, ${(heap.find(handle)?.references ?? 1) - 1} references left`);
    heap.release(handle);
  }

  /** The last reference has gone. */
  #ended(share: Share): void {
    const { memory, script, log, event } = this.#around;
    const { handle, address, size, kernelId } = share;
    this.#shares.delete(handle);
    // A client of protocol 1 cannot know how long the VPU has its memory.
    if (this.#clientVersion < 2 || address === 0) return;
    memory.isStill(share.memory, address, 'let go of it');
    log(`RELEASED handle ${hex(handle)} kernel_id ${hex(kernelId)}`);
    const body = { cmd: this.#cmd(VC_SM_MSG_TYPE_RELEASED), addr: address, size, kernel_id: kernelId, vc_handle: handle };
    const bytes = encodeBody(vc_sm_released, body);
    if (script.stallsReleased) this.#stalled.push(bytes);
    else event(bytes);
  }

  #takeMemory(bytes: Uint8Array): void {
    const { heap, memory, log } = this.#around;
    const { trans_id, addr, kernel_id } = decodeBody(vc_sm_vc_mem_request_result, bytes, vc_sm_msg_hdr.size);
    const share = this.#requested.get(trans_id);
    log(`VC_MEM_REQUEST_REPLY trans_id ${trans_id} addr ${hex(addr)} kernel_id ${hex(kernel_id)}`);
    if (share === undefined) return;
    this.#requested.delete(trans_id);
    const block = heap.find(share.handle);
    if (block === undefined) return;
    if (addr === 0) {
      heap.release(share.handle);
      return;
    }
    block.address = addr;
    Object.assign(share, { address: addr, kernelId: kernel_id, memory: memory.behind(addr) });
    this.#shares.set(share.handle, share);
  }

  #cmd(type: number): number {
    return (VC_SM_EVENT | type) >>> 0;
  }
}
