/** What the CPU has of VCHIQ, the queues between the two processors: section 9.1 of docs/reference/vc-sm-cma.md. */

export interface VchiqServiceParameters {
  /** Four characters, the first in the highest byte. */
  readonly fourcc: number;
  readonly version: number;
  /** The oldest version that will do. */
  readonly versionMin: number;
}

/** One open service, as the CPU sees it. The doorbell rings for a message that has come and for the end of the service. */
export interface VchiqService {
  /** vchiq_queue_kernel_message: the bytes are copied. @returns 0, or a negative number when no slot takes them */
  queueMessage(message: Uint8Array): number;
  /** The oldest message of the VPU that nobody has taken. */
  takeMessage(): Uint8Array | undefined;
  readonly hasMessage: boolean;
  /** The other side has closed it. */
  readonly isClosed: boolean;
  close(): void;
}

export interface Vchiq {
  /** vchiq_open_service: OPEN and OPENACK. @returns undefined when nobody serves that code, or versions do not meet */
  openService(parameters: VchiqServiceParameters): VchiqService | undefined;
}
