/*
 * Looks at what the VPU has written, without a sync and with the cache
 * requests of early drivers on 32-bit Arm (section 5.6 of
 * docs/reference/vc-sm-cma.md).
 */
#define _GNU_SOURCE
#include "vcsm-client.h"

static void maintain(unsigned int mode, void *start, unsigned int size)
{
	struct {
		struct vc_sm_cma_ioctl_clean_invalid2 head;
		struct vc_sm_cma_ioctl_clean_invalid_block one;
	} arg = { .head = { .op_count = 1 },
		  .one = { .invalidate_mode = mode, .block_count = 1, .start_address = start, .block_size = size } };
	int result = ioctl(node, VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2, &arg);

	printf("mode %u: %s\n", mode, answer(result));
}

int main(void)
{
	struct block imported;
	char stack[64];
	int source;

	first = node = opened("/dev/vcsm-cma");
	source = heap_buffer(8192);
	imported = vcsm_import_dmabuf(source, "");
	show(&imported);
	maintain(VC_SM_CACHE_OP_CLEAN, imported.memory, 4096);
	show(&imported);
	/* The line of the text, from the middle of the buffer's first page. */
	maintain(VC_SM_CACHE_OP_INV, imported.memory + 64, 64);
	show(&imported);
	/* Memory that the VPU does not have, and where nothing is mapped. */
	maintain(VC_SM_CACHE_OP_FLUSH, stack, sizeof stack);
	maintain(VC_SM_CACHE_OP_FLUSH, (void *)0x1000, 64);
	maintain(7, imported.memory, 64);
	told("close", source, close(source));
	vcsm_free(&imported);
	told("close", node, close(node));
	return 0;
}
