/**
 * What the two ends of a connection say. The client begins with a {@link Hello} and is answered by a {@link Welcome}. Then it asks
 * ({@link Ask}), and each question is answered once, in whatever order the calls end ({@link Answer}).
 */
import type { ErrnoName } from '../../abi/index.ts';
import type { Value } from './values.ts';

/** Of this file: both ends must have the same. */
export const VERSION = 1;

/**
 * What a connection is for:
 * - `calls`: a task of the machine, whose calls the client makes;
 * - `launcher`: programs that the client starts under the preload library;
 * - `mount`: what the kernel asks of a mount that the client has made.
 */
export type Purpose = 'calls' | 'launcher' | 'mount';

export interface Hello {
  readonly version: number;
  readonly purpose: Purpose;
}

export type Welcome = { readonly welcome: Value } | { readonly refused: string };

/** What a launcher gets to know. */
export interface LauncherWelcome {
  /** For IOCTOPUS_DOOR. */
  readonly door: string;
  /** The server's folder. */
  readonly folder: string;
  /** The preload library that belongs to the server. */
  readonly library: string;
}

/** A call by name; or `cut`: a signal comes for a call that was asked for, a fatal one if so said. */
export type Ask =
  | { readonly id: number; readonly name: string; readonly args: readonly Value[]; readonly from?: Caller; readonly bytes?: Uint8Array }
  | { readonly id: number; readonly cut: 'signal' | 'kill' };

/** Who calls through a mount. */
export interface Caller {
  readonly pid: number;
  readonly comm: string;
}

export type Answer =
  | { readonly id: number; readonly value?: Value }
  | { readonly id: number; readonly failed: ErrnoName; readonly reason: string };
