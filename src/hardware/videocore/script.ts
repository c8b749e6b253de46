/** What a test or a board makes the firmware do. All of it can be changed while the machine runs. */
export interface VideoCoreScript {
  /** From a message's arrival, or the end of the one before it, to its answer; in virtual nanoseconds. */
  latency_ns: number;
  /** Firmware without it is of protocol 1: it never sends RELEASED. */
  acknowledgesVersion: boolean;
  /** IMPORT is answered with handle 0. */
  refusesImports: boolean;
  /** The firmware drops its own reference with the answer of IMPORT, so RELEASED follows at once. */
  releasesAtOnce: boolean;
  /** No slot is free for RELEASED: the thread of SMEM stops where it would send one. */
  stallsReleased: boolean;
  /** Answers stay in {@link VideoCore.heldReplies} until they are sent one by one. */
  holdsReplies: boolean;
  /** As many answers as this are lost. */
  dropsReplies: number;
  /** As many messages of the CPU as this find no slot. */
  queueFailures: number;
  /** The VPU has crashed: it takes messages and does nothing. */
  isCrashed: boolean;
  /** A component of the firmware that learns of each new handle: it may use and hold it. */
  onImport: ((handle: number) => void) | undefined;
}

export const ordinaryScript = (): VideoCoreScript => ({
  latency_ns: 20_000,
  acknowledgesVersion: true,
  refusesImports: false,
  releasesAtOnce: false,
  stallsReleased: false,
  holdsReplies: false,
  dropsReplies: 0,
  queueFailures: 0,
  isCrashed: false,
  onImport: undefined,
});
