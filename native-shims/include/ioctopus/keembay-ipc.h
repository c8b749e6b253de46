/*
 * /dev/keembay-ipc: the link between Linux and the VPU of a Keem Bay, whose driver
 * has no node of its own on Linux. It exists in ioctopus only: on the board "keembay".
 * Section 19 of docs/reference/keembay-ipc.md says what each request does. Reserved
 * fields must be 0.
 */
#ifndef IOCTOPUS_KEEMBAY_IPC_H
#define IOCTOPUS_KEEMBAY_IPC_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* RECV: without end. */
#define KEEMBAY_IPC_FOREVER 0xffffffff
/* DMABUF_IMPORT: who accesses the buffer; 0 and 3 are both. */
#define KEEMBAY_IPC_VPU_READS 1
#define KEEMBAY_IPC_VPU_WRITES 2
/* DMABUF_RELEASE: also while a packet names it. */
#define KEEMBAY_IPC_FORCE (1 << 0)

struct keembay_ipc_chan {
	__u16 chan_id;
	__u8 node_id;
	__u8 reserved;
};

struct keembay_ipc_send {
	__u16 chan_id;
	__u8 node_id;
	__u8 flags;
	__u32 vpu_addr;
	__u64 size;
};

struct keembay_ipc_recv {
	__u16 chan_id;
	__u8 node_id;
	__u8 flags;
	__u32 timeout_ms;
	__u32 vpu_addr;
	__u32 reserved;
	__u64 size;
};

struct keembay_ipc_import {
	__s32 fd;
	__u32 access;
	__u64 offset;
	/* 0: to the end. */
	__u64 length;
	__u32 vpu_addr;
	__u32 handle;
};

struct keembay_ipc_release {
	__u32 handle;
	__u32 flags;
};

struct keembay_ipc_info {
	__u32 version;
	__u8 local_node;
	__u8 remote_node;
	/* 0: the driver has the FIFOs (A); 1: a mailbox controller has (B). */
	__u16 design;
	__u16 max_channels;
	__u16 num_hs;
	__u16 packet_size;
	__u16 fifo_depth;
	__u32 local_vpu_addr;
	__u32 local_size;
	__u32 remote_vpu_addr;
	__u32 remote_size;
	__u32 pool_slots;
	__u32 rx_ring_len;
	__u64 cpu_fifo_phys;
	__u64 vpu_fifo_phys;
	__u32 vpu_state;
	__u32 reserved;
};

struct keembay_ipc_stats {
	__u64 tx_ok;
	__u64 tx_enomem;
	__u64 tx_ebusy;
	__u64 tx_interrupted;
	__u64 rx_ok;
	__u64 rx_drop_closed;
	__u64 rx_drop_bad_header;
	__u64 rx_out_of_range;
	__u64 rx_drop_nomem;
	__u64 scan_steps_total;
	__u64 scan_steps_max;
	__u64 slots_free_now;
	__u64 slots_allocated_now;
	__u64 silent_frees;
	/* Of the CPU's FIFO in the lower half, of the VPU's in the upper. */
	__u64 fifo_high_water;
	__u64 irq_masked_count;
};

struct keembay_ipc_peek {
	__u32 index;
	/* 0: the CPU's packets; 1: the VPU's. */
	__u32 pool;
	__u32 data_addr;
	__u32 data_size;
	__u16 channel;
	__u8 src;
	__u8 dst;
	__u8 status;
	/* 0: the CPU; 1: nobody, it is in a FIFO; 2: the VPU. */
	__u8 true_owner;
	__u16 reserved;
	__u32 generation;
	__u32 reserved2;
	__u64 since_ns;
};

struct keembay_ipc_scan {
	__u32 pool;
	__u32 first;
	__u32 count;
	__u32 flags;
	/* Address of (count + 7) / 8 bytes, or 0: a bit is set for each packet in use. */
	__u64 bitmap;
	__u32 n_allocated;
	__u32 n_free;
};

/* What read gives and write takes. */
struct keembay_ipc_record {
	__u32 vpu_addr;
	__u32 size;
};

#define KEEMBAY_IPC_OPEN_CHANNEL _IOW(0xe7, 1, struct keembay_ipc_chan)
#define KEEMBAY_IPC_CLOSE_CHANNEL _IOW(0xe7, 2, struct keembay_ipc_chan)
#define KEEMBAY_IPC_SEND _IOW(0xe7, 3, struct keembay_ipc_send)
#define KEEMBAY_IPC_RECV _IOWR(0xe7, 4, struct keembay_ipc_recv)
#define KEEMBAY_IPC_BIND _IOW(0xe7, 5, struct keembay_ipc_chan)
#define KEEMBAY_IPC_UNBIND _IO(0xe7, 6)
#define KEEMBAY_IPC_DMABUF_IMPORT _IOWR(0xe7, 7, struct keembay_ipc_import)
#define KEEMBAY_IPC_DMABUF_RELEASE _IOW(0xe7, 8, struct keembay_ipc_release)
#define KEEMBAY_IPC_GET_INFO _IOR(0xe7, 9, struct keembay_ipc_info)
#define KEEMBAY_IPC_GET_STATS _IOR(0xe7, 10, struct keembay_ipc_stats)
#define KEEMBAY_IPC_CLEAR_STATS _IO(0xe7, 11)
#define KEEMBAY_IPC_PEEK_PACKET _IOWR(0xe7, 12, struct keembay_ipc_peek)
#define KEEMBAY_IPC_POOL_SCAN _IOWR(0xe7, 13, struct keembay_ipc_scan)

#endif
