/** Crashes, and what is done about them. Section 14 of docs/reference/remoteproc.md. */
import { isErrno } from '../../abi/index.ts';
import { finish, type Kernel } from '../../kernel/index.ts';
import { attachRunning, detachRunning } from './attach.ts';
import { fetchFirmware, start, stop } from './boot.ts';
import { rprocCoredump } from './coredump.ts';
import { CRASH_TYPES, type Rproc } from './rproc.ts';

/** rproc_report_crash: from any context. @param type of CRASH_TYPES; others are unknown */
export function reportCrash(rproc: Rproc, type: number): void {
  rproc.awake++;
  rproc.print('err', `crash detected in ${rproc.name}: type ${CRASH_TYPES[type] ?? 'unknown'}`);
  if (rproc.isCrashQueued) return;
  rproc.isCrashQueued = true;
  rproc.system.scheduler.spawn('rproc_recovery_wq', undefined, handleCrash(rproc));
}

/** rproc_crash_handler_work. */
function* handleCrash(rproc: Rproc): Kernel<void> {
  rproc.isCrashQueued = false;
  yield* rproc.lock.lock();
  const { state } = rproc;
  // Only the first crash counts; nobody lets the machine sleep again for the others.
  if (state === 'crashed') {
    rproc.lock.unlock();
    return;
  }
  if (state !== 'offline') {
    rproc.state = 'crashed';
    rproc.print('err', `handling crash #${++rproc.crashCount} in ${rproc.name}`);
  }
  rproc.lock.unlock();
  if (state !== 'offline' && !rproc.isRecoveryDisabled) yield* triggerRecovery(rproc);
  rproc.awake--;
}

/** rproc_trigger_recovery. What goes wrong is in the log only: nobody asks. */
export function* triggerRecovery(rproc: Rproc): Kernel<void> {
  try {
    yield* rproc.lockInterruptible();
  } catch (error) {
    if (!isErrno(error, 'EINTR')) throw error;
    return;
  }
  try {
    // It could have changed before the lock was there.
    if (rproc.state !== 'crashed') return;
    rproc.print('err', `recovering ${rproc.name}`);
    yield* rproc.attachOnRecovery ? attachRecovery(rproc) : bootRecovery(rproc);
  } catch (error) {
    if (!isErrno(error)) throw error;
  } finally {
    rproc.lock.unlock();
  }
}

/** rproc_attach_recovery. */
function* attachRecovery(rproc: Rproc): Kernel<void> {
  yield* detachRunning(rproc);
  yield* attachRunning(rproc);
}

/** rproc_boot_recovery: regions and the table's entries stay as they are. */
function* bootRecovery(rproc: Rproc): Kernel<void> {
  yield* stop(rproc, true);
  yield* finish(rproc.ops.coredump === undefined ? rprocCoredump(rproc) : rproc.ops.coredump(rproc));
  let firmware: Uint8Array;
  try {
    firmware = yield* fetchFirmware(rproc);
  } catch (error) {
    throw rproc.told(error, 'request_firmware failed');
  }
  yield* start(rproc, firmware);
}
