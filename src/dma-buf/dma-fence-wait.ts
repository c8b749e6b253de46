import { Errno } from '../abi/index.ts';
import { type Kernel, type System, type WaitOptions, WaitQueue, wait } from '../kernel/index.ts';
import type { DmaFence } from './dma-fence.ts';

/**
 * dma_fence_wait_any_timeout: waits until one of several fences has signalled. Of those that have, the first in the list counts.
 *
 * @param options interruptible and without end when left out; no time only looks, and peeks
 * @returns its index; undefined when the time is up
 * @throws Errno ERESTARTSYS when a signal comes first; EINVAL for no fences or a negative time
 */
export function* waitAnyFence(system: System, fences: readonly DmaFence[], options: WaitOptions = {}): Kernel<number | undefined> {
  const { timeout_ns = Number.POSITIVE_INFINITY } = options;
  if (fences.length === 0 || timeout_ns < 0) {
    system.findings.report('fence-wait-misused', `a wait of ${timeout_ns} ns for any of ${fences.length} fences`);
    throw new Errno('EINVAL', 'no fence to wait for, or a negative time');
  }
  system.lockdep.mightSleep('fences');
  system.lockdep.fenceMap.mightTake();
  if (timeout_ns === 0) return indexOf(fences.findIndex((fence) => fence.isSignaled));
  const signaled = new WaitQueue(`any of ${fences.map((fence) => fence.name).join(', ')}`);
  // One for each, because the same fence may be there twice.
  const callbacks = fences.map(() => () => signaled.wake());
  let armed = 0;
  try {
    for (const fence of fences) if (!fence.addCallback(callbacks[armed++] as () => void)) return armed - 1;
    const first = () => fences.findIndex((fence) => fence.signaledFlag);
    yield* wait(signaled, () => first() >= 0, options);
    return indexOf(first());
  } finally {
    while (armed-- > 0) fences[armed]?.removeCallback(callbacks[armed] as () => void);
  }
}

const indexOf = (found: number) => (found < 0 ? undefined : found);
