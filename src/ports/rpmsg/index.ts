/** What crosses the rings between Linux and a remote processor: sections 21 and 22 of docs/reference/remoteproc.md. */
import { chars, struct, u16, u32 } from '../../abi/index.ts';

/** Feature bit: the remote announces its services. */
export const VIRTIO_RPMSG_F_NS = 0;

/** Numbers of the queues: what Linux receives by, and what it sends by. */
export const RX_QUEUE = 0;
export const TX_QUEUE = 1;

/** Bytes of a buffer; a message has to fit one. */
export const RPMSG_BUFFER_SIZE = 512;

/** In front of each message. `len` counts the bytes behind it; `reserved` and `flags` are 0. */
export const rpmsg_hdr = struct('rpmsg_hdr', { src: u32, dst: u32, reserved: u32, len: u16, flags: u16 });

/** The longest message. */
export const RPMSG_PAYLOAD_MAX = RPMSG_BUFFER_SIZE - rpmsg_hdr.size;

/** linux/rpmsg/ns.h: where announcements go. */
export const RPMSG_NS_ADDR = 53;
export const RPMSG_NAME_SIZE = 32;

/** An announcement: a service of that name has that address. */
export const rpmsg_ns_msg = struct('rpmsg_ns_msg', { name: chars(RPMSG_NAME_SIZE), addr: u32, flags: u32 });

export const RPMSG_NS_CREATE = 0;
export const RPMSG_NS_DESTROY = 1;
