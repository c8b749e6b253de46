/*
 * The requests of /dev/xlnk, as programs see them: layout and numbers of the header of
 * Intel's kernels for Keem Bay, and what of linux/xlink.h goes through its pointers.
 */
#ifndef __XLINK_UAPI_H
#define __XLINK_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* dev_type: the channel's other end is a host, or the VPU. */
#define HOST_DEVICE 0
#define VPUIP_DEVICE 1

/* mode: whether to receive and to transmit waits (B) or does not (N). */
#define RXB_TXB 0
#define RXN_TXN 1
#define RXB_TXN 2
#define RXN_TXB 3

/* What return_code gets, or a negative errno. */
#define X_LINK_SUCCESS 0
#define X_LINK_ALREADY_INIT 1
#define X_LINK_ALREADY_OPEN 2
#define X_LINK_COMMUNICATION_NOT_OPEN 3
#define X_LINK_COMMUNICATION_FAIL 4
#define X_LINK_COMMUNICATION_UNKNOWN_ERROR 5
#define X_LINK_DEVICE_NOT_FOUND 6
#define X_LINK_TIMEOUT 7
#define X_LINK_ERROR 8
#define X_LINK_CHAN_FULL 9

struct xlink_handle {
	__u32 sw_device_id;
	__u32 dev_type;
};

struct xlinkopenchannel {
	void *handle;
	__u16 chan;
	int mode;
	__u32 data_size;
	__u32 timeout;
	__u32 *return_code;
};

struct xlinkcallback {
	void *handle;
	__u16 chan;
	void (*callback)(__u16 chan);
	__u32 *return_code;
};

struct xlinkwritedata {
	void *handle;
	__u16 chan;
	void const *pmessage;
	__u32 size;
	__u32 *return_code;
};

struct xlinkreaddata {
	void *handle;
	__u16 chan;
	void *pmessage;
	__u32 *size;
	__u32 *return_code;
};

struct xlinkreadtobuffer {
	void *handle;
	__u16 chan;
	void *pmessage;
	__u32 *size;
	__u32 *return_code;
};

struct xlinkconnect {
	void *handle;
	__u32 *return_code;
};

struct xlinkrelease {
	void *handle;
	__u16 chan;
	void *addr;
	__u32 *return_code;
};

struct xlinkstartvpu {
	char *filename;
	int namesize;
	__u32 *return_code;
};

struct xlinkgetdevicename {
	void *handle;
	char *name;
	__u32 name_size;
	__u32 *return_code;
};

struct xlinkgetdevicelist {
	__u32 *sw_device_id_list;
	__u32 *num_devices;
	__u32 *return_code;
};

struct xlinkgetdevicestatus {
	void *handle;
	__u32 *device_status;
	__u32 *return_code;
};

struct xlinkbootdevice {
	void *handle;
	const char *binary_name;
	__u32 binary_name_size;
	__u32 *return_code;
};

struct xlinkresetdevice {
	void *handle;
	__u32 *return_code;
};

struct xlinkdevmode {
	void *handle;
	int *device_mode;
	__u32 *return_code;
};

struct xlinkregdevevent {
	void *handle;
	__u32 *event_list;
	__u32 num_events;
	__u32 *return_code;
};

#define XL_OPEN_CHANNEL _IOW('x', 1, void *)
#define XL_READ_DATA _IOW('x', 2, void *)
#define XL_WRITE_DATA _IOW('x', 3, void *)
#define XL_CLOSE_CHANNEL _IOW('x', 4, void *)
#define XL_WRITE_VOLATILE _IOW('x', 5, void *)
#define XL_READ_TO_BUFFER _IOW('x', 6, void *)
#define XL_START_VPU _IOW('x', 7, void *)
#define XL_STOP_VPU _IOW('x', 8, void *)
#define XL_RESET_VPU _IOW('x', 9, void *)
#define XL_CONNECT _IOW('x', 10, void *)
#define XL_RELEASE_DATA _IOW('x', 11, void *)
#define XL_DISCONNECT _IOW('x', 12, void *)
#define XL_WRITE_CONTROL_DATA _IOW('x', 13, void *)
#define XL_DATA_READY_CALLBACK _IOW('x', 14, void *)
#define XL_DATA_CONSUMED_CALLBACK _IOW('x', 15, void *)
#define XL_GET_DEVICE_NAME _IOW('x', 16, void *)
#define XL_GET_DEVICE_LIST _IOW('x', 17, void *)
#define XL_GET_DEVICE_STATUS _IOW('x', 18, void *)
#define XL_BOOT_DEVICE _IOW('x', 19, void *)
#define XL_RESET_DEVICE _IOW('x', 20, void *)
#define XL_GET_DEVICE_MODE _IOW('x', 21, void *)
#define XL_SET_DEVICE_MODE _IOW('x', 22, void *)
#define XL_REGISTER_DEV_EVENT _IOW('x', 23, void *)
#define XL_UNREGISTER_DEV_EVENT _IOW('x', 24, void *)

#endif
