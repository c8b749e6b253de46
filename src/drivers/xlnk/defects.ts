import type { Defect } from '../../kernel/index.ts';

/** Section 13.11 of docs/reference/keembay-ipc.md. Without it, buffers that a packet in use names are passed over; none left is ENOMEM. */
export const RING_OVERWRITES: Defect = {
  name: 'xlink-ring-overwrites',
  description: 'the ring of buffers for volatile writes goes round without a look at whether the VPU has read them',
  breaks: ['xlink-payload-overwritten'],
};

/** Section 13.12. Without it, what is too long is refused before it is copied. */
export const READ_OVERRUNS: Defect = {
  name: 'xlink-read-overruns',
  description: 'a message of more than 128 bytes is copied into a buffer of 128 on the stack, and refused after that',
  breaks: ['xlink-stack-overrun'],
};

/** Section 13.13. Without it, disconnecting closes the channels of the link. */
export const DISCONNECT_KEEPS_CHANNELS: Defect = {
  name: 'xlink-disconnect-keeps-channels',
  description: 'the last disconnect forgets channels that it does not close, and nobody can open or close them any more',
  breaks: ['xlink-channels-lost'],
};

/** What the real driver has. */
export const XLINK_DEFECTS: readonly Defect[] = [RING_OVERWRITES, READ_OVERRUNS, DISCONNECT_KEEPS_CHANNELS];
