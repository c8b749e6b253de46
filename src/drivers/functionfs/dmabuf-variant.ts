/** What became of the requests on buffers from their proposal to the merged driver: section 13 of docs/reference/functionfs.md. */
import type { System } from '../../kernel/index.ts';
import type { DmaDirection } from '../../memory/index.ts';

/** How a machine's FunctionFS treats buffers. */
export interface DmabufVariant {
  /** The direction that a buffer is mapped for. @param isIn whether the endpoint sends to the host, so that the controller reads */
  direction(isIn: boolean): DmaDirection;
  /** Whether a transfer counts as one that writes the buffer. */
  writes(isIn: boolean): boolean;
  /** Whether a transfer waits for those who use the buffer. */
  readonly waits: boolean;
  /** Whether detaching cancels the last transfer. */
  readonly cancels: boolean;
  /** Whether each transfer tells the exporter when it begins and ends: dma_buf_begin_access. */
  readonly brackets: boolean;
}

const inverted = {
  direction: (isIn: boolean): DmaDirection => (isIn ? 'from-device' : 'to-device'),
  writes: (isIn: boolean) => isIn,
};

export const DMABUF_VARIANTS = {
  /** As 6.12 to 6.19 have it: directions are the wrong way round. */
  '6.12': { ...inverted, waits: true, cancels: true, brackets: false },
  /** As 7.0 has it. */
  '7.0': {
    direction: (isIn: boolean): DmaDirection => (isIn ? 'to-device' : 'from-device'),
    writes: (isIn: boolean) => !isIn,
    waits: true,
    cancels: true,
    brackets: false,
  },
  /** The fifth version that was posted, of January 2024. */
  posted: { ...inverted, waits: false, cancels: false, brackets: true },
} as const satisfies Readonly<Record<string, DmabufVariant>>;

export type DmabufVariantName = keyof typeof DMABUF_VARIANTS;

const makeChoice = (_system: System): { variant: DmabufVariant } => ({ variant: DMABUF_VARIANTS['6.12'] });

export const variantOf = (system: System): DmabufVariant => system.single(makeChoice).variant;

/** Has FunctionFS treat buffers as another kernel does; 6.12 by default. */
export function setDmabufVariant(system: System, name: DmabufVariantName): void {
  system.single(makeChoice).variant = DMABUF_VARIANTS[name];
}
