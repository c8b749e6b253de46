/** Text of the heap's blocks: section 11.3 of docs/reference/vc-sm-cma.md. */
import { type Block, MEM_FLAG_DISCARDABLE, MEM_FLAG_RESIZEABLE, MEM_FLAG_RETAINED } from './relocatable-heap.ts';

const hex = (value: number) => `0x${(value >>> 0).toString(16).padStart(8, '0')}`;

/** Letters are large where what they stand for is so; the digit is the alias. */
function letters({ flags }: Block): string {
  const letter = (name: string, bit: number) => ((flags & bit) === 0 ? name : name.toUpperCase());
  return `${letter('d', MEM_FLAG_DISCARDABLE)}${(flags >>> 2) & 3}${letter('r', MEM_FLAG_RESIZEABLE)}u${letter('a', MEM_FLAG_RETAINED)}l`;
}

/** @param space in the pool, in bytes @param data where the contents are */
export function describeBlock(block: Block, space: number, data: number): string {
  const { handle, references, locks, size, align, description } = block;
  const counts = `refcount ${references} lock count ${locks}, size ${String(size).padStart(8)}, align ${String(align).padStart(4)}`;
  return `${hex(handle)}: used ${block.isWrapped ? 0 : space} (${counts}, data ${hex(data)}, ${letters(block)}) '${description}'`;
}
