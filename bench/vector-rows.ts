import { fileURLToPath } from 'node:url';
import { withPrograms } from './program.ts';
import { compare, type Row } from './row.ts';

const [FEW, MORE, MOST] = [100, 1000, 10_000] as const;

const program = (clients: number) => [process.execPath, fileURLToPath(new URL('vectors.mjs', import.meta.url)), `${clients}`];

const WORKS = [
  { title: 'open + close of /dev/imslab, with a vector', name: 'open', samples: 20 },
  { title: 'an event, through all levels to an eventfd', name: 'deliver', samples: 100 },
];

/** What a vector costs while thousands of clients have theirs, next to the same with few: the cost does not grow. */
export async function* vectorRows(): AsyncGenerator<Row> {
  const rows = await withPrograms({ few: program(FEW), more: program(MORE), most: program(MOST) }, async (programs) => {
    const rows: Row[] = [];
    for (const { title, ...work } of WORKS) {
      for (const [clients, grown] of [[MORE, programs.more] as const, [MOST, programs.most] as const]) {
        rows.push({
          name: `in process: ${title}, ${clients} clients`,
          baseline: `${FEW} clients`,
          target: 1.5,
          measured: await compare(
            () => grown.round(work),
            () => programs.few.round(work),
          ),
        });
      }
    }
    return rows;
  });
  yield* rows;
}
