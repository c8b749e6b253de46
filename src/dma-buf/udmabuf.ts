/** /dev/udmabuf (drivers/dma-buf/udmabuf.c): buffers of the pages that memory files have. Section 7 of docs/reference/dma-buf.md. */
import { type Decoded, Errno, isErrno } from '../abi/index.ts';
import {
  F_SEAL_FUTURE_WRITE,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  PAGE_SIZE,
  UDMABUF_CREATE,
  UDMABUF_CREATE_LIST,
  UDMABUF_FLAGS_CLOEXEC,
  udmabuf_create_item,
  udmabuf_create_list,
} from '../abi/uapi/index.ts';
import {
  addModule,
  copyFromUser,
  copyStructFromUser,
  type IntegerParameter,
  ioctls,
  type Kernel,
  type Memfd,
  on,
  onRaw,
  type PinnedPages,
  type System,
  type Task,
} from '../kernel/index.ts';
import { DmaDevice, type DmaDeviceTraits } from '../memory/index.ts';
import { type DmaBuf, dmaBufFd } from './dma-buf.ts';
import { exportUdmabuf } from './udmabuf-buffer.ts';

/** A part of a memory file, in bytes. */
type Item = Pick<Decoded<typeof udmabuf_create_item>, 'memfd' | 'offset' | 'size'>;

/** The driver's parameters. Below 0 is no limit: both are compared as the large number that they are without a sign. */
interface Limits {
  /** Items of a list. */
  readonly list_limit: IntegerParameter;
  /** Of a buffer, in MiB. */
  readonly size_limit_mb: IntegerParameter;
}

interface Driver {
  readonly limits: Limits;
  /** The misc device: accesses of the CPU are synced as if it were its memory. */
  readonly device: DmaDevice;
}

/** What kvmalloc gives at most, in bytes. */
const ALLOCATION_MAX = 2 ** 31 - 1;
const POINTER_SIZE = 8;

const isAligned = (bytes: bigint) => bytes % BigInt(PAGE_SIZE) === 0n;

/** The pages of all items. No descriptor has been looked at yet. @throws Errno EINVAL, ENOMEM */
function countPages(items: readonly Item[], limits: Limits): number {
  const limit = BigInt.asUintN(64, BigInt(limits.size_limit_mb.value) << 20n) / BigInt(PAGE_SIZE);
  let pages = 0n;
  for (const { offset, size } of items) {
    if (!isAligned(offset)) throw new Errno('EINVAL', `offset ${offset} is not page aligned`);
    if (!isAligned(size)) throw new Errno('EINVAL', `size ${size} is not page aligned`);
    pages += size / BigInt(PAGE_SIZE);
    if (pages > limit) throw new Errno('EINVAL', `${pages} pages are more than size_limit_mb (${limits.size_limit_mb.value}) allows`);
  }
  if (pages === 0n) throw new Errno('EINVAL', 'there is no page among the items');
  if (pages * BigInt(POINTER_SIZE) > ALLOCATION_MAX) throw new Errno('ENOMEM', `${pages} pages`);
  return Number(pages);
}

/** check_memfd_seals: the pages must stay, and must be such as may be written. @throws Errno EBADFD, EINVAL */
function* sealedMemfd(fd: number, task: Task): Kernel<Memfd> {
  let memfd: Memfd | undefined;
  try {
    memfd = yield* task.files.memfd(fd);
  } catch (error) {
    if (!isErrno(error, 'EBADF')) throw error;
  }
  if (memfd === undefined) throw new Errno('EBADFD', `descriptor ${fd} is not an open memory file`);
  const { seals } = memfd;
  if ((seals & F_SEAL_SHRINK) === 0) throw new Errno('EINVAL', 'the memory file is not sealed with F_SEAL_SHRINK');
  if ((seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0) throw new Errno('EINVAL', 'the memory file is sealed against writing');
  return memfd;
}

/** Pins the items in their order. @throws Errno EBADFD, EINVAL, ENOMEM; nothing stays pinned then */
function* pinAll(items: readonly Item[], task: Task): Kernel<PinnedPages[]> {
  const pinned: PinnedPages[] = [];
  try {
    for (const { memfd, offset, size } of items) {
      const file = yield* sealedMemfd(memfd | 0, task);
      pinned.push(file.pin(Number(BigInt.asIntN(64, offset)), Number(size)));
    }
  } catch (error) {
    for (const pages of pinned) pages.unpin();
    throw error;
  }
  return pinned;
}

/** @returns the descriptor @throws Errno EINVAL, ENOMEM, EBADFD, EMFILE */
function* create(items: readonly Item[], flags: number, { limits, device }: Driver, task: Task): Kernel<number> {
  device.system.kmalloc('struct udmabuf');
  const pages = countPages(items, limits);
  const pinned = yield* pinAll(items, task);
  let dmabuf: DmaBuf<unknown>;
  try {
    dmabuf = exportUdmabuf(device, pinned, pages * PAGE_SIZE);
  } catch (error) {
    for (const one of pinned) one.unpin();
    throw error;
  }
  try {
    return yield* dmaBufFd(dmabuf, (flags & UDMABUF_FLAGS_CLOEXEC) !== 0, task);
  } catch (error) {
    dmabuf.put();
    throw error;
  }
}

/** The items behind the head of a list. @throws Errno EINVAL, ENOMEM, EFAULT */
function* readItems(address: number, count: number, limits: Limits, task: Task): Kernel<Item[]> {
  if (count > limits.list_limit.value >>> 0) throw new Errno('EINVAL', `${count} items are more than list_limit allows`);
  const length = count * udmabuf_create_item.size;
  if (length > ALLOCATION_MAX) throw new Errno('ENOMEM', `${count} items`);
  const bytes = yield* copyFromUser(task.memory, address + udmabuf_create_list.size, length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_, index) => udmabuf_create_item.decode(view, index * udmabuf_create_item.size));
}

/**
 * Adds the driver with its node, /dev/udmabuf, and its parameters.
 *
 * @param traits how the misc device reaches memory, which decides what DMA_BUF_IOCTL_SYNC does to the CPU's caches
 */
export function addUdmabuf(system: System, traits: Omit<DmaDeviceTraits, 'name'> = {}): void {
  const limits = addModule(system, 'udmabuf', { list_limit: 1024, size_limit_mb: 64 });
  const driver: Driver = { limits, device: new DmaDevice(system, { ...traits, name: 'udmabuf' }) };
  const ops = ioctls(
    on(UDMABUF_CREATE, (_file, item, task) => create([item], item.flags, driver, task)),
    onRaw(UDMABUF_CREATE_LIST, function* (_file, address, task) {
      const { flags, count } = yield* copyStructFromUser(task.memory, udmabuf_create_list, address);
      return yield* create(yield* readItems(address, count, limits, task), flags, driver, task);
    }),
  );
  system.devices.addMisc({ name: 'udmabuf', ops });
}
