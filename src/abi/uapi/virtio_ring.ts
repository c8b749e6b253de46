/** linux/virtio_ring.h. */

/** The buffer goes on in `next`. */
export const VRING_DESC_F_NEXT = 1;
/** The device writes it. */
export const VRING_DESC_F_WRITE = 2;
/** It holds a list of descriptors. */
export const VRING_DESC_F_INDIRECT = 4;

/** The device says: do not kick me when you add a buffer. */
export const VRING_USED_F_NO_NOTIFY = 1;
/** The driver says: do not interrupt me when you have used a buffer. */
export const VRING_AVAIL_F_NO_INTERRUPT = 1;

/** Feature bits. */
export const VIRTIO_RING_F_INDIRECT_DESC = 28;
export const VIRTIO_RING_F_EVENT_IDX = 29;
