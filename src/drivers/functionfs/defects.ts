import type { Defect } from '../../kernel/index.ts';

/** Ways in which a driver of buffers goes wrong, for who wants to see them found. */
export const FFS_DEFECTS = {
  UNMAPS_EARLY: {
    name: 'ffs-unmaps-early',
    description: 'a buffer is unmapped before the fence of its transfer signals, under the lock that others hold while they wait for it',
    breaks: ['fence-signalling'],
  },
} as const satisfies Readonly<Record<string, Defect>>;
