/** Calls about memory that is mapped: mm/msync.c, mm/madvise.c, mm/mremap.c. What is no mapping of a file is anonymous. */
import { Errno } from '../../abi/index.ts';
import {
  MADV_COLD,
  MADV_COLLAPSE,
  MADV_DODUMP,
  MADV_DOFORK,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_NORMAL,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_REMOVE,
  MADV_WIPEONFORK,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
  PAGE_SIZE,
} from '../../abi/uapi/index.ts';
import type { MappedPiece } from '../address-space.ts';
import { finish, type Kernel } from '../colour.ts';
import type { Task } from '../task.ts';
import type { Vma } from '../vma.ts';
import { spaceOf } from './mapping.ts';

const roundUp = (length: number) => Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;

/** Calls back for each mapped piece of a range, then says whether something was missing. @throws Errno ENOMEM at the end then */
function* eachPiece(task: Task, start: number, length: number, use: (piece: MappedPiece) => Kernel<void>): Kernel<number> {
  let at = start;
  let isWhole = true;
  for (const piece of [...spaceOf(task).pieces(start, start + length)]) {
    isWhole &&= piece.start === at;
    yield* use(piece);
    at = piece.end;
  }
  if (!isWhole || at < start + length) throw new Errno('ENOMEM', 'a part of the range is not mapped');
  return 0;
}

/**
 * msync(2).
 *
 * @throws Errno EINVAL for flags, an address within a page, or a shared mapping of a file that has nothing to write back; ENOMEM
 */
export function* msync(task: Task, address: number, length: number, flags: number): Kernel<number> {
  if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) !== 0) throw new Errno('EINVAL', 'unknown flags');
  if (address % PAGE_SIZE !== 0) throw new Errno('EINVAL', 'not a range of pages');
  if ((flags & MS_ASYNC) !== 0 && (flags & MS_SYNC) !== 0) throw new Errno('EINVAL', 'both now and later');
  return yield* eachPiece(task, address, roundUp(length), function* ({ vma }) {
    if ((flags & MS_SYNC) === 0 || vma === undefined || !vma.shared) return;
    if (vma.file.ops.fsync === undefined) throw new Errno('EINVAL', 'the file has nothing to write back');
    yield* finish(vma.file.ops.fsync(vma.file));
  });
}

/** Advice that means pages which can be dropped or brought, or a mapping that can be forked and dumped like any other. */
const NOT_FOR_DEVICES: ReadonlySet<number> = new Set([
  MADV_DONTNEED,
  MADV_FREE,
  MADV_DOFORK,
  MADV_DODUMP,
  MADV_WIPEONFORK,
  MADV_COLD,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_DONTNEED_LOCKED,
  MADV_COLLAPSE,
]);

/** Advice that only anonymous memory takes, or that needs more pages than a file here has in a row. */
const NOT_FOR_PAGES: ReadonlySet<number> = new Set([MADV_FREE, MADV_WIPEONFORK, MADV_COLLAPSE]);

function isRefused({ kind }: Vma, advice: number): boolean {
  if (kind === 'pages') return NOT_FOR_PAGES.has(advice);
  return NOT_FOR_DEVICES.has(advice) && !(kind === 'frames' && advice === MADV_DOFORK);
}

/** @throws Errno EINVAL; EACCES, ENODEV and what the file says for MADV_REMOVE */
function adviseFile({ start, end, offset }: MappedPiece, vma: Vma, advice: number): void {
  if (isRefused(vma, advice)) throw new Errno('EINVAL', 'not for such a mapping');
  if (advice !== MADV_REMOVE) return;
  if (!vma.shared || !vma.mayWrite) throw new Errno('EACCES', 'not a shared mapping that may be written');
  if (vma.source === undefined) throw new Errno('ENODEV', 'the file has no blocks');
  vma.source.punch(offset, end - start);
}

/**
 * madvise(2). On anonymous memory only advice that loses bytes does something.
 *
 * @throws Errno EINVAL for unknown advice, an address within a page, and what a device's mapping cannot do; EACCES; ENODEV; ENOMEM
 */
export function* madvise(task: Task, address: number, length: number, advice: number): Kernel<number> {
  const isKnown = (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) || (advice >= MADV_FREE && advice <= MADV_COLLAPSE);
  if (!isKnown) throw new Errno('EINVAL', `advice ${advice} is unknown`);
  if (address % PAGE_SIZE !== 0 || length < 0) throw new Errno('EINVAL', 'not a range of pages');
  const space = spaceOf(task);
  return yield* eachPiece(task, address, roundUp(length), function* (piece) {
    const { start, end, vma } = piece;
    if (vma !== undefined) adviseFile(piece, vma, advice);
    else if (advice === MADV_DONTNEED || advice === MADV_DONTNEED_LOCKED) space.bytes(start, end - start).fill(0);
  });
}

/**
 * mremap(2). What a device shows cannot grow (VM_DONTEXPAND), what a file shows can.
 *
 * @param to the new address, with MREMAP_FIXED
 * @returns the address that it has then
 * @throws Errno EINVAL for flags, addresses within a page, length 0, overlap; EFAULT for what is not one mapping, and to grow
 */
export function mremap(task: Task, address: number, oldLength: number, newLength: number, flags: number, to: number): number {
  if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0) throw new Errno('EINVAL', 'unknown flags');
  const mayMove = (flags & MREMAP_MAYMOVE) !== 0;
  const fixed = (flags & MREMAP_FIXED) !== 0;
  const keeps = (flags & MREMAP_DONTUNMAP) !== 0;
  if ((fixed || keeps) && !mayMove) throw new Errno('EINVAL', 'it may not move');
  if (keeps && oldLength !== newLength) throw new Errno('EINVAL', 'both lengths must be the same');
  if (address % PAGE_SIZE !== 0) throw new Errno('EINVAL', 'not a range of pages');
  const from = roundUp(oldLength);
  const length = roundUp(newLength);
  if (length === 0) throw new Errno('EINVAL', 'the new length is 0');
  const space = spaceOf(task);
  const [first] = space.pieces(address, address + 1);
  if (first === undefined) throw new Errno('EFAULT', 'nothing is mapped there');
  if (fixed) {
    if (to % PAGE_SIZE !== 0 || (to < address + from && address < to + length)) throw new Errno('EINVAL', 'not a place for it');
    space.unmap(to, length);
  }
  if (!fixed && !keeps && length <= from) {
    space.unmap(address + length, from - length);
    return address;
  }
  if (from === 0 && first.vma?.shared !== true) throw new Errno('EINVAL', 'only shared memory can be mapped once more');
  if (keeps && first.vma !== undefined) throw new Errno('EINVAL', 'not for the mapping of a device');
  if (Math.min(from, length) > first.areaEnd - address) throw new Errno('EFAULT', 'more than one mapping');
  if (length > from && first.vma !== undefined && first.vma.kind !== 'pages')
    throw new Errno('EFAULT', 'the mapping of a device cannot grow');
  if (!mayMove) throw new Errno('ENOMEM', 'there is no room behind it');
  return space.move(address, from, length, fixed ? to : undefined);
}
