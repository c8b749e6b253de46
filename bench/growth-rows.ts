import { hostText, limits } from '../src/doors/preload/index.ts';
import { nodesProgram, oneCore, type Settings, twoCores } from './placement.ts';
import { withPrograms } from './program.ts';
import { compare, type Row } from './row.ts';

const WORKS = [
  { title: 'open + close of a heap', name: 'open', samples: 100 },
  { title: 'DMA_BUF_IOCTL_SYNC', name: 'sync', samples: 20_000 },
  { title: 'poll of a buffer', name: 'poll', samples: 2000 },
];

/** What the server and the program have open besides the buffers. */
const OTHERS = 200;
const [FEW, MORE, MOST] = [100, 1000, 10_000] as const;

const nameOf = (title: string, buffers: number) => `native: ${title}, ${buffers} buffers held`;

/** Why this host has no room for that many buffers in one program, and as many files watched for all programs together. */
function reasonNotToRun(): string | undefined {
  for (const [limit, needed] of [[limits.descriptors, MOST + OTHERS] as const, [limits.watches, FEW + MORE + MOST + OTHERS] as const]) {
    if ((limit.value(hostText) ?? 0) < needed) return `needs ${needed} ${limit.what} (${limit.where})`;
  }
  return undefined;
}

/** Calls while the program holds many buffers, next to the same with few: the cost does not grow. */
export async function* growthRows(settings: Settings): AsyncGenerator<Row> {
  const reason = reasonNotToRun();
  if (reason !== undefined) {
    for (const { title } of WORKS) for (const count of [MORE, MOST]) yield { name: nameOf(title, count), measured: reason };
    return;
  }
  const holding = (buffers: number) => nodesProgram(settings, twoCores(settings) ?? oneCore(settings), buffers);
  const rows = await withPrograms({ few: holding(FEW), more: holding(MORE), most: holding(MOST) }, async (programs) => {
    const rows: Row[] = [];
    for (const { title, ...work } of WORKS) {
      for (const [count, program] of [[MORE, programs.more] as const, [MOST, programs.most] as const]) {
        rows.push({
          name: nameOf(title, count),
          baseline: `${FEW} buffers held`,
          target: 1.5,
          measured: await compare(
            () => program.round(work),
            () => programs.few.round(work),
          ),
        });
      }
    }
    return rows;
  });
  yield* rows;
}
