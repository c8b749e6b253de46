import { join } from 'node:path';
import { withPrograms } from './program.ts';
import { compare, type Row, time } from './row.ts';

/** The processors of a placement: where the server (or a baseline's peer) runs, and where its client. */
interface Placement {
  readonly name: string;
  readonly server: number;
  readonly client: number;
}

interface Settings {
  /** Where the compiled programs are. */
  readonly programs: string;
  /** The command line's main module. */
  readonly cli: string;
  /** Usable processors. */
  readonly cpus: readonly number[];
}

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
  const [first = 0, second] = settings.cpus;
  if (second === undefined) yield* twoCoresMissing();
  else yield* placedRows(settings, { name: 'two cores', server: first, client: second }, 1 / 20);
  yield* placedRows(settings, { name: 'one core', server: first, client: first }, 1);
  yield await readRow(settings, second ?? first);
}

async function* placedRows({ programs, cli }: Settings, placement: Placement, socketTarget: number): AsyncGenerator<Row> {
  const [server, client] = [`${placement.server}`, `${placement.client}`];
  const program = (name: string) => join(programs, name);
  const title = (name: string) => `native, ${placement.name}: ${name}`;
  const rows = await withPrograms(
    {
      nodes: [program('pin'), server, process.execPath, cli, 'run', '--', program('nodes'), client],
      socket: [program('socket'), client, server],
      futex: [program('futex'), client, server],
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
  const measured = 'needs two processors';
  for (const name of Object.values(NAMES)) yield { name: `native, two cores: ${name}`, measured };
}

/** What calls on files that are not emulated cost more under the launcher. */
function readRow({ programs, cli }: Settings, cpu: number): Promise<Row> {
  const file = [join(programs, 'file'), `${cpu}`];
  return withPrograms(
    { launched: [process.execPath, cli, 'run', '--', ...file], plain: file },
    async ({ launched, plain }): Promise<Row> => ({
      name: 'native: read of 16 bytes of a plain file',
      baseline: 'without launcher',
      measured: await compare(
        () => launched.round({ name: 'read', samples: 200 }),
        () => plain.round({ name: 'read', samples: 200 }),
      ),
    }),
  );
}
