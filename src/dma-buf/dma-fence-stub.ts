/** Contexts, and fences that stand for nothing that could happen: dma_fence_context_alloc and the stubs of dma-fence.c. */
import type { System } from '../kernel/index.ts';
import { DmaFence, type DmaFenceOps } from './dma-fence.ts';

class FenceContexts {
  #next = 1;

  allocate(count: number): number {
    const first = this.#next;
    this.#next += count;
    return first;
  }
}

const fenceContexts = () => new FenceContexts();

/** dma_fence_context_alloc. @returns the first of `count` new contexts; asking for none is a finding */
export function allocateFenceContexts(system: System, count = 1): number {
  if (count === 0) system.findings.report('fence-contexts-misused', 'no context was asked for');
  return system.single(fenceContexts).allocate(count);
}

const stubOps: DmaFenceOps = { driverName: () => 'stub', timelineName: () => 'stub' };

function bootStub(system: System): DmaFence {
  const stub = new DmaFence(system, { ops: stubOps, context: 0, seqno: 0 }, false);
  stub.signal();
  return stub;
}

/** dma_fence_get_stub: one more reference to the fence that has been signalled since boot, or since the first who asked. */
export function getStubFence(system: System): DmaFence {
  return system.single(bootStub).get();
}

/**
 * dma_fence_allocate_private_stub: a signalled fence of its own.
 *
 * @param timestamp_ns virtual time at which it is to have signalled
 * @throws Errno ENOMEM
 */
export function allocatePrivateStub(system: System, timestamp_ns: number): DmaFence {
  system.kmalloc('struct dma_fence');
  const fence = new DmaFence(system, { ops: stubOps, context: 0, seqno: 0 });
  fence.signal(timestamp_ns);
  return fence;
}
