/** What crosses between a client of MMAL and a component of the firmware, for buffers that are not copied: section 15.4 of docs/reference/vc-sm-cma.md. */

export interface MmalBufferMessage {
  /** What the VPU knows the buffer by, in place of an address. */
  readonly data: number;
  /** Of what is sent along, in bytes: 0 for a buffer that is not copied. */
  readonly length: number;
  readonly isZeroCopy: boolean;
}

/** A port of a component, as its client sees it. */
export interface MmalPort {
  /** MMAL_MSG_TYPE_BUFFER_FROM_HOST. @returns 0, or a negative number when the component takes nothing */
  submit(message: MmalBufferMessage): number;
  /** MMAL_MSG_TYPE_BUFFER_TO_HOST: told when the component has done with a buffer. */
  onReturned: ((message: MmalBufferMessage) => void) | undefined;
}
