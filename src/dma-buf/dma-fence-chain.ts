import { Errno } from '../abi/index.ts';
import type { Kernel, System } from '../kernel/index.ts';
import { DmaFence, type DmaFenceOps } from './dma-fence.ts';
import { allocateFenceContexts } from './dma-fence-stub.ts';

const chainOps: DmaFenceOps = {
  driverName: () => 'dma_fence_chain',
  timelineName: () => 'unbound',
  enableSignaling: (fence) => (fence as DmaFenceChain).arm(),
  signaled: (fence) => {
    for (const node of walkFenceChain(fence)) if (!containedFence(node).isSignaled) return false;
    return true;
  },
  setDeadline: (fence, at_ns) => {
    for (const node of walkFenceChain(fence)) containedFence(node).setDeadline(at_ns);
  },
  release: (fence) => (fence as DmaFenceChain).unlink(),
};

interface Place {
  readonly context: number;
  readonly seqno: number;
  readonly prevSeqno: number;
}

/** A node goes on in the context of the one before it, unless its number does not. */
function placeBehind(system: System, prev: DmaFence | undefined, seqno: number): Place {
  if (!(prev instanceof DmaFenceChain)) return { context: allocateFenceContexts(system), seqno, prevSeqno: 0 };
  if (seqno > prev.seqno) return { context: prev.context, seqno, prevSeqno: prev.seqno };
  return { context: allocateFenceContexts(system), seqno: Math.max(prev.seqno, seqno), prevSeqno: 0 };
}

/**
 * A point of a timeline that may be made before the work of earlier points is done, as `struct dma_fence_chain`: signals when its own
 * fence and those of all nodes before it have. Owns references to its fence and to the node before it.
 *
 * Walking drops nodes whose fences have signalled; what was dropped is not found again.
 */
export class DmaFenceChain extends DmaFence {
  readonly fence: DmaFence;
  readonly prevSeqno: number;
  #prev: DmaFence | undefined;

  /**
   * dma_fence_chain_init.
   *
   * @param prev the node before, or any fence to begin with; the reference becomes the node's
   * @param fence what this node adds, no chain; the reference becomes the node's
   * @param seqno compared as 64 bits
   */
  constructor(system: System, prev: DmaFence | undefined, fence: DmaFence, seqno: number) {
    const place = placeBehind(system, prev, seqno);
    super(system, { ops: chainOps, context: place.context, seqno: place.seqno, is64bit: true });
    this.#prev = prev;
    this.fence = fence;
    this.prevSeqno = place.prevSeqno;
    if (fence instanceof DmaFenceChain) system.findings.report('fence-chain-misused', `${this.describe()} was made of ${fence.describe()}`);
  }

  override get isContainer(): boolean {
    return true;
  }

  /** Waits for the first fence that is pending. @returns false when none is */
  arm(): boolean {
    for (const node of walkFenceChain(this)) {
      const fence = containedFence(node).get();
      // The fence keeps the node alive until it signals.
      this.get();
      const callback = () => {
        // As in the kernel, looking on waits until the other callbacks of that fence are through.
        this.system.scheduler.spawn('signal of a chain of fences', undefined, this.#goOn());
        fence.put();
      };
      if (fence.addCallback(callback)) return true;
      this.put();
      fence.put();
    }
    return false;
  }

  *#goOn(): Kernel<void> {
    if (!this.arm()) this.signal();
    this.put();
  }

  /** dma_fence_chain_walk: the next pending node before this one, or the fence that the chain began with. Drops what has signalled. */
  walk(): DmaFence | undefined {
    for (let prev = this.#prev; prev !== undefined; prev = this.#prev) {
      if (!containedFence(prev).isSignaled) return prev;
      // The look may have run callbacks that walked here, too.
      if (this.#prev === prev) {
        this.#prev = prev instanceof DmaFenceChain ? prev.#prev?.get() : undefined;
        prev.put();
      }
    }
    return undefined;
  }

  /** The last reference is gone. Nodes that nobody else holds go one after the other, not each inside the one behind it. */
  unlink(): void {
    for (let prev = this.#prev; prev !== undefined; prev = this.#prev) {
      if (prev.count > 1 || !(prev instanceof DmaFenceChain)) {
        this.#prev = undefined;
        prev.put();
      } else {
        this.#prev = prev.#prev;
        prev.#prev = undefined;
        prev.put();
      }
    }
    this.fence.put();
  }
}

/** dma_fence_chain_contained: what a node adds; any other fence itself. */
export function containedFence(fence: DmaFence): DmaFence {
  return fence instanceof DmaFenceChain ? fence.fence : fence;
}

/** dma_fence_chain_for_each: a node, then those before it that are pending. Holds a reference to the one that it gives. */
export function* walkFenceChain(head: DmaFence): Generator<DmaFence> {
  let node = head.get();
  try {
    for (;;) {
      yield node;
      const prev = node instanceof DmaFenceChain ? node.walk()?.get() : undefined;
      if (prev === undefined) return;
      node.put();
      node = prev;
    }
  } finally {
    node.put();
  }
}

/**
 * dma_fence_chain_find_seqno: the node that must signal before a point of the timeline has been reached.
 *
 * @param fence whose reference becomes that of the result
 * @param seqno 0 finds the fence itself
 * @returns undefined when all has signalled
 * @throws Errno EINVAL when it is no chain, or the point comes after it; the reference stays the caller's then
 */
export function findChainSeqno(fence: DmaFence, seqno: number): DmaFence | undefined {
  if (seqno === 0) return fence;
  if (!(fence instanceof DmaFenceChain) || fence.seqno < seqno)
    throw new Errno('EINVAL', `${fence.describe()} does not reach point ${seqno}`);
  try {
    for (const node of walkFenceChain(fence)) {
      if (node.context !== fence.context || (node as DmaFenceChain).prevSeqno < seqno) return node.get();
    }
    return undefined;
  } finally {
    fence.put();
  }
}
