import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { oneCore, pinned, program, type Settings, twoCores } from './placement.ts';
import { withPrograms } from './program.ts';
import { compare, type Row } from './row.ts';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const NAME = 'mount: read of 16 bytes';

function canMount(): boolean {
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function emptyFolder({ programs }: Settings, name: string): string {
  const folder = join(programs, name);
  mkdirSync(folder);
  return folder;
}

/** A read through the mount, next to the same through the least file system that fuse-native makes. */
export async function* mountRows(settings: Settings): AsyncGenerator<Row> {
  if (!canMount()) {
    yield { name: NAME, measured: 'needs /dev/fuse' };
    return;
  }
  const { server, client } = twoCores(settings) ?? oneCore(settings);
  const [ours, least] = [emptyFolder(settings, 'ours'), emptyFolder(settings, 'least')];
  const reader = (file: string) => [program(settings, 'mounted'), client, file];
  const mount = [join(settings.dist, 'doors/cli/main.js'), 'mount', ours, '--board', here('sixteen-board.mjs'), '--'];
  yield await withPrograms(
    {
      mounted: [...pinned(settings, server), process.execPath, ...mount, ...reader(join(ours, 'dev/sixteen'))],
      minimal: [...pinned(settings, server), process.execPath, here('fuse-server.mjs'), least, ...reader(join(least, 'sixteen'))],
    },
    async ({ mounted, minimal }): Promise<Row> => ({
      name: NAME,
      baseline: 'minimal fuse-native',
      target: 1.3,
      measured: await compare(
        () => mounted.round({ name: 'read', samples: 400 }),
        () => minimal.round({ name: 'read', samples: 400 }),
      ),
    }),
  );
}
