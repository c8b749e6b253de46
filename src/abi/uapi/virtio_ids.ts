/** linux/virtio_ids.h: those that are served. */

export const VIRTIO_ID_RPMSG = 7;
