/** A component of the firmware that fills buffers in place: a camera, a decoder. */
import type { System } from '../../kernel/index.ts';
import type { MmalBufferMessage, MmalPort } from '../../ports/videocore/index.ts';
import type { VideoCore } from './videocore.ts';

export interface MmalComponentDescription {
  readonly system: System;
  readonly videocore: VideoCore;
  /** What it writes into a buffer. */
  readonly fill: Uint8Array;
  /** How long a buffer takes, in virtual nanoseconds. */
  readonly work_ns: number;
}

/** While it works on a buffer it holds a reference of its own to the handle: the buffer outlives its client. */
export class MmalComponent implements MmalPort {
  onReturned: ((message: MmalBufferMessage) => void) | undefined;
  readonly #description: MmalComponentDescription;

  constructor(description: MmalComponentDescription) {
    this.#description = description;
  }

  submit(message: MmalBufferMessage): number {
    const { system, videocore, fill, work_ns } = this.#description;
    const { data: handle } = message;
    if (videocore.heap.find(handle) === undefined) return -1;
    videocore.hold(handle);
    system.clock.schedule(work_ns, 'a component has filled a buffer', () => {
      // The service may have ended meanwhile, and the handle with it.
      if (videocore.heap.find(handle) === undefined) return;
      videocore.write(handle, 0, fill);
      videocore.unhold(handle);
      this.onReturned?.(message);
    });
    return 0;
  }
}
