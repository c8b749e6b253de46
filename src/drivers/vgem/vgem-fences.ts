/** drivers/gpu/drm/vgem/vgem_fence.c: fences that a program puts on buffers and signals. */
import { Errno } from '../../abi/index.ts';
import { VGEM_FENCE_WRITE } from '../../abi/uapi/index.ts';
import {
  allocateFenceContexts,
  DMA_RESV_USAGE_READ,
  DMA_RESV_USAGE_WRITE,
  DmaFence,
  type DmaFenceOps,
  usageToWaitFor,
} from '../../dma-buf/index.ts';
import { type DrmArgument, type DrmFile, lookUpObject } from '../../drm/index.ts';
import { Idr, type Kernel, type ScheduledEvent, type System } from '../../kernel/index.ts';

/** VGEM_FENCE_TIMEOUT: a fence that nobody signals ends by itself. */
const TIMEOUT_NS = 10e9;

class VgemFence extends DmaFence {
  readonly #timeout: ScheduledEvent;

  constructor(system: System) {
    super(system, { ops: operations, context: allocateFenceContexts(system), seqno: 1 });
    this.#timeout = system.clock.schedule(TIMEOUT_NS, `timeout of ${this.describe()}`, () => this.signal());
  }

  /** Signals it, unless it has ended by itself, and gives the driver's reference back. @returns whether it had ended */
  end(): boolean {
    this.#timeout.cancel();
    const hadEnded = this.checkAndSignal();
    this.put();
    return hadEnded;
  }
}

/** The fences of a client that it has not signalled, by the number that it knows them by. */
export type VgemFences = Idr<VgemFence>;

export const makeFences = (): VgemFences => new Idr();

const operations: DmaFenceOps = { driverName: () => 'vgem', timelineName: () => 'unbound' };

interface Attachment {
  handle: number;
  flags: number;
  out_fence: number;
  pad: number;
}

/**
 * A writer waits for everybody, a reader for writers: whoever would have to wait is refused.
 *
 * @throws Errno EINVAL, ENOENT, EBUSY, ENOMEM
 */
export function* attachFence(file: DrmFile<VgemFences>, argument: DrmArgument<Attachment>): Kernel<void> {
  const { handle, flags, pad } = argument.value;
  if ((flags & ~VGEM_FENCE_WRITE) !== 0) throw new Errno('EINVAL', 'flags has an unknown bit');
  if (pad !== 0) throw new Errno('EINVAL', 'pad is not 0');
  const object = lookUpObject(file, handle);
  file.device.system.kmalloc('struct vgem_fence');
  object.get();
  const fence = new VgemFence(file.device.system);
  const { resv } = object;
  try {
    const writes = (flags & VGEM_FENCE_WRITE) !== 0;
    if (!resv.testSignaled(usageToWaitFor(writes))) throw new Errno('EBUSY', 'a fence that conflicts is pending');
    yield* resv.lock.lock();
    try {
      resv.reserveFences(1);
      resv.addFence(fence, writes ? DMA_RESV_USAGE_WRITE : DMA_RESV_USAGE_READ);
    } finally {
      resv.unlock();
    }
    argument.set({ out_fence: file.driverPrivate.allocate(fence) });
  } catch (error) {
    fence.end();
    throw error;
  } finally {
    object.put();
  }
}

/** @throws Errno EINVAL; ENOENT for a number that is unknown or was signalled; ETIMEDOUT when its time was up */
export function signalFence(file: DrmFile<VgemFences>, { value }: DrmArgument<{ fence: number; flags: number }>): void {
  if (value.flags !== 0) throw new Errno('EINVAL', 'flags is not 0');
  const fence = file.driverPrivate.clear(value.fence);
  if (fence === undefined) throw new Errno('ENOENT', `there is no fence ${value.fence} to signal`);
  if (fence.end()) throw new Errno('ETIMEDOUT', `fence ${value.fence} has ended by itself`);
}

/** The client has gone: its fences are signalled. */
export function endFences(fences: VgemFences): void {
  for (const [, fence] of fences) fence.end();
}
