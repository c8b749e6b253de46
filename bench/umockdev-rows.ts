import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { nodesProgram, oneCore, type Placement, pinned, program, type Settings, TWO_CORES_MISSING, twoCores } from './placement.ts';
import { withPrograms } from './program.ts';
import { compare, type Row } from './row.ts';

const DEVICE = '/dev/bus/usb/001/001';
const PAUSE_ns = 1_000_000;

const nameOf = (placement: string, when: string) => `native, ${placement}: DMA_BUF_IOCTL_SYNC${when}`;
const AT_ONCE = '';
const PAUSED = ' after 1 ms';

/** Calls of a program under the launcher next to an ioctl that `umockdev-run` replays. */
export async function* umockdevRows(settings: Settings): AsyncGenerator<Row> {
  const isThere = spawnSync('umockdev-run', ['--version']).status === 0;
  for (const [name, placement] of [['two cores', twoCores(settings)] as const, ['one core', oneCore(settings)] as const]) {
    if (isThere && placement !== undefined) {
      yield* placedRows(settings, placement);
      continue;
    }
    const measured = isThere ? TWO_CORES_MISSING : 'umockdev is not installed';
    for (const when of [AT_ONCE, PAUSED]) yield { name: nameOf(name, when), baseline: 'umockdev', measured };
  }
}

async function* placedRows(settings: Settings, placement: Placement): AsyncGenerator<Row> {
  const record = (kind: string) => join(settings.sources, `usb.${kind}`);
  const replayed = ['umockdev-run', '-d', record('umockdev'), '-i', `${DEVICE}=${record('ioctl')}`, '--', program(settings, 'usb')];
  const rows = await withPrograms(
    { nodes: nodesProgram(settings, placement), usb: [...pinned(settings, placement.server), ...replayed, placement.client] },
    async ({ nodes, usb }): Promise<Row[]> => [
      {
        name: nameOf(placement.name, AT_ONCE),
        baseline: 'umockdev',
        target: 1 / 20,
        measured: await compare(
          () => nodes.round({ name: 'sync', samples: 20_000 }),
          () => usb.round({ name: 'ask', samples: 200 }),
        ),
      },
      {
        name: nameOf(placement.name, PAUSED),
        baseline: 'umockdev',
        target: 1,
        measured: await compare(
          () => nodes.round({ name: 'sync', samples: 60, pause_ns: PAUSE_ns }),
          () => usb.round({ name: 'ask', samples: 60, pause_ns: PAUSE_ns }),
        ),
      },
    ],
  );
  yield* rows;
}
