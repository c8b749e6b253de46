/* The requests of /dev/vcsm-cma, as programs see them: layout and numbers of the header of the kernels for Raspberry Pi boards. */
#ifndef __VC_SM_CMA_IOCTL_H
#define __VC_SM_CMA_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VC_SM_CMA_RESOURCE_NAME 32
#define VC_SM_CMA_RESOURCE_NAME_DEFAULT "sm-host-resource"
#define VC_SM_CMA_MAGIC_TYPE 0x4A

#define VC_SM_CMA_CMD_ALLOC 0x5A
#define VC_SM_CMA_CMD_IMPORT_DMABUF 0x5B
#define VC_SM_CMA_CMD_CLEAN_INVALID2 0x5C
#define VC_SM_CMA_CMD_LAST 0x5D

#define VC_SM_CMA_CACHE_NONE 0
#define VC_SM_CMA_CACHE_HOST 1
#define VC_SM_CMA_CACHE_VC 2
#define VC_SM_CMA_CACHE_BOTH 3

#define VC_SM_CACHE_OP_NOP 0
#define VC_SM_CACHE_OP_INV 1
#define VC_SM_CACHE_OP_CLEAN 2
#define VC_SM_CACHE_OP_FLUSH 3

struct vc_sm_cma_ioctl_alloc {
	__u32 size;
	__u32 num;
	__u32 cached;
	__u32 pad;
	__u8 name[VC_SM_CMA_RESOURCE_NAME];
	__s32 handle;
	__u32 vc_handle;
	__u64 dma_addr;
};

struct vc_sm_cma_ioctl_import_dmabuf {
	__s32 dmabuf_fd;
	__u32 cached;
	__u8 name[VC_SM_CMA_RESOURCE_NAME];
	__s32 handle;
	__u32 vc_handle;
	__u32 size;
	__u32 pad;
	__u64 dma_addr;
};

struct vc_sm_cma_ioctl_clean_invalid_block {
	__u32 invalidate_mode;
	__u32 block_count;
	void *start_address;
	__u32 block_size;
	__u32 inter_block_stride;
};

struct vc_sm_cma_ioctl_clean_invalid2 {
	__u32 op_count;
	__u32 pad;
	struct vc_sm_cma_ioctl_clean_invalid_block s[];
};

#define VC_SM_CMA_IOCTL_MEM_ALLOC _IOR(VC_SM_CMA_MAGIC_TYPE, VC_SM_CMA_CMD_ALLOC, struct vc_sm_cma_ioctl_alloc)
#define VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF \
	_IOR(VC_SM_CMA_MAGIC_TYPE, VC_SM_CMA_CMD_IMPORT_DMABUF, struct vc_sm_cma_ioctl_import_dmabuf)
#define VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2 \
	_IOR(VC_SM_CMA_MAGIC_TYPE, VC_SM_CMA_CMD_CLEAN_INVALID2, struct vc_sm_cma_ioctl_clean_invalid2)

#endif
