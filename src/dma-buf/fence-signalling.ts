/**
 * Fence signalling sections: dma_fence_begin_signalling of drivers/dma-buf/dma-fence.c (section 4.7 of docs/reference/dma-buf.md).
 *
 * A driver marks what must run so that a fence signals. In there, nothing may wait for what others do who may themselves wait for a
 * fence: no reservation lock nor any lock that is ever held around one, no user memory, no allocation that may wait.
 */
import type { HeldLock, System } from '../kernel/index.ts';

/** What {@link beginSignalling} gives; undefined inside another section or where nothing may wait anyway. */
export type SignallingCookie = HeldLock | undefined;

/** dma_fence_begin_signalling. Sections nest. */
export function beginSignalling({ lockdep, scheduler }: System): SignallingCookie {
  const { fenceMap } = lockdep;
  if (lockdep.holds(fenceMap) || scheduler.atomic !== undefined) return undefined;
  return fenceMap.taken(fenceMap);
}

/** dma_fence_end_signalling. */
export function endSignalling({ lockdep }: System, cookie: SignallingCookie): void {
  if (cookie !== undefined) lockdep.fenceMap.gaveBack(cookie);
}
