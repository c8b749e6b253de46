/*
 * Every call of the client library that makes a system call in CMA mode
 * (sections 15.1 and 15.2 of docs/reference/vc-sm-cma.md), in a row.
 */
#define _GNU_SOURCE
#include "vcsm-client.h"

static void clean_invalid2(const struct block *block)
{
	struct {
		struct vc_sm_cma_ioctl_clean_invalid2 head;
		struct vc_sm_cma_ioctl_clean_invalid_block one;
	} arg = { .head = { .op_count = 1 },
		  .one = { .invalidate_mode = VC_SM_CACHE_OP_FLUSH, .block_count = 1, .start_address = block->memory, .block_size = 64 } };

	told("clean_invalid2", node, ioctl(node, VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2, &arg));
}

int main(void)
{
	struct block made, imported;
	int copy, source;

	/* vcsm_init() */
	opened("/dev/vcsm");
	first = node = opened("/dev/vcsm-cma");
	/* vcsm_exit(), vcsm_init_ex(1, -1) */
	told("close", node, close(node));
	node = opened("/dev/vcsm-cma");
	/* vcsm_init_ex(1, fd) on top of that is counted only; as the first one it is this. */
	copy = told("dup", node, dup(node));
	printf("close-on-exec: %d, %d\n", fcntl(node, F_GETFD), fcntl(copy, F_GETFD));
	told("close", copy, close(copy));

	made = vcsm_malloc_cache(8192, VC_SM_CMA_CACHE_HOST, "a name");
	show(&made);
	vcsm_sync(&made, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	strcpy(made.memory + TEXT_AT, "of the program");
	vcsm_sync(&made, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
	/* vcsm_unlock_hdl_sp(h, 1) */
	vcsm_sync(&made, DMA_BUF_SYNC_END);
	clean_invalid2(&made);

	source = heap_buffer(8192);
	imported = vcsm_import_dmabuf(source, "ignored");
	vcsm_sync(&imported, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	show(&imported);
	vcsm_sync(&imported, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
	told("close", source, close(source));
	await_resources(2);

	/* vcsm_export_dmabuf(): the buffer stays while somebody has that. */
	copy = told("dup", made.fd, dup(made.fd));
	printf("close-on-exec: %d, %d\n", fcntl(made.fd, F_GETFD), fcntl(copy, F_GETFD));
	vcsm_free(&made);
	await_resources(2);
	told("close", copy, close(copy));
	await_resources(1);
	/* vcsm_exit() before vcsm_free() */
	told("close", node, close(node));
	show(&imported);
	vcsm_free(&imported);
	await_resources(0);
	return 0;
}
