import { Errno } from '../../abi/index.ts';
import {
  LEGACY_MAP_MASK,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGETLB,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_TYPE,
  PAGE_SIZE,
  PROT_WRITE,
} from '../../abi/uapi/index.ts';
import type { AddressSpace } from '../address-space.ts';
import { finish, type Kernel, type MaybeKernel } from '../colour.ts';
import { type File, FMODE_READ, FMODE_WRITE } from '../file.ts';
import type { Task } from '../task.ts';
import { Vma } from '../vma.ts';
import { fileOf } from './lookup.ts';

/** What mmap(2) is asked. Numbers are signed 64-bit, so a length or offset with the top bit is negative. */
export interface MapRequest {
  readonly address: number;
  readonly length: number;
  readonly protection: number;
  readonly flags: number;
  readonly offset: number;
}

const TASK_SIZE = 0x7fff_ffff_f000;

/** Whether a 64-bit offset and length leave what file_mmap_ok lets a file have that is not a regular one: 2^64 bytes, or one less. */
function reachesBeyond(file: File, offset: number, length: number): boolean {
  const end = file.ops.unsignedOffsets === true ? 2n ** 64n : 2n ** 64n - 1n;
  return offset < 0 && BigInt.asUintN(64, BigInt(offset)) >> 12n > (end - BigInt(length)) >> 12n;
}

/** The checks that do_mmap makes before it asks the file, in its order. @returns the mapping to be */
function checkedVma(file: File, request: MapRequest): Vma {
  const { flags, protection, offset } = request;
  if ((flags & MAP_HUGETLB) !== 0) throw new Errno('EINVAL', 'the file has no huge pages');
  if (request.length === 0) throw new Errno('EINVAL', 'the length is 0');
  const length = Math.ceil(request.length / PAGE_SIZE) * PAGE_SIZE;
  if (length <= 0 || length > TASK_SIZE) throw new Errno('ENOMEM', 'the length is more than there are addresses');
  const fixed = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0;
  if (fixed && request.address % PAGE_SIZE !== 0)
    throw new Errno('EINVAL', `address 0x${request.address.toString(16)} is not page aligned`);
  if (reachesBeyond(file, offset, length)) throw new Errno('EOVERFLOW', 'offset and length reach beyond 2^64');
  const type = flags & MAP_TYPE;
  if (type !== MAP_SHARED && type !== MAP_PRIVATE && type !== MAP_SHARED_VALIDATE) throw new Errno('EINVAL', 'neither shared nor private');
  const shared = type !== MAP_PRIVATE;
  if (type === MAP_SHARED_VALIDATE && (flags & ~LEGACY_MAP_MASK) !== 0)
    throw new Errno('EOPNOTSUPP', 'a flag is not supported by the file');
  if (shared && (protection & PROT_WRITE) !== 0 && (file.mode & FMODE_WRITE) === 0) throw new Errno('EACCES', 'not open for writing');
  if ((file.mode & FMODE_READ) === 0) throw new Errno('EACCES', 'not open for reading');
  if (file.ops.mmap === undefined) throw new Errno('ENODEV', 'the file cannot be mapped');
  if ((flags & MAP_GROWSDOWN) !== 0) throw new Errno('EINVAL', 'a file mapping cannot grow down');
  const mayWrite = !shared || (file.mode & FMODE_WRITE) !== 0;
  return new Vma(file, { length, offset, protection, flags, hint: request.address, shared, mayWrite });
}

/**
 * mmap(2) of a file.
 *
 * @returns the mapping, with its address set
 * @throws Errno in this order: EINVAL (offset not page aligned), EBADF, EINVAL (length 0, MAP_HUGETLB), ENOMEM, EOVERFLOW, EINVAL
 *   (no type), EOPNOTSUPP, EACCES, ENODEV, what the file says, ENOMEM and EEXIST of the program's memory
 */
export function* mmap(task: Task, fd: number, request: MapRequest): Kernel<Vma> {
  if (request.offset % PAGE_SIZE !== 0) throw new Errno('EINVAL', `offset ${request.offset} is not page aligned`);
  if ((request.flags & MAP_ANONYMOUS) !== 0) throw new Error('anonymous mappings do not concern a file');
  const file = fileOf(task, fd).get();
  try {
    const vma = checkedVma(file, request);
    task.system.kmalloc('struct vm_area_struct');
    yield* underMmapLock(task, () => file.ops.mmap?.(file, vma, task));
    vma.address = yield* task.memory.map(vma);
    return vma;
  } finally {
    file.put();
  }
}

/** What a driver does in its mmap operation, it does under the lock that faults on user memory take. */
function* underMmapLock(task: Task, operation: () => MaybeKernel<void>): Kernel<void> {
  const { lockdep } = task.system;
  lockdep.mmapLock.wanted(task.memory);
  const held = lockdep.mmapLock.taken(task.memory);
  try {
    yield* finish(operation());
  } finally {
    lockdep.mmapLock.gaveBack(held);
  }
}

/** The memory of an in-process task; a native program's own is the real kernel's business. */
export function spaceOf(task: Task): AddressSpace {
  if (task.space === undefined) throw new Error(`memory of ${task.describe()} is not in process`);
  return task.space;
}

/** munmap(2). @throws Errno EINVAL for an address that is not page aligned, or length 0 */
export function munmap(task: Task, address: number, length: number): number {
  if (address % PAGE_SIZE !== 0 || length <= 0) throw new Errno('EINVAL', 'not a range of pages');
  spaceOf(task).unmap(address, Math.ceil(length / PAGE_SIZE) * PAGE_SIZE);
  return 0;
}

/** mprotect(2). @throws Errno EINVAL, ENOMEM, EACCES */
export function mprotect(task: Task, address: number, length: number, protection: number): number {
  if (address % PAGE_SIZE !== 0) throw new Errno('EINVAL', 'not a range of pages');
  spaceOf(task).protect(address, Math.ceil(length / PAGE_SIZE) * PAGE_SIZE, protection);
  return 0;
}
