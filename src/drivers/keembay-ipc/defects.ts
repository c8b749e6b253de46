import type { Defect } from '../../kernel/index.ts';

/** Sections 13.1 to 13.3 of docs/reference/keembay-ipc.md. Without it, a send that is under way waits for its end whatever comes. */
export const SEND_FREED_EARLY: Defect = {
  name: 'keembay-ipc-send-freed-early',
  description: 'a signal frees the element of a send that the transmit thread works on; the message may go out, and the call starts again',
  breaks: ['keembay-ipc-use-after-free', 'keembay-ipc-sent-though-interrupted'],
};

/** Section 13.4: design B. Without it, the slot becomes free again. */
export const BUSY_LEAKS_SLOT: Defect = {
  name: 'keembay-ipc-busy-leaks-slot',
  description: 'design B does not free the packet of a message that found the FIFO full',
  breaks: ['keembay-ipc-slot-leaked'],
};

/** Section 13.5. Without it, a reset of the VPU frees what it held. */
export const RESET_LOSES_SLOTS: Defect = {
  name: 'keembay-ipc-reset-loses-slots',
  description: 'packets that the VPU held when it was reset stay allocated for ever',
  breaks: ['keembay-ipc-slots-lost'],
};

/** Section 13.6. Without it, such a size is EINVAL. */
export const SIZE_TRUNCATED: Defect = {
  name: 'keembay-ipc-size-truncated',
  description: 'a size of more than 32 bits loses the upper ones',
  breaks: ['keembay-ipc-size-truncated'],
};

/** Section 13.7. Without it, probe fails. */
export const PROBE_IGNORES_FIFO: Defect = {
  name: 'keembay-ipc-probe-ignores-fifo',
  description: 'probe succeeds without FIFO registers or interrupt, and the first send uses an unset mapping',
  breaks: ['keembay-ipc-unmapped-registers'],
};

/** Section 13.8: design A. Without it, the interrupt is freed before the tasklet is killed. */
export const TASKLET_KILLED_FIRST: Defect = {
  name: 'keembay-ipc-tasklet-killed-first',
  description: 'remove kills the tasklet while its interrupt still comes and schedules it again',
  breaks: ['keembay-ipc-tasklet-after-kill'],
};

/** What the real driver has. */
export const KEEMBAY_IPC_DEFECTS: readonly Defect[] = [
  SEND_FREED_EARLY,
  BUSY_LEAKS_SLOT,
  RESET_LOSES_SLOTS,
  SIZE_TRUNCATED,
  PROBE_IGNORES_FIFO,
  TASKLET_KILLED_FIRST,
];
