/*
 * A device that moves bytes into and out of a dma-buf, for trying what happens when
 * it does not see the CPU's caches. Each open file attaches one buffer. It exists in
 * ioctopus only: /dev/dma-NAME of the board "noncoherent".
 */
#ifndef IOCTOPUS_DMA_TEST_H
#define IOCTOPUS_DMA_TEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The buffer stays mapped from attach to detach; otherwise each transfer maps and unmaps it. */
#define DMA_TEST_KEEP_MAPPING (1 << 0)
/* Each transfer is in between begin_access and end_access. */
#define DMA_TEST_BRACKET (1 << 1)
/* A defect: the fence signals before the access has ended. */
#define DMA_TEST_SIGNAL_EARLY (1 << 2)

/* EBUSY: a buffer is attached; EPERM or EBUSY: the device cannot share this one. */
struct dma_test_attach {
	__s32 fd;
	__u32 flags;
};

/* EINVAL: nothing is attached, or not all of it is within the buffer. */
struct dma_test_transfer {
	__u64 offset;
	__u64 length;
	/* Write: the byte that is written. */
	__u32 byte;
	/* Read: the sum of all bytes, and the first of them. */
	__u32 sum;
	__u8 data[64];
};

#define DMA_TEST_IOC_ATTACH _IOW(0xda, 0, struct dma_test_attach)
#define DMA_TEST_IOC_DETACH _IO(0xda, 1)
#define DMA_TEST_IOC_WRITE _IOW(0xda, 2, struct dma_test_transfer)
#define DMA_TEST_IOC_READ _IOWR(0xda, 3, struct dma_test_transfer)

#endif
