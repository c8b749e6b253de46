import type { Defect } from '../../kernel/index.ts';

/** Sections 13.1 and 13.2 of docs/reference/keembay-ipc.md. Without it, a send that is under way waits for its end whatever comes. */
export const SEND_FREED_EARLY: Defect = {
  name: 'keembay-ipc-send-freed-early',
  description: 'a signal frees the element of a send that the transmit thread works on; the message may go out, and the call starts again',
  breaks: ['keembay-ipc-use-after-free', 'keembay-ipc-sent-though-interrupted'],
};

/** Section 13.3: design B. Without it, a send waits until the mailbox is done with its message. */
export const MAILBOX_KEEPS_POINTER: Defect = {
  name: 'keembay-ipc-mailbox-keeps-pointer',
  description: 'a signal frees the element of a send that the mailbox has a pointer into',
  breaks: ['keembay-ipc-mailbox-use-after-free', 'keembay-ipc-sent-though-interrupted'],
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

/** Section 13.9. It matters where stores and loads change places. Without it, a packet is read before it is given back. */
export const NO_BARRIERS: Defect = {
  name: 'keembay-ipc-no-barriers',
  description: 'only the compiler is kept from giving a packet back before it has been read, not the processor',
  breaks: ['keembay-ipc-torn-packet'],
};

/** Section 13.10: design B. Without it, the transmit thread waits on. */
export const CREDIT_WAIT_INTERRUPTED: Defect = {
  name: 'keembay-ipc-credit-wait-interrupted',
  description: 'a signal for the transmit thread, which waits for the mailbox, ends a send whose sender got none',
  breaks: ['keembay-ipc-foreign-signal'],
};

/** What the real driver has. */
export const KEEMBAY_IPC_DEFECTS: readonly Defect[] = [
  SEND_FREED_EARLY,
  MAILBOX_KEEPS_POINTER,
  BUSY_LEAKS_SLOT,
  RESET_LOSES_SLOTS,
  SIZE_TRUNCATED,
  PROBE_IGNORES_FIFO,
  TASKLET_KILLED_FIRST,
  NO_BARRIERS,
  CREDIT_WAIT_INTERRUPTED,
];
