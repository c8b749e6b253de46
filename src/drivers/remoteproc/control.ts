/** What programs change: the same rules for sysfs, debugfs and the character device. */
import { Errno, errno, isErrno } from '../../abi/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import { detach } from './attach.ts';
import { boot, shutdown } from './boot.ts';
import { DUMP_MODES, type DumpMode } from './coredump.ts';
import { triggerRecovery } from './recovery.ts';
import type { Rproc } from './rproc.ts';

export const COMMANDS = ['start', 'stop', 'detach'] as const;
export type Command = (typeof COMMANDS)[number];

/** @returns what it comes to: 0, or 1 as {@link boot} has it @throws Errno */
export function* command(rproc: Rproc, word: Command): Kernel<number> {
  if (word === 'start') return yield* boot(rproc);
  yield* word === 'stop' ? shutdown(rproc) : detach(rproc);
  return 0;
}

/** Says that a start failed, as who asked for it does. */
export function tellBootFailed(rproc: Rproc, failure: unknown): void {
  if (isErrno(failure)) rproc.print('err', `Boot failed: -${errno[failure.code]}`);
  else if (typeof failure === 'number') rproc.print('err', `Boot failed: ${failure}`);
}

export const RECOVERY_WORDS = ['enabled', 'disabled', 'recover'] as const;

/** Errors of a recovery are nobody's. */
export function* setRecovery(rproc: Rproc, word: (typeof RECOVERY_WORDS)[number]): Kernel<void> {
  if (word === 'disabled') {
    rproc.isRecoveryDisabled = true;
    return;
  }
  if (word === 'enabled') rproc.isRecoveryDisabled = false;
  yield* triggerRecovery(rproc);
}

export const recoveryText = (rproc: Rproc): string => (rproc.isRecoveryDisabled ? 'disabled\n' : 'enabled\n');

/** @throws Errno EBUSY */
export function assertNotCrashed(rproc: Rproc): void {
  if (rproc.state !== 'crashed') return;
  rproc.print('err', "can't change coredump configuration");
  throw new Errno('EBUSY', `${rproc.name} has crashed`);
}

export const isDumpMode = (word: string): word is DumpMode => (DUMP_MODES as readonly string[]).includes(word);

/** rproc_set_firmware: the name ends at the first newline. @throws Errno EINVAL, EBUSY, ENOMEM */
export function* setFirmware(rproc: Rproc, text: string): Kernel<void> {
  try {
    yield* rproc.lockInterruptible();
  } catch (error) {
    if (isErrno(error, 'EINTR')) throw new Errno('EINVAL', error.message);
    throw error;
  }
  try {
    if (rproc.state !== 'offline') {
      rproc.print('err', "can't change firmware while running");
      throw new Errno('EBUSY', `${rproc.name} is ${rproc.state}`);
    }
    const name = text.replace(/[\n\0].*$/s, '');
    if (name === '') {
      rproc.print('err', "can't provide empty string for firmware name");
      throw new Errno('EINVAL', 'a firmware has a name');
    }
    rproc.system.kmalloc('firmware name');
    rproc.firmware = name;
  } finally {
    rproc.lock.unlock();
  }
}
