/** linux/broadcom/vc_sm_cma_ioctl.h, of the kernels for Raspberry Pi boards. */
import { IOC_READ, ioc } from '../ioc.ts';
import { array, type Decoded, i32, type Layout, pointer, quoteBytes, struct, tail, u8, u32, u64 } from '../layout.ts';
import { Request, requests } from '../request.ts';

export const VC_SM_CMA_RESOURCE_NAME = 32;
/** The name of a resource that was given none. */
export const VC_SM_CMA_RESOURCE_NAME_DEFAULT = 'sm-host-resource';

export const VC_SM_CMA_MAGIC_TYPE = 0x4a;

// enum vc_sm_cma_cmd_e
export const VC_SM_CMA_CMD_ALLOC = 0x5a;
export const VC_SM_CMA_CMD_IMPORT_DMABUF = 0x5b;
export const VC_SM_CMA_CMD_CLEAN_INVALID2 = 0x5c;
export const VC_SM_CMA_CMD_LAST = 0x5d;

// enum vc_sm_cma_cache_e
export const VC_SM_CMA_CACHE_NONE = 0;
export const VC_SM_CMA_CACHE_HOST = 1;
export const VC_SM_CMA_CACHE_VC = 2;
export const VC_SM_CMA_CACHE_BOTH = 3;

// enum of invalidate_mode
export const VC_SM_CACHE_OP_NOP = 0;
export const VC_SM_CACHE_OP_INV = 1;
export const VC_SM_CACHE_OP_CLEAN = 2;
export const VC_SM_CACHE_OP_FLUSH = 3;

const hexadecimal = (value: number) => `0x${value.toString(16)}`;
const name = array(u8, VC_SM_CMA_RESOURCE_NAME, quoteBytes);
/** Of the VPU. */
const handle32 = u32.shownAs(hexadecimal);
const busAddress = u64.shownAs(hexadecimal);

/** `name` counts up to its 31st byte, whatever stands behind a NUL; see section 4.2 of docs/reference/vc-sm-cma.md. */
export const vc_sm_cma_ioctl_alloc = struct('vc_sm_cma_ioctl_alloc', {
  size: u32,
  num: u32,
  cached: u32,
  pad: u32,
  name,
  handle: i32,
  vc_handle: handle32,
  dma_addr: busAddress,
});

export const vc_sm_cma_ioctl_import_dmabuf = struct('vc_sm_cma_ioctl_import_dmabuf', {
  dmabuf_fd: i32,
  cached: u32,
  name,
  handle: i32,
  vc_handle: handle32,
  size: u32,
  pad: u32,
  dma_addr: busAddress,
});

export const vc_sm_cma_ioctl_clean_invalid_block = struct('vc_sm_cma_ioctl_clean_invalid_block', {
  invalidate_mode: u32,
  block_count: u32,
  start_address: pointer,
  block_size: u32,
  inter_block_stride: u32,
});

/** `op_count` says how many blocks there are. */
export const vc_sm_cma_ioctl_clean_invalid2 = struct('vc_sm_cma_ioctl_clean_invalid2', {
  op_count: u32,
  pad: u32,
  s: tail(vc_sm_cma_ioctl_clean_invalid_block),
});

/** A request that says it is only read from, though the kernel reads it and writes it. */
const request = <T, I>(nr: number, layout: Layout<T, I>) =>
  new Request<I, Decoded<Layout<T, I>>, T, I | void>(ioc(IOC_READ, VC_SM_CMA_MAGIC_TYPE, nr, layout.size), 'inout', layout, undefined);

export const { VC_SM_CMA_IOCTL_MEM_ALLOC, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2 } = requests({
  VC_SM_CMA_IOCTL_MEM_ALLOC: request(VC_SM_CMA_CMD_ALLOC, vc_sm_cma_ioctl_alloc),
  VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF: request(VC_SM_CMA_CMD_IMPORT_DMABUF, vc_sm_cma_ioctl_import_dmabuf),
  VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2: request(VC_SM_CMA_CMD_CLEAN_INVALID2, vc_sm_cma_ioctl_clean_invalid2),
});
