import type { Random } from '../../kernel/index.ts';

/** Whether the CPU's cache loses lines on its own, as real ones do for want of room: never, some, or half of them at each chance. */
export const EVICTIONS = ['off', 'on', 'hostile'] as const;
export type Eviction = (typeof EVICTIONS)[number];

/** One line of so many is lost at each chance. */
const ONE_OF: Readonly<Record<Eviction, number>> = { off: 0, on: 16, hostile: 2 };

/** Decides about each line that could be lost; undefined when none ever is. The same seed decides the same. */
export function makeEvictor(eviction: Eviction, random: Random): (() => boolean) | undefined {
  const oneOf = ONE_OF[eviction];
  return oneOf === 0 ? undefined : () => random.below(oneOf) === 0;
}
