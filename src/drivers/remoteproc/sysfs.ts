/** /sys/class/remoteproc/remoteprocN. Section 16 of docs/reference/remoteproc.md. */
import { Errno } from '../../abi/index.ts';
import { type Attribute, type AttributeGroup, type Kernel, sysfsStreq } from '../../kernel/index.ts';
import {
  assertNotCrashed,
  COMMANDS,
  command,
  isDumpMode,
  RECOVERY_WORDS,
  recoveryText,
  setFirmware,
  setRecovery,
  tellBootFailed,
} from './control.ts';
import { DUMP_MODES } from './coredump.ts';
import type { Rproc } from './rproc.ts';

/** @returns how many bytes were taken; undefined is all @throws Errno */
function* storeState(rproc: Rproc, text: string): Kernel<number | void> {
  const word = COMMANDS.find((known) => sysfsStreq(text, known));
  if (word === undefined) {
    rproc.print('err', `Unrecognised option: ${text}`);
    throw new Errno('EINVAL', `${text} is no command`);
  }
  let result: number;
  try {
    result = yield* command(rproc, word);
  } catch (error) {
    if (word === 'start') tellBootFailed(rproc, error);
    throw error;
  }
  if (result === 0) return;
  tellBootFailed(rproc, result);
  return result;
}

function* storeRecovery(rproc: Rproc, text: string): Kernel<void> {
  const word = RECOVERY_WORDS.find((known) => sysfsStreq(text, known));
  if (word === undefined) throw new Errno('EINVAL', `${text} is no way to recover`);
  yield* setRecovery(rproc, word);
}

function storeCoredump(rproc: Rproc, text: string): void {
  assertNotCrashed(rproc);
  const word = DUMP_MODES.find((known) => sysfsStreq(text, known));
  if (word === undefined || !isDumpMode(word)) {
    rproc.print('err', 'Invalid coredump configuration');
    throw new Errno('EINVAL', `${text} is no kind of core dump`);
  }
  rproc.dumpMode = word;
}

/** In the order of the kernel's list. */
export function rprocGroup(rproc: Rproc): AttributeGroup {
  const writable = (name: string, show: () => string, store: NonNullable<Attribute['store']>): Attribute =>
    rproc.sysfsReadOnly ? { name, mode: 0o444, show } : { name, mode: 0o644, show, store };
  return {
    attributes: [
      writable(
        'coredump',
        () => `${rproc.dumpMode}\n`,
        (text) => storeCoredump(rproc, text),
      ),
      writable(
        'recovery',
        () => recoveryText(rproc),
        (text) => storeRecovery(rproc, text),
      ),
      writable(
        'firmware',
        // What somebody else has started is not known.
        () => `${rproc.state === 'attached' ? 'unknown' : rproc.firmware}\n`,
        (text) => setFirmware(rproc, text),
      ),
      writable(
        'state',
        () => `${rproc.state}\n`,
        (text) => storeState(rproc, text),
      ),
      { name: 'name', mode: 0o444, show: () => `${rproc.name}\n` },
    ],
  };
}
