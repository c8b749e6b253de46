import {
  launcher,
  nodesProgram,
  oneCore,
  type Placement,
  pinned,
  program,
  type Settings,
  TWO_CORES_MISSING,
  twoCores,
} from './placement.ts';
import { withPrograms } from './program.ts';
import { compare, type Row, time } from './row.ts';

const PAUSE_ns = 1_000_000;
const SOCKET = 'SEQPACKET ping-pong';
const FUTEX = 'futex ping-pong';

const NAMES = {
  sync: 'DMA_BUF_IOCTL_SYNC',
  pausedSync: 'DMA_BUF_IOCTL_SYNC after 1 ms',
  open: 'open + close of a heap',
  alloc: 'ALLOC of 4 KiB + close',
};

/** Calls on emulated nodes by a program under the launcher, with the server on another core or on the same. */
export async function* nativeRows(settings: Settings): AsyncGenerator<Row> {
  const two = twoCores(settings);
  if (two === undefined) yield* twoCoresMissing();
  else yield* placedRows(settings, two, 1 / 20);
  yield* placedRows(settings, oneCore(settings), 1);
  yield await readRow(settings, two ?? oneCore(settings));
  yield await mappedRow(settings, two ?? oneCore(settings));
  yield await messageRow(settings, two ?? oneCore(settings));
}

async function* placedRows(settings: Settings, placement: Placement, socketTarget: number): AsyncGenerator<Row> {
  const { server, client } = placement;
  const title = (name: string) => `native, ${placement.name}: ${name}`;
  const rows = await withPrograms(
    {
      nodes: nodesProgram(settings, placement),
      socket: [program(settings, 'socket'), client, server],
      futex: [program(settings, 'futex'), client, server],
    },
    async ({ nodes, socket, futex }): Promise<Row[]> => [
      {
        name: title(NAMES.sync),
        baseline: SOCKET,
        target: socketTarget,
        measured: await compare(
          () => nodes.round({ name: 'sync', samples: 20_000 }),
          () => socket.round({ name: 'ask', samples: 1000 }),
        ),
      },
      {
        name: title(NAMES.pausedSync),
        baseline: FUTEX,
        target: 1.5,
        measured: await compare(
          () => nodes.round({ name: 'sync', samples: 60, pause_ns: PAUSE_ns }),
          () => futex.round({ name: 'ask', samples: 60, pause_ns: PAUSE_ns }),
        ),
      },
      { name: title(NAMES.open), measured: await time(() => nodes.round({ name: 'open', samples: 300 })) },
      { name: title(NAMES.alloc), measured: await time(() => nodes.round({ name: 'alloc', samples: 300 })) },
    ],
  );
  yield* rows;
}

function* twoCoresMissing(): Generator<Row> {
  for (const name of Object.values(NAMES)) yield { name: `native, two cores: ${name}`, measured: TWO_CORES_MISSING };
}

/** What calls on files that are not emulated cost more under the launcher: a million reads. */
function readRow(settings: Settings, { client }: Placement): Promise<Row> {
  const file = [program(settings, 'file'), client];
  return withPrograms(
    { launched: [...launcher(settings), ...file], plain: file },
    async ({ launched, plain }): Promise<Row> => ({
      name: 'native: read of 16 bytes of a plain file',
      baseline: 'without launcher',
      target: 1.05,
      measured: await compare(
        () => launched.round({ name: 'read', samples: 625 }),
        () => plain.round({ name: 'read', samples: 625 }),
      ),
    }),
  );
}

/** What the memory of a buffer costs more than a program's own. */
function mappedRow(settings: Settings, { client }: Placement): Promise<Row> {
  return withPrograms(
    { mapped: [...launcher(settings), program(settings, 'mapped'), client] },
    async ({ mapped }): Promise<Row> => ({
      name: 'native: memcpy of 4 MiB through a mapped buffer',
      baseline: 'anonymous memory',
      target: 1.05,
      measured: await compare(
        () => mapped.round({ name: 'buffer', samples: 20 }),
        () => mapped.round({ name: 'anonymous', samples: 20 }),
      ),
    }),
  );
}

/** A message to a remote processor, which its firmware sends back: five events of the machine between two calls. */
function messageRow(settings: Settings, { server, client }: Placement): Promise<Row> {
  return withPrograms(
    {
      rpmsg: [...pinned(settings, server), ...launcher(settings, 'remoteproc'), program(settings, 'rpmsg'), client],
      socket: [program(settings, 'socket'), client, server],
    },
    async ({ rpmsg, socket }): Promise<Row> => ({
      name: 'native: rpmsg message to an echo and back',
      baseline: SOCKET,
      measured: await compare(
        () => rpmsg.round({ name: 'echo', samples: 200 }),
        () => socket.round({ name: 'ask', samples: 1000 }),
      ),
    }),
  );
}
