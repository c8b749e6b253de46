/** What the driver of the DMA test device tells its engine, and what comes back. */
import type { DmaSegment } from '../../memory/index.ts';

export interface DmaTestCommand {
  readonly what: 'write' | 'read';
  /** Where, in order. */
  readonly segments: readonly DmaSegment[];
  /** What to write everywhere. */
  readonly byte: number;
}

/** What a command has found; of a write, nothing. */
export interface DmaTestResult {
  /** Of all bytes read, modulo 2^32. */
  readonly sum: number;
  /** The first bytes read, at most 64. */
  readonly data: Uint8Array;
}

export interface DmaTestEngine {
  /** Takes a command; several are worked on at once. @param done called from the engine's interrupt */
  start(command: DmaTestCommand, done: (result: DmaTestResult) => void): void;
}
