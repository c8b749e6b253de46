/** MEM_CLEAN_INVALID2, of early revisions on 32-bit Arm: section 5.6 of docs/reference/vc-sm-cma.md. */
import { type Decoded, Errno, isErrno } from '../../abi/index.ts';
import {
  VC_SM_CACHE_OP_CLEAN,
  VC_SM_CACHE_OP_FLUSH,
  VC_SM_CACHE_OP_INV,
  VC_SM_CACHE_OP_NOP,
  vc_sm_cma_ioctl_clean_invalid_block,
  vc_sm_cma_ioctl_clean_invalid2,
} from '../../abi/uapi/index.ts';
import { copyFromUser, copyStructFromUser, type Kernel, type MemoryRange, type System, type Task } from '../../kernel/index.ts';
import { type CacheMaintenance, cachesOf } from '../../memory/index.ts';
import { oops, VCSM_DEFECTS } from './defects.ts';

type Block = Decoded<typeof vc_sm_cma_ioctl_clean_invalid_block>;

/** Of kmalloc. */
const KMALLOC_MAX_SIZE = 4 * 2 ** 20;
const BLOCK = vc_sm_cma_ioctl_clean_invalid_block.size;

const OPERATIONS: Readonly<Record<number, CacheMaintenance>> = {
  [VC_SM_CACHE_OP_INV]: 'invalidate',
  [VC_SM_CACHE_OP_CLEAN]: 'clean',
  [VC_SM_CACHE_OP_FLUSH]: 'flush',
};

/**
 * Maintains what the blocks say, in order; those before one that is wrong stay done. Programs here have pointers of 64 bits, and so have
 * their blocks.
 *
 * @throws Errno EFAULT for what cannot be read, for more blocks than memory is given for, for an address where nothing is mapped; EINVAL
 */
export function* cleanInvalid(system: System, address: number, task: Task): Kernel<number> {
  const { op_count } = yield* copyStructFromUser(task.memory, vc_sm_cma_ioctl_clean_invalid2, address);
  for (const block of yield* blocksAt(system, address + vc_sm_cma_ioctl_clean_invalid2.size, op_count, task))
    if (block.invalidate_mode !== VC_SM_CACHE_OP_NOP) yield* maintain(system, block, task);
  return 0;
}

/** Copies the blocks in. */
function* blocksAt(system: System, address: number, count: number, task: Task): Kernel<readonly Block[]> {
  const wraps = system.findings.recreates(VCSM_DEFECTS.Q23);
  const size = wraps ? (count * BLOCK) % 2 ** 32 : count * BLOCK;
  if (size > KMALLOC_MAX_SIZE) throw new Errno('EFAULT', `there is no memory for ${count} blocks`);
  system.kmalloc('struct vc_sm_cma_ioctl_clean_invalid_block');
  const bytes = yield* copyFromUser(task.memory, address, size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = Math.floor(size / BLOCK);
  // What lies behind, nobody knows; it is taken for blocks that do nothing.
  if (whole < count)
    system.findings.report('vcsm-out-of-bounds', `${count} blocks were read from the ${size} bytes that were allocated for them`);
  return Array.from({ length: whole }, (_, at) => vc_sm_cma_ioctl_clean_invalid_block.decode(view, at * BLOCK));
}

/** clean_invalid_contig_2d. */
function* maintain(system: System, block: Block, task: Task): Kernel<void> {
  const { invalidate_mode, block_count, block_size, inter_block_stride } = block;
  if (block_size === 0) {
    system.log.print('err', '[clean_invalid_contig_2d]: size cannot be 0');
    throw new Errno('EINVAL', 'a block has no bytes');
  }
  const operation = OPERATIONS[invalidate_mode];
  if (operation === undefined) {
    system.log.print('err', `[cache_op_to_func]: Invalid cache_op: 0x${invalidate_mode.toString(16).padStart(8, '0')}`);
    throw new Errno('EINVAL', `${invalidate_mode} is no cache operation`);
  }
  const caches = cachesOf(system);
  // Without a stride they are all the same range, and once is enough.
  const count = inter_block_stride === 0 ? Math.min(block_count, 1) : block_count;
  for (let i = 0; i < count; i++)
    for (const range of yield* rangesOf(system, Number(block.start_address) + i * inter_block_stride, block_size, task))
      caches.maintain?.(range, operation);
}

function* rangesOf(system: System, address: number, length: number, task: Task): Kernel<readonly MemoryRange[]> {
  try {
    return task.memory.rangesAt === undefined ? [] : yield* task.memory.rangesAt(address, length);
  } catch (error) {
    if (isErrno(error, 'EFAULT') && system.findings.recreates(VCSM_DEFECTS.Q23))
      oops(system, `the caches were maintained at 0x${address.toString(16)}, where nothing is mapped`);
    throw error;
  }
}
