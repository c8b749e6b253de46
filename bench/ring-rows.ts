import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodesProgram, pinned, program, type Settings, TWO_CORES_MISSING, twoCores } from './placement.ts';
import { withPrograms } from './program.ts';
import { compare, type Row } from './row.ts';
import { sum } from './statistics.ts';

const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/**
 * A native call next to what it is made of: the way to the server and back through shared memory, and the same call in process. A
 * second way is allowed for, as for a call that needs something of the program.
 */
export async function* ringRows(settings: Settings): AsyncGenerator<Row> {
  const name = 'native, two cores: DMA_BUF_IOCTL_SYNC';
  const placement = twoCores(settings);
  if (placement === undefined) {
    yield { name, measured: TWO_CORES_MISSING };
    return;
  }
  const { server, client } = placement;
  const bare = [
    process.execPath,
    script('ring-server.mjs'),
    join(settings.dist, 'native/ioctopus.node'),
    program(settings, 'ring'),
    client,
  ];
  yield await withPrograms(
    {
      nodes: nodesProgram(settings, placement),
      ring: [...pinned(settings, server), ...bare],
      inProcess: [process.execPath, script('in-process.mjs')],
    },
    async ({ nodes, ring, inProcess }): Promise<Row> => ({
      name,
      baseline: '2 × bare ring + in process',
      target: 1,
      measured: await compare(
        () => nodes.round({ name: 'sync', samples: 20_000 }),
        async () => {
          const way = await ring.round({ name: 'pass', samples: 20_000 });
          return sum(way, way, await inProcess.round({ name: 'sync', samples: 400 }));
        },
      ),
    }),
  );
}
