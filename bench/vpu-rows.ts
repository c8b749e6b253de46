import { fileURLToPath } from 'node:url';
import { launcher, oneCore, type Placement, pinned, program, type Settings, TWO_CORES_MISSING, twoCores } from './placement.ts';
import { withPrograms } from './program.ts';
import { compare, type Row } from './row.ts';

const BASELINE = 'SEQPACKET ping-pong';

/**
 * Messages to the VPU and back: a write, the firmware, a read. The firmware's own time, 1 µs and the interrupt, is virtual in process, and
 * passes natively.
 */
export async function* vpuRows(settings: Settings): AsyncGenerator<Row> {
  const two = twoCores(settings);
  yield* await inProcessRow(settings, two ?? oneCore(settings));
  if (two === undefined) yield { name: 'native, two cores: a message to the VPU and back', measured: TWO_CORES_MISSING };
  else yield* await nativeRow(settings, two);
  yield* await nativeRow(settings, oneCore(settings));
}

const socketProgram = (settings: Settings, { client, server }: Placement) => [program(settings, 'socket'), client, server];

function inProcessRow(settings: Settings, placement: Placement): Promise<Row[]> {
  const node = [process.execPath, fileURLToPath(new URL('in-process.mjs', import.meta.url))];
  return withPrograms(
    { node, socket: socketProgram(settings, placement) },
    async ({ node, socket }): Promise<Row[]> => [
      {
        name: 'in process: a message to the VPU and back',
        baseline: BASELINE,
        counts: 'messages',
        measured: await compare(
          () => node.round({ name: 'message', samples: 100 }),
          () => socket.round({ name: 'ask', samples: 1000 }),
        ),
      },
    ],
  );
}

function nativeRow(settings: Settings, placement: Placement): Promise<Row[]> {
  const vpu = [...pinned(settings, placement.server), ...launcher(settings, 'keembay'), program(settings, 'vpu'), placement.client];
  return withPrograms(
    { vpu, socket: socketProgram(settings, placement) },
    async ({ vpu, socket }): Promise<Row[]> => [
      {
        name: `native, ${placement.name}: a message to the VPU and back`,
        baseline: BASELINE,
        counts: 'messages',
        measured: await compare(
          () => vpu.round({ name: 'message', samples: 300 }),
          () => socket.round({ name: 'ask', samples: 1000 }),
        ),
      },
    ],
  );
}
