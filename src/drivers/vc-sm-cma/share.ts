/** Giving memory to the VPU: the common part of ALLOC and IMPORT, and what the VPU asks for by itself. */
import { Errno } from '../../abi/index.ts';
import { PAGE_SIZE, VC_SM_CMA_RESOURCE_NAME_DEFAULT } from '../../abi/uapi/index.ts';
import type { DmaBuf } from '../../dma-buf/index.ts';
import type { Kernel, System } from '../../kernel/index.ts';
import { allocateCoherent, type ContiguousRegion, type DmaDevice } from '../../memory/index.ts';
import {
  decodeBody,
  VC_SM_ALLOC_NON_CACHED,
  VC_SM_MSG_TYPE_IMPORT,
  VC_SM_MSG_TYPE_VC_MEM_REQUEST_REPLY,
  vc_sm_import,
  vc_sm_import_result,
  vc_sm_vc_mem_request,
  vc_sm_vc_mem_request_result,
} from '../../ports/videocore/index.ts';
import { type Imported, type LocalHandle, VcSmBuffer, VPU_MAPPED } from './buffer.ts';
import { oops, VCSM_DEFECTS } from './defects.ts';
import type { Design } from './design.ts';
import { ExplicitHandle } from './explicit-handle.ts';
import { exportBuffer } from './exported.ts';
import type { Lifetimes } from './lifetime.ts';
import type { Revision } from './revision.ts';
import { Interrupted, type Transport } from './transport.ts';

/** What the driver stands on. */
export interface Ground {
  readonly system: System;
  readonly device: DmaDevice;
  /** The CMA area that allocations come from. */
  readonly region: ContiguousRegion;
  readonly revision: Revision;
  readonly design: Design;
  readonly lifetimes: Lifetimes;
  readonly transport: Transport;
  /** pr_warn_once has said that the VPU got memory at a wrong alias. */
  hasWarnedOfAlias: boolean;
}

const ALIAS = 0xc0000000;

const lowWord = (address: number) => address % 2 ** 32;

/**
 * Sends IMPORT and waits. The buffer has a handle then.
 *
 * @param addr as the VPU is to see it
 * @throws Errno ENOMEM when the VPU or the transport refuses; ERESTARTSYS, and `isInterrupted` is told when the VPU will do it all the same
 */
function* shareWithVpu({ system, lifetimes, transport }: Ground, buffer: VcSmBuffer, addr: number, allocator: number): Kernel<void> {
  const { name, size } = buffer;
  lifetimes.ids.take(buffer);
  buffer.isImporting = true;
  const body = { type: VC_SM_ALLOC_NON_CACHED, addr, size, kernel_id: buffer.kernelId, allocator, name };
  const handleIn = (bytes: Uint8Array) => decodeBody(vc_sm_import_result, bytes).res_handle;
  let handle = 0;
  try {
    const late = (answer: Uint8Array): Kernel<void> => lifetimes.answeredLate(buffer, handleIn(answer));
    handle = handleIn(yield* transport.ask(VC_SM_MSG_TYPE_IMPORT, vc_sm_import, body, late));
  } catch (error) {
    if (error instanceof Interrupted) {
      buffer.isImporting = false;
      if (system.findings.recreates(VCSM_DEFECTS.Q9)) lifetimes.refused(buffer);
      else {
        buffer.awaitsReply = true;
        lifetimes.list(buffer);
      }
      throw error;
    }
    lifetimes.refused(buffer);
    if (error instanceof Errno && error.code === 'ERESTARTSYS') throw error;
    throw new Errno('ENOMEM', (error as Error).message);
  }
  if (handle === 0) {
    lifetimes.refused(buffer);
    throw new Errno('ENOMEM', 'the VPU refuses the memory');
  }
  buffer.vcHandle = handle;
  buffer.vpuState = VPU_MAPPED;
}

/** Linked, and so what debugfs shows and events act upon. */
function* complete({ lifetimes }: Ground, buffer: VcSmBuffer): Kernel<void> {
  lifetimes.list(buffer);
  buffer.isImporting = false;
  yield* lifetimes.catchUp(buffer);
}

const wrongAlias = (dmaAddr: number) => `Expecting an uncached alias for dma_addr 0x${dmaAddr.toString(16).padStart(16, '0')}`;

/** The part of a bus address that says how the VPU caches it must be one that it does not cache by. */
function aliasChecked({ system, revision }: Ground, dmaAddr: number): number {
  const addr = lowWord(dmaAddr);
  if (revision.aliases.includes((addr & ALIAS) >>> 0)) return addr;
  system.log.print('err', `vc_sm_cma_import_dmabuf_internal: ${wrongAlias(dmaAddr)}`);
  return (addr | ALIAS) >>> 0;
}

/** The same for memory that the VPU asks for: only one alias will do, and only the first other one is told of. */
function directAlias(ground: Ground, dmaAddr: number): number {
  const addr = lowWord(dmaAddr);
  if ((addr & ALIAS) >>> 0 === ALIAS) return addr;
  if (!ground.hasWarnedOfAlias) ground.system.log.print('warn', `vc_sm_cma_vpu_alloc: ${wrongAlias(dmaAddr)}`);
  ground.hasWarnedOfAlias = true;
  return (addr | ALIAS) >>> 0;
}

/** Attaches and maps a source for the device. @throws Errno what its exporter says */
function* attach({ system, device }: Ground, source: DmaBuf<any>): Kernel<Imported> {
  let attachment: Imported['attachment'];
  try {
    attachment = yield* source.attach(device);
    const table = yield* attachment.mapUnlocked('bidirectional');
    return { source, attachment, table };
  } catch (error) {
    if (attachment !== undefined) yield* source.detach(attachment);
    if (system.findings.recreates(VCSM_DEFECTS.Q3)) oops(system, 'the error of attach or map was taken for a pointer');
    throw error;
  }
}

function* detach(imported: Imported): Kernel<void> {
  const { source, attachment, table } = imported;
  if (attachment === undefined || table === undefined) return;
  imported.attachment = undefined;
  imported.table = undefined;
  yield* attachment.unmapUnlocked(table, 'bidirectional');
  yield* source.detach(attachment);
}

/**
 * vc_sm_cma_import_dmabuf_internal: steps 4 to 12 of section 5.5 of docs/reference/vc-sm-cma.md.
 *
 * @param source with a reference, which becomes the buffer's, or is dropped
 * @param allocator the process that asks
 * @returns the second dma-buf, or what the design has instead, with one reference
 * @throws Errno ENOMEM when the memory is not contiguous, when the VPU refuses; what attaching says; Interrupted
 */
export function* importBuffer(ground: Ground, source: DmaBuf<any>, allocator: number): Kernel<LocalHandle> {
  const { system, design, lifetimes } = ground;
  let imported: Imported | undefined;
  let buffer: VcSmBuffer;
  try {
    imported = yield* attach(ground, source);
    const segments = imported.table?.segments ?? [];
    const [segment] = segments;
    if (segment === undefined || segments.length !== 1) throw new Errno('ENOMEM', `the memory is in ${segments.length} pieces`);
    system.kmalloc('struct vc_sm_buffer');
    buffer = new VcSmBuffer(system, {
      name: VC_SM_CMA_RESOURCE_NAME_DEFAULT,
      size: segment.length,
      dmaAddr: segment.busAddress,
      imported,
      coherent: undefined,
    });
    yield* shareWithVpu(ground, buffer, aliasChecked(ground, segment.busAddress), allocator);
  } catch (error) {
    // The VPU gets it yet: the memory must stay until it has let go.
    const isPending = error instanceof Interrupted && !system.findings.recreates(VCSM_DEFECTS.Q9);
    if (imported !== undefined && !(isPending && design.detaches === 'at-released')) yield* detach(imported);
    if (!isPending) source.put();
    throw error;
  }
  try {
    const { released } = lifetimes;
    const handle = design.handle === 'explicit' ? new ExplicitHandle(system, buffer, released) : exportBuffer(system, buffer, released);
    buffer.inUse = true;
    yield* complete(ground, buffer);
    return handle;
  } catch (error) {
    yield* complete(ground, buffer);
    yield* lifetimes.released(buffer);
    throw error;
  }
}

/**
 * Memory of the driver's own, for the VPU and programs: steps 3 to 7 of section 5.4.
 *
 * @param size in bytes, of whole pages
 * @returns a dma-buf with one reference
 * @throws Errno ENOMEM, Interrupted
 */
export function* allocateBuffer(ground: Ground, size: number, name: string, allocator: number): Kernel<DmaBuf<VcSmBuffer>> {
  const { system, device, region, lifetimes } = ground;
  system.kmalloc('struct vc_sm_buffer');
  let coherent: ReturnType<typeof allocateCoherent>;
  try {
    coherent = allocateCoherent(device, region, size, 'vcsm-cma');
  } catch (error) {
    system.log.print('err', `[vc_sm_cma_ioctl_alloc]: dma_alloc_coherent alloc of ${size} bytes failed`);
    throw error;
  }
  const dmaAddr = coherent.busAddress;
  const buffer = new VcSmBuffer(system, { name, size, dmaAddr, imported: undefined, coherent });
  let dmabuf: DmaBuf<VcSmBuffer>;
  try {
    dmabuf = exportBuffer(system, buffer, lifetimes.released);
  } catch (error) {
    coherent.free();
    throw error;
  }
  try {
    yield* shareWithVpu(ground, buffer, lowWord(dmaAddr), allocator);
  } catch (error) {
    const status = `(status: ${(error as { errno?: number }).errno ?? 0}, trans_id: ${ground.transport.lastTransId})`;
    system.log.print('err', `[vc_sm_cma_ioctl_alloc]: failed to import memory on videocore ${status}`);
    dmabuf.put();
    if (system.findings.recreates(VCSM_DEFECTS.Q4)) oops(system, 'a buffer was taken out of a list that it was never in');
    throw error;
  }
  buffer.inUse = true;
  yield* complete(ground, buffer);
  return dmabuf;
}

/** VC_MEM_REQUEST: section 8.5. */
export function serveMemoryRequest(ground: Ground, bytes: Uint8Array): void {
  const { system, device, region, revision, lifetimes, transport } = ground;
  const { trans_id, size, align, name, vc_handle } = decodeBody(vc_sm_vc_mem_request, bytes);
  const answer = (addr: number, kernel_id: number) =>
    transport.post(VC_SM_MSG_TYPE_VC_MEM_REQUEST_REPLY, vc_sm_vc_mem_request_result, { trans_id, addr, kernel_id });
  if (!revision.allocates) {
    system.log.print('err', 'vc_sm_vpu_event: Unknown vpu cmd 8000000c');
    if (!system.findings.recreates(VCSM_DEFECTS.Q32)) answer(0, 0);
    return;
  }
  let undo = () => {};
  try {
    const aligned = align > 1 ? Math.ceil(size / align) * align : size;
    const length = Math.ceil(aligned / PAGE_SIZE) * PAGE_SIZE;
    if (length === 0) throw new Errno('EINVAL', 'the VPU asks for nothing');
    const coherent = allocateCoherent(device, region, length, 'vcsm-cma');
    undo = coherent.free;
    const made = { name, size, dmaAddr: directAlias(ground, coherent.busAddress), imported: undefined, coherent, isVpuAllocated: true };
    const buffer = new VcSmBuffer(system, made);
    lifetimes.ids.take(buffer);
    undo = () => {
      lifetimes.ids.drop(buffer);
      coherent.free();
    };
    exportBuffer(system, buffer, lifetimes.released);
    buffer.vcHandle = vc_handle;
    buffer.vpuState = VPU_MAPPED;
    lifetimes.list(buffer);
    answer(system.findings.recreates(VCSM_DEFECTS.Q22) ? ALIAS : buffer.dmaAddr, buffer.kernelId);
  } catch (error) {
    undo();
    system.log.print('err', `vc_sm_vpu_event: no memory for the VPU: ${(error as Error).message}`);
    answer(0, 0);
  }
}
