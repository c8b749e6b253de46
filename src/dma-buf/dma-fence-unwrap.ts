/** The plain fences inside of containers, and one fence for all of several: drivers/dma-buf/dma-fence-unwrap.c. */
import type { System } from '../kernel/index.ts';
import { type DmaFence, isLater } from './dma-fence.ts';
import { DmaFenceArray, fenceArrayOf } from './dma-fence-array.ts';
import { containedFence, DmaFenceChain, walkFenceChain } from './dma-fence-chain.ts';
import { allocatePrivateStub } from './dma-fence-stub.ts';

/**
 * dma_fence_unwrap_for_each: the fences that a fence stands for, the latest node of a chain first. Signalled ones too, but for those of a
 * chain's earlier nodes. The references stay those of the containers.
 */
export function unwrapFence(fence: DmaFence): readonly DmaFence[] {
  if (!(fence instanceof DmaFenceChain)) return membersOf(fence);
  const fences: DmaFence[] = [];
  for (const node of walkFenceChain(fence)) for (const member of membersOf(containedFence(node))) fences.push(member);
  return fences;
}

const membersOf = (fence: DmaFence) => (fence instanceof DmaFenceArray ? fence.fences : [fence]);

/**
 * dma_fence_unwrap_merge: one fence for all of several, with a reference for the caller. Signalled ones are dropped, with their errors,
 * and of each context only the latest stays. What is left is that fence itself, an array in the order of contexts, or a stub that
 * signalled with the last of them.
 *
 * @throws Errno ENOMEM
 */
export function mergeFences(system: System, fences: readonly DmaFence[]): DmaFence {
  let signaledAt_ns = 0;
  const latest = new Map<number, DmaFence>();
  for (const fence of fences.flatMap(unwrapFence)) {
    if (fence.isSignaled) {
      signaledAt_ns = Math.max(signaledAt_ns, fence.timestamp_ns);
      continue;
    }
    const known = latest.get(fence.context);
    if (known === undefined || (known !== fence && isLater(fence, known))) latest.set(fence.context, fence);
  }
  if (latest.size === 0) return allocatePrivateStub(system, signaledAt_ns);
  const kept = [...latest.values()].sort((a, b) => a.context - b.context);
  for (const fence of kept) fence.get();
  return kept.length === 1 ? (kept[0] as DmaFence) : fenceArrayOf(system, kept);
}
