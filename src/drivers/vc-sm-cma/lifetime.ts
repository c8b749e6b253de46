/**
 * Who has let go of a buffer, and when it ends: section 8 of docs/reference/vc-sm-cma.md. The last local reference and RELEASED come
 * in either order; whichever comes second deletes.
 */

import type { Kernel, System } from '../../kernel/index.ts';
import { decodeBody, VC_SM_MSG_TYPE_FREE, vc_sm_free, vc_sm_released } from '../../ports/videocore/index.ts';
import { type VcSmBuffer, VPU_MAPPED, VPU_NOT_MAPPED, VPU_UNMAPPING } from './buffer.ts';
import { oops, VCSM_DEFECTS } from './defects.ts';
import type { Design } from './design.ts';
import type { HashedPointers } from './hashed-pointers.ts';
import { KernelIds } from './kernel-ids.ts';
import type { Revision } from './revision.ts';
import type { Transport } from './transport.ts';

export class Lifetimes {
  /** Newest first: what debugfs shows. */
  readonly listed: VcSmBuffer[] = [];
  readonly ids: KernelIds;
  /** The firmware has acknowledged protocol 2, so RELEASED will come. */
  requiresReleased = false;
  transport: Transport | undefined;
  readonly #system: System;
  readonly #revision: Revision;
  readonly #design: Design;
  readonly #pointers: HashedPointers;

  constructor(system: System, revision: Revision, design: Design, pointers: HashedPointers) {
    this.#system = system;
    this.#revision = revision;
    this.#design = design;
    this.#pointers = pointers;
    this.ids = new KernelIds(system, revision.idsArePointers);
  }

  /** A new buffer is in the list from now on. */
  list(buffer: VcSmBuffer): void {
    this.listed.unshift(buffer);
  }

  /** The last local reference is gone: vc_sm_dma_buf_release. */
  released = (buffer: VcSmBuffer): Kernel<void> => this.#released(buffer);

  /** The import has gone on; RELEASED, or the end of the service, may have come before that. */
  *catchUp(buffer: VcSmBuffer): Kernel<void> {
    if (!buffer.releasedEarly && this.transport?.isOver !== true) return;
    yield* buffer.lock.lock();
    this.#vpuIsGone(buffer);
    yield* this.#tryDelete(buffer);
    buffer.lock.unlock();
  }

  /** The answer to an import whose caller a signal has taken away: what the VPU made is freed. */
  *answeredLate(buffer: VcSmBuffer, handle: number): Kernel<void> {
    buffer.awaitsReply = false;
    if (handle !== 0 && !buffer.releasedEarly) {
      buffer.vcHandle = handle;
      this.transport?.post(VC_SM_MSG_TYPE_FREE, vc_sm_free, { res_handle: handle });
      if (this.requiresReleased) buffer.vpuState = VPU_UNMAPPING;
      else this.#vpuIsGone(buffer);
    } else this.ids.drop(buffer);
    yield* this.#tryDelete(buffer);
  }

  /** The VPU will never have it: the import was refused or not sent. */
  refused(buffer: VcSmBuffer): void {
    buffer.isImporting = false;
    this.ids.drop(buffer);
  }

  /** RELEASED: vc_sm_vpu_event. */
  *vpuReleased(bytes: Uint8Array): Kernel<void> {
    const { log, findings } = this.#system;
    const { addr, size, kernel_id, vc_handle } = decodeBody(vc_sm_released, bytes);
    const hex = (value: number) => value.toString(16).padStart(8, '0');
    log.print('debug', `vc_sm_vpu_event: Released addr ${hex(addr)}, size ${size}, id ${hex(kernel_id)}, mem_handle ${hex(vc_handle)}`);
    const buffer = this.ids.find(kernel_id);
    const isOther = buffer !== undefined && buffer.vcHandle !== 0 && buffer.vcHandle !== vc_handle && !findings.recreates(VCSM_DEFECTS.Q11);
    if (buffer === undefined || isOther) {
      log.print('err', `vc_sm_vpu_event: VC released a buffer that is already released, kernel_id ${kernel_id | 0}`);
      return;
    }
    if (buffer.isImporting || buffer.awaitsReply) {
      if (findings.recreates(VCSM_DEFECTS.Q12))
        oops(this.#system, 'RELEASED for a buffer that is in no list yet followed its list pointers to address 8');
      buffer.releasedEarly = true;
      return;
    }
    if (buffer.imported === undefined && buffer.inUse && findings.recreates(VCSM_DEFECTS.Q29))
      findings.report('vcsm-freed-under-program', `the memory of '${buffer.name}' was freed while programs have it`);
    yield* this.#vpuLetGo(buffer);
  }

  /** The firmware has closed the service, and with that let go of all that it had of this client. */
  *serviceClosed(): Kernel<void> {
    for (const buffer of [...this.listed]) yield* this.#vpuLetGo(buffer);
  }

  *#vpuLetGo(buffer: VcSmBuffer): Kernel<void> {
    yield* buffer.lock.lock();
    this.#vpuIsGone(buffer);
    if (!buffer.isVpuAllocated) yield* this.#tryDelete(buffer);
    buffer.lock.unlock();
    if (buffer.isVpuAllocated) buffer.dmabuf?.put();
  }

  /** The machine goes off: what is left has an owner that will never let go. */
  *reportLeft(): Kernel<void> {
    for (const buffer of [...this.listed]) {
      const state = `vc_handle ${buffer.vcHandle.toString(16)}, state ${buffer.vpuState}`;
      this.#system.findings.report('vcsm-buffer-left', `'${buffer.name}', ${buffer.size} bytes, was never deleted (${state})`);
      this.#vpuIsGone(buffer);
      buffer.inUse = false;
      buffer.awaitsReply = false;
      yield* this.#detach(buffer);
      yield* this.#tryDelete(buffer);
    }
  }

  *#released(buffer: VcSmBuffer): Kernel<void> {
    yield* buffer.lock.lock();
    buffer.inUse = false;
    if (buffer.vcHandle !== 0 && buffer.vpuState === VPU_MAPPED) {
      yield* this.#free(buffer.vcHandle);
      if (this.requiresReleased) buffer.vpuState = VPU_UNMAPPING;
      else this.#vpuIsGone(buffer, !this.#system.findings.recreates(VCSM_DEFECTS.Q16));
    }
    if (this.#design.detaches === 'at-local-end') yield* this.#detach(buffer);
    yield* this.#tryDelete(buffer);
    buffer.lock.unlock();
  }

  /** vc_sm_vpu_free: queues FREE, which has no answer. */
  *#free(handle: number): Kernel<void> {
    try {
      yield* (this.transport as Transport).send(VC_SM_MSG_TYPE_FREE, vc_sm_free, { res_handle: handle });
    } catch (error) {
      const where = `(status: ${(error as { errno?: number }).errno ?? 0}, trans_id: ${this.transport?.lastTransId ?? 0})`;
      this.#system.log.print('err', `[vc_sm_vpu_free]: failed to free memory on videocore ${where}`);
    }
  }

  /** The device is done with the source, as far as this side knows. */
  *#detach({ imported, dmabuf }: VcSmBuffer): Kernel<void> {
    if (imported?.attachment === undefined) return;
    const { source, attachment, table } = imported;
    const wrong = this.#system.findings.recreates(VCSM_DEFECTS.Q25) ? this.#revision.wrongDetach : undefined;
    if (wrong === 'none') return;
    imported.attachment = undefined;
    imported.table = undefined;
    if (table !== undefined) yield* attachment.unmapUnlocked(table, 'bidirectional');
    yield* (wrong === 'exported' && dmabuf !== undefined ? dmabuf : source).detach(attachment);
  }

  #vpuIsGone(buffer: VcSmBuffer, freesId = true): void {
    buffer.vcHandle = 0;
    buffer.vpuState = VPU_NOT_MAPPED;
    buffer.releasedEarly = false;
    if (freesId) this.ids.drop(buffer);
  }

  /** vc_sm_release_resource: not while anybody has it. */
  *#tryDelete(buffer: VcSmBuffer): Kernel<void> {
    this.#tell(buffer);
    if (buffer.vcHandle !== 0 || buffer.inUse || buffer.awaitsReply) return;
    // What the end of the local use has left, in a design that waits for the VPU.
    if (this.#design.detaches === 'at-released') yield* this.#detach(buffer);
    const at = this.listed.indexOf(buffer);
    if (at >= 0) this.listed.splice(at, 1);
    buffer.imported?.source.put();
    buffer.coherent?.free();
  }

  #tell(buffer: VcSmBuffer): void {
    const { log, findings } = this.#system;
    const isSigned = this.#revision.hadSignedFlags && findings.recreates(VCSM_DEFECTS.Q24);
    const imported = buffer.imported === undefined ? 0 : isSigned ? 2 ** 32 - 1 : 1;
    const what = `buffer ${this.#pointers.print(buffer)} (name ${buffer.name}, size ${buffer.size}), imported ${imported}`;
    log.print('debug', `[vc_sm_release_resource]: ${what}`);
  }
}
