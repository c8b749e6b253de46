import { Errno } from '../../abi/index.ts';
import type { DmaBuf } from '../../dma-buf/index.ts';
import { freeIrq, IRQ_HANDLED, irqs, requestIrq } from '../../irq/index.ts';
import type { Kernel, System } from '../../kernel/index.ts';
import type { ContiguousRegion, DmaDevice } from '../../memory/index.ts';
import {
  decodeBody,
  VC_SM_EVENT,
  VC_SM_FOURCC,
  VC_SM_MSG_TYPE_CLIENT_VERSION,
  VC_SM_MSG_TYPE_RELEASED,
  VC_SM_MSG_TYPE_VC_MEM_REQUEST,
  VC_SM_PROTOCOL_VERSION,
  type Vchiq,
  vc_sm_version,
} from '../../ports/videocore/index.ts';
import type { LocalHandle } from './buffer.ts';
import { type Design, SHIPPED } from './design.ts';
import { bufferOf } from './exported.ts';
import { HashedPointers } from './hashed-pointers.ts';
import { Lifetimes } from './lifetime.ts';
import { nodeOperations } from './requests.ts';
import { REVISIONS, type RevisionName } from './revision.ts';
import { type Ground, importBuffer, serveMemoryRequest } from './share.ts';
import { addStateFile } from './state-file.ts';
import { Interrupted, Transport } from './transport.ts';

export interface VcSmCmaDescription {
  readonly vchiq: Vchiq;
  /** As which the VPU accesses memory. */
  readonly device: DmaDevice;
  /** The CMA area that allocations come from. */
  readonly region: ContiguousRegion;
  /** The doorbell's interrupt. */
  readonly irq: number;
  /** R3 when left out. */
  readonly revision?: RevisionName;
  /** As shipped where left out. */
  readonly design?: Partial<Design>;
  /** A kernel for 32-bit Arm, on which early revisions serve MEM_CLEAN_INVALID2. */
  readonly cacheRequests?: boolean;
  /** How many commands the driver has sent before, for what happens after long use. */
  readonly commandsBefore?: number;
}

/** In-kernel imports are nobody's process. */
const KERNEL_ALLOCATOR = 0;

/** The driver of a running VideoCore, and what other drivers call: section 7.1 of docs/reference/vc-sm-cma.md. */
export class VcSmCma {
  readonly #ground: Ground;
  readonly #irq: number;

  constructor(ground: Ground, irq: number) {
    this.#ground = ground;
    this.#irq = irq;
  }

  /** How many buffers debugfs shows. */
  get resources(): number {
    return this.#ground.lifetimes.listed.length;
  }

  /** Commands that the VPU has not answered. */
  get inFlight(): number {
    return this.#ground.transport.inFlight;
  }

  get isQuiet(): boolean {
    return this.#ground.transport.isQuiet;
  }

  /**
   * vc_sm_cma_import_dmabuf. The source keeps the caller's reference.
   *
   * @returns the second dma-buf, or what the design has instead, whose one reference is the caller's
   * @throws Errno EPERM without a source; ENOMEM; what attaching says; ERESTARTSYS
   */
  *importDmaBuf(source: DmaBuf<any> | undefined): Kernel<LocalHandle> {
    if (source === undefined) throw new Errno('EPERM', 'there is nothing to import');
    const { system } = this.#ground;
    try {
      return yield* importBuffer(this.#ground, source.get(), system.scheduler.current?.tgid ?? KERNEL_ALLOCATOR);
    } catch (error) {
      const failed = error instanceof Interrupted ? new Errno('ERESTARTSYS', error.message) : error;
      const number = failed instanceof Errno ? -failed.errno : 0;
      system.log.print('err', `vc_sm_cma_import_dmabuf: imported vc_sm_cma_get_buffer failed ${number}`);
      throw failed;
    }
  }

  /** vc_sm_cma_int_handle. @returns what the VPU knows the buffer by; 0 when it does not have it */
  intHandle(handle: LocalHandle | undefined): number {
    return handle === undefined ? 0 : (bufferOf(handle)?.vcHandle ?? 0);
  }

  /** vc_sm_cma_free. The VPU may go on using it. @throws Errno EPERM without a buffer */
  free(handle: LocalHandle | undefined): void {
    if (handle === undefined) throw new Errno('EPERM', 'there is nothing to free');
    handle.put();
  }

  /** The machine goes off: reports buffers that nobody will let go of. */
  shutdown(): void {
    const { system, lifetimes } = this.#ground;
    system.scheduler.spawn('the end of vcsm-cma', undefined, lifetimes.reportLeft());
    system.scheduler.spawn('the end of the doorbell', undefined, freeIrq(irqs(system), this.#irq, this));
  }
}

/** What the VPU says without having been asked: vc_sm_vpu_event. */
function* serveEvent(ground: Ground, bytes: Uint8Array): Kernel<void> {
  const { system, lifetimes } = ground;
  const cmd = decodeBody(vc_sm_version, bytes).version;
  const type = (cmd & ~VC_SM_EVENT) >>> 0;
  if (type === VC_SM_MSG_TYPE_CLIENT_VERSION) lifetimes.requiresReleased = true;
  else if (type === VC_SM_MSG_TYPE_RELEASED) yield* lifetimes.vpuReleased(bytes);
  else if (type === VC_SM_MSG_TYPE_VC_MEM_REQUEST) serveMemoryRequest(ground, bytes);
  else system.log.print('err', `vc_sm_vpu_event: Unknown vpu cmd ${cmd.toString(16)}`);
}

/**
 * vc_sm_connected_init: the driver comes up with the firmware's service. Without that there is neither node nor debugfs.
 *
 * @returns undefined when the firmware has no such service
 */
export function addVcSmCma(system: System, description: VcSmCmaDescription): VcSmCma | undefined {
  const { vchiq, device, region, irq } = description;
  const named = REVISIONS[description.revision ?? 'R3'];
  const revision = { ...named, maintainsCaches: named.maintainsCaches && description.cacheRequests === true };
  system.log.print('info', 'bcm2835_vc_sm_cma_probe: Videocore shared memory driver');
  system.log.print('info', '[vc_sm_connected_init]: start');
  const service = vchiq.openService({ fourcc: VC_SM_FOURCC, version: 1, versionMin: 0 });
  if (service === undefined) {
    system.log.print('err', 'vc_sm_cma_vchi_init: failed to open VCHI service (-1)');
    system.log.print('err', '[vc_sm_connected_init]: failed to initialize shared memory service');
    return undefined;
  }
  const design = { ...SHIPPED, ...description.design };
  const pointers = new HashedPointers(system);
  const lifetimes = new Lifetimes(system, revision, design, pointers);
  const onEvent = (bytes: Uint8Array): Kernel<void> => serveEvent(ground, bytes);
  const onClosed = (): Kernel<void> => lifetimes.serviceClosed();
  const { hadNarrowIds } = revision;
  const transport = new Transport({ system, service, onEvent, onClosed, hadNarrowIds, commandsBefore: description.commandsBefore ?? 0 });
  lifetimes.transport = transport;
  const ground: Ground = { system, device, region, revision, design, lifetimes, transport, hasWarnedOfAlias: false };
  const driver = new VcSmCma(ground, irq);
  requestIrq(irqs(system), irq, {
    name: 'VCHIQ doorbell',
    devId: driver,
    handler: () => {
      transport.ring();
      return IRQ_HANDLED;
    },
  });
  addStateFile(system, { revision, pointers, service, listed: lifetimes.listed });
  if (revision.hasNode) system.devices.addMisc({ name: 'vcsm-cma', ops: nodeOperations(ground), mode: 0o666 });
  transport.post(VC_SM_MSG_TYPE_CLIENT_VERSION, vc_sm_version, { version: VC_SM_PROTOCOL_VERSION });
  system.log.print('info', '[vc_sm_connected_init]: installed successfully');
  return driver;
}
