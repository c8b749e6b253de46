import { fileURLToPath } from 'node:url';
import { withPrograms } from './program.ts';
import { compare, type Row, time } from './row.ts';

/** Calls of a TypeScript program, in one process with what they are compared with. */
export async function* inProcessRows(): AsyncGenerator<Row> {
  const command = [process.execPath, fileURLToPath(new URL('in-process.mjs', import.meta.url))];
  yield* await withPrograms(
    { node: command },
    async ({ node }): Promise<Row[]> => [
      {
        name: 'in process: DMA_BUF_IOCTL_SYNC',
        baseline: 'memfs readSync of 16 bytes',
        target: 1,
        measured: await compare(
          () => node.round({ name: 'sync', samples: 400 }),
          () => node.round({ name: 'memfs', samples: 400 }),
        ),
      },
      {
        name: "a cache's write back of 4 MiB, 10 % of it dirty",
        baseline: 'copying 4 MiB',
        target: 2,
        measured: await compare(
          () => node.round({ name: 'writeBack', samples: 100 }),
          () => node.round({ name: 'copy', samples: 100 }),
        ),
      },
      {
        name: 'its invalidation of 4 MiB, 10 % of it stale',
        baseline: 'copying 4 MiB',
        target: 3,
        measured: await compare(
          () => node.round({ name: 'invalidate', samples: 100 }),
          () => node.round({ name: 'copy', samples: 100 }),
        ),
      },
      {
        name: 'in process: 32 MiB of samples to USB by dma-bufs',
        baseline: 'the same by read and write',
        // As the author of the requests measured it.
        target: 1 / 2.16,
        measured: await compare(
          () => node.round({ name: 'share', samples: 3 }),
          () => node.round({ name: 'copySamples', samples: 3 }),
        ),
      },
      { name: 'in process: open + close of a heap', measured: await time(() => node.round({ name: 'open', samples: 100 })) },
      { name: 'in process: ALLOC of 4 KiB + close', measured: await time(() => node.round({ name: 'alloc', samples: 100 })) },
    ],
  );
}
