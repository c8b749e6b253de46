/** drivers/remoteproc/remoteproc_debugfs.c: <debugfs>/remoteproc/remoteprocN. Section 17 of docs/reference/remoteproc.md. */
import { Errno } from '../../abi/index.ts';
import {
  type FileOperations,
  finish,
  type Kernel,
  kstrtouint,
  type MaybeKernel,
  type System,
  type UserBuffer,
} from '../../kernel/index.ts';
import { type DebugfsDirectory, debugfs } from '../../vfs/index.ts';
import { assertNotCrashed, RECOVERY_WORDS, recoveryText, setRecovery } from './control.ts';
import { DUMP_MODES } from './coredump.ts';
import { simpleRead } from './debugfs-text.ts';
import { reportCrash } from './recovery.ts';
import type { Rproc } from './rproc.ts';
import { carveoutsText, resourceTableText } from './table-text.ts';

const NAME_MAX = 98;
/** Of kstrtouint_from_user: sign, base, digits, newline and NUL. */
const NUMBER_MAX = 35;

const makeTop = (system: System): DebugfsDirectory => debugfs(system).createDirectory('remoteproc');

const text = (make: () => string) => simpleRead(() => Buffer.from(make(), 'latin1'));

/**
 * A file that takes one of some words: its own buffer's length, one trailing newline made a NUL, and a comparison over what was given:
 * without a newline any part from the beginning does.
 */
function words<W extends string>(max: number, all: readonly W[], set: (word: W) => MaybeKernel<void>, check?: () => void) {
  return function* (_file: unknown, from: UserBuffer): Kernel<number> {
    const length = from.remaining;
    if (length < 1 || length > max) throw new Errno('EINVAL', `a word has up to ${max} bytes`);
    let given = Buffer.from(yield* from.take(length)).toString('latin1');
    check?.();
    if (given.endsWith('\n')) given = `${given.slice(0, -1)}\0`;
    const word = all.find((known) => beginsLike(`${known}\0`, given));
    if (word === undefined) throw new Errno('EINVAL', `${given} is none of ${all.join(', ')}`);
    yield* finish(set(word));
    return length;
  };
}

/** strncmp with the length of what was given. */
function beginsLike(word: string, given: string): boolean {
  const end = given.indexOf('\0');
  return end < 0 ? word.startsWith(given) : word.startsWith(given.slice(0, end + 1));
}

function* crash(rproc: Rproc, from: UserBuffer): Kernel<number> {
  const length = from.remaining;
  const given = yield* from.take(Math.min(length, NUMBER_MAX));
  reportCrash(rproc, kstrtouint(Buffer.from(given).toString('latin1')));
  return length;
}

/** rproc_create_debug_dir. @returns rproc_delete_debug_dir */
export function createDebugDirectory(rproc: Rproc): () => void {
  const top = rproc.system.single(makeTop);
  const name = `remoteproc${rproc.index}`;
  const directory = top.createDirectory(name);
  rproc.debugDirectory = directory;
  const recovery: FileOperations = {
    ...text(() => recoveryText(rproc)),
    write: words(10, RECOVERY_WORDS, (word) => setRecovery(rproc, word)),
  };
  const coredump: FileOperations = {
    ...text(() => `${rproc.dumpMode}\n`),
    write: words(
      20,
      DUMP_MODES,
      (word) => {
        rproc.dumpMode = word;
      },
      () => assertNotCrashed(rproc),
    ),
  };
  directory.createFile(
    'name',
    0o400,
    text(() => `${rproc.name.slice(0, NAME_MAX)}\n`),
  );
  directory.createFile('recovery', 0o600, recovery);
  directory.createFile('crash', 0o200, { write: (_file, from) => crash(rproc, from) });
  directory.createText('resource_table', 0o400, () => resourceTableText(rproc.tablePtr));
  directory.createText('carveout_memories', 0o400, () => carveoutsText(rproc));
  directory.createFile('coredump', 0o600, coredump);
  return () => {
    top.remove(name);
    rproc.debugDirectory = undefined;
  };
}
