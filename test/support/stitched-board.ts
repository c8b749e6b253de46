import { type Board, type File, IOR, IOWR, ioctls, type MemoryObject, on, sliceRanges, struct, u32, type Vma } from 'ioctopus/driver';

/** How many of the device's files have been released. */
export const RELEASED = IOR('s', 1, u32, 'RELEASED');
/** The first byte of a page, as the driver sees it. */
export const PEEK = IOWR('s', 2, struct({ page: u32, byte: u32 }), 'PEEK');

const PAGE = 4096;

type Memories = readonly [MemoryObject, MemoryObject];

/**
 * Two devices whose files are not their memory. Each file has two memory objects of two pages; the first byte of each page tells which
 * it is. Through /dev/stitched they show as pages a0 b0 a1 b1, through /dev/window as the second page of the first.
 */
export default {
  name: 'stitched',
  description: 'devices that show pieces of memory',
  setUp({ system }) {
    let released = 0;
    const pages = ([a, b]: Memories) => [a, b, a, b].map((memory, index) => ({ memory, offset: index < 2 ? 0 : PAGE, length: PAGE }));
    const operations = (show: (memories: Memories) => ReturnType<typeof pages>) => ({
      open(file: File<Memories>) {
        const memories: Memories = [system.memory.allocate(2 * PAGE, 'pages a'), system.memory.allocate(2 * PAGE, 'pages b')];
        for (const [index, memory] of memories.entries()) {
          memory.bytes()[0] = 0xa0 + 0x10 * index;
          memory.bytes()[PAGE] = 0xa1 + 0x10 * index;
        }
        file.private = memories;
      },
      release(file: File<Memories>) {
        for (const memory of file.private) memory.put();
        released++;
      },
      mmap(file: File<Memories>, vma: Vma) {
        vma.backing = sliceRanges(show(file.private), vma.offset, vma.length);
      },
      ...ioctls<Memories>(
        on(RELEASED, () => released),
        on(PEEK, (file: File<Memories>, { page }) => {
          const range = show(file.private)[page];
          return { byte: range?.memory.bytes()[range.offset] ?? 0 };
        }),
      ),
    });
    system.devices.addMisc({ name: 'stitched', ops: operations(pages) });
    system.devices.addMisc({ name: 'window', ops: operations((memories) => pages(memories).slice(2, 3)) });
  },
} satisfies Board;
