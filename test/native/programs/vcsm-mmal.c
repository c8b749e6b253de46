/*
 * A client of MMAL with a zero-copy port (section 15.4 of
 * docs/reference/vc-sm-cma.md): payloads are allocated, sent to the VPU by
 * their handles, come back filled, and are freed while the VPU may have them.
 */
#define _GNU_SOURCE
#include "vcsm-client.h"

#define PAYLOADS 3
#define SIZE 12288

int main(void)
{
	struct block payloads[PAYLOADS];
	int i;

	/* The first component is created. */
	opened("/dev/vcsm");
	first = node = opened("/dev/vcsm-cma");
	for (i = 0; i < PAYLOADS; i++) {
		payloads[i] = vcsm_malloc_cache(SIZE, VC_SM_CMA_CACHE_HOST, "mmal_vc_port buffer");
		vcsm_sync(&payloads[i], DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
		vcsm_sync(&payloads[i], DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
	}
	for (i = 0; i < PAYLOADS; i++) {
		vcsm_sync(&payloads[i], DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
		printf("to the VPU: data %x, length 0, is_zero_copy 1\n", payloads[i].vc_handle);
	}
	for (i = 0; i < PAYLOADS; i++) {
		vcsm_sync(&payloads[i], DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
		show(&payloads[i]);
	}
	await_resources(PAYLOADS);
	for (i = 0; i < PAYLOADS; i++)
		vcsm_free(&payloads[i]);
	/* The last component is destroyed. */
	told("close", node, close(node));
	await_resources(0);
	return 0;
}
