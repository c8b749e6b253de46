import { fileURLToPath } from 'node:url';
import { withPrograms } from './program.ts';
import { compare, type Row } from './row.ts';

const FEW = { buffers: 100, fences: 1000 };
const MANY = { buffers: 100_000, fences: 1_000_000 };

const program = ({ buffers, fences }: typeof FEW) => [
  process.execPath,
  '--expose-gc',
  // Having seen a million survive, V8 would make each new one where things live long, which takes three times as long.
  '--no-allocation-site-pretenuring',
  fileURLToPath(new URL('scale.mjs', import.meta.url)),
  `${buffers}`,
  `${fences}`,
];

/** Calls in process with very much alive, next to the same with little: the cost does not grow. And what each thing that is alive takes. */
export async function* scaleRows(): AsyncGenerator<Row> {
  const rows = await withPrograms({ few: program(FEW), many: program(MANY) }, async ({ few, many }) => {
    const grown = async (title: string, name: string, kind: keyof typeof FEW): Promise<Row> => ({
      name: `in process: ${title}, ${MANY[kind]} ${kind} alive`,
      baseline: `${FEW[kind]} ${kind} alive`,
      target: 1.5,
      measured: await compare(
        () => many.round({ name, samples: 400 }),
        () => few.round({ name, samples: 400 }),
      ),
    });
    const size = async (thing: string, name: string): Promise<Row> => ({
      name: `in process: ${thing}`,
      measured: { bytes: (await many.round({ name, samples: 1 })).median },
    });
    return [
      await grown('DMA_BUF_IOCTL_SYNC', 'sync', 'buffers'),
      await grown('poll of a buffer', 'poll', 'buffers'),
      await grown('signal', 'signal', 'fences'),
      await size('an idle buffer and its descriptor', 'bytesPerBuffer'),
      await size('an idle fence', 'bytesPerFence'),
    ];
  });
  yield* rows;
}
