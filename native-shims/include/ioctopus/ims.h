/*
 * Vectors of an interrupt message store, for the client that has a file open:
 * /dev/imslab and work queues of the board "dsa". It exists in ioctopus only.
 * Besides these, the files take VFIO_DEVICE_GET_IRQ_INFO and VFIO_DEVICE_SET_IRQS
 * for index 2, which is their first group.
 */
#ifndef IOCTOPUS_IMS_H
#define IOCTOPUS_IMS_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IMS_INFO_DYNAMIC 1
#define IMS_INFO_CONTEXT 2
#define IMS_INFO_REMAPPED 4
#define IMS_INFO_REMAP_REQUIRED 8
#define IMS_INFO_SHARED_WQ 16
#define IMS_INFO_PASID 32

struct ims_info {
	__u32 version;
	__u32 flags;
	/* 0: contexts, as many as there are clients */
	__u32 slots;
	__u32 in_use;
	__u32 wq;
	__u32 pasid;
	/* The group that came with the open; 0: none */
	__u32 auto_group;
	__u32 next_group;
	__u32 vectors_per_open;
	__u32 max_nvec;
	__u64 ims_offset;
	__u64 reserved[2];
};

/* The driver makes the eventfds and stores them in fds */
#define IMS_ALLOC_CREATE_EVENTFDS 1
#define IMS_ALLOC_MASKED 2
#define IMS_ALLOC_NONBLOCK 4

/* EINVAL; ENOSPC: no room; EBUSY: static mode; ENOSYS: no remapping; EBADF, EMFILE */
struct ims_alloc {
	__u32 argsz;
	__u32 flags;
	__u32 nvec;
	__s32 group;
	__u32 first_index;
	__u32 got;
	/* __s32[nvec], -1: none; may be 0 */
	__u64 fds;
	/* __u32[nvec], for descriptors; may be 0 */
	__u64 handles;
};

struct ims_free {
	__u32 group;
	__u32 reserved;
};

struct ims_eventfds {
	__u32 argsz;
	__u32 flags;
	__u32 group;
	__u32 start;
	__u32 count;
	__u32 reserved;
	__u64 fds;
};

#define IMS_VECTOR_MASKED 1
#define IMS_VECTOR_PENDING 2
#define IMS_VECTOR_EVENTFD 4
#define IMS_VECTOR_REMAPPED 8
#define IMS_VECTOR_ACTIVATED 16
#define IMS_VECTOR_HANDLE 32
/* The device has another message than the driver wrote */
#define IMS_VECTOR_STALE 64
#define IMS_NO_IRTE 0xffffffff

struct ims_vector {
	__u32 argsz;
	__u32 group;
	__u32 index;
	__u32 flags;
	__u32 virq;
	__u32 slot;
	__u32 hwirq;
	__u32 int_handle;
	__u32 addr_lo;
	__u32 addr_hi;
	__u32 data;
	__u32 ctrl;
	__u32 irte;
	__u16 cpu;
	__u16 vector;
	__u64 count;
};

#define IMS_OP_MASK 0
#define IMS_OP_UNMASK 1

struct ims_mask {
	__u32 group;
	__u32 index;
	__u32 op;
	__u32 reserved;
};

/* Whatever the mask and the PASID are */
#define IMS_TRIGGER_RAW 1

struct ims_trigger {
	__u32 group;
	__u32 index;
	__u32 count;
	__u32 flags;
};

#define IMS_HANDLE_GET 0
#define IMS_HANDLE_RELEASE 1
#define IMS_HANDLE_REVOKE 2

struct ims_handle {
	__u32 group;
	__u32 index;
	__u32 handle;
	__u32 op;
	__u64 reserved;
};

#define IMS_GET_INFO _IOR(0xda, 0, struct ims_info)
#define IMS_ALLOC_GROUP _IOWR(0xda, 1, struct ims_alloc)
#define IMS_FREE_GROUP _IOW(0xda, 2, struct ims_free)
#define IMS_SET_EVENTFD _IOW(0xda, 3, struct ims_eventfds)
#define IMS_GET_VECTOR _IOWR(0xda, 4, struct ims_vector)
#define IMS_MASK _IOW(0xda, 5, struct ims_mask)
#define IMS_TRIGGER _IOW(0xda, 6, struct ims_trigger)
#define IMS_BIND_HANDLE _IOWR(0xda, 7, struct ims_handle)

#endif
