/** Boot and shutdown. Sections 11 and 12 of docs/reference/remoteproc.md. */
import { Errno } from '../../abi/index.ts';
import { finish, type Kernel, requestFirmware } from '../../kernel/index.ts';
import { attach } from './attach.ts';
import { takeResources } from './resources.ts';
import type { Rproc } from './rproc.ts';
import { bringUp, stopSubdevices, unprepareSubdevices } from './subdevices.ts';
import { privateTable } from './table.ts';

/** request_firmware of the processor's file. @throws Errno ENOENT, EINVAL, … */
export function* fetchFirmware(rproc: Rproc): Kernel<Uint8Array> {
  rproc.step('firmware', rproc.firmware);
  return yield* requestFirmware(rproc.system, rproc.firmware, `remoteproc remoteproc${rproc.index}`);
}

/** rproc_start: loads, starts, and lets the subdevices follow. @throws Errno */
export function* start(rproc: Rproc, firmware: Uint8Array): Kernel<void> {
  const { ops } = rproc;
  try {
    rproc.step('load', rproc.firmware);
    if (ops.load === undefined) throw new Errno('EINVAL', 'nothing loads');
    ops.load(rproc, firmware);
  } catch (error) {
    throw rproc.told(error, 'Failed to load program segments');
  }
  // From now on the table is the one that the processor sees, if its place is known.
  const loaded = ops.findLoadedRscTable?.(rproc, firmware);
  if (loaded !== undefined && rproc.cachedTable !== undefined) {
    loaded.bytes().set(rproc.cachedTable.bytes().subarray(0, loaded.size));
    rproc.tablePtr = loaded;
  }
  try {
    const begin = () => {
      rproc.step('start', '');
      return ops.start?.(rproc);
    };
    yield* bringUp(rproc, begin, `can't start rproc ${rproc.name}`);
  } catch (error) {
    rproc.tablePtr = rproc.cachedTable;
    throw error;
  }
  rproc.state = 'running';
  rproc.print('info', `remote processor ${rproc.name} is now up`);
}

/** rproc_fw_boot. @returns 0, or 1 when the table ended with a vendor's entry that nobody knows @throws Errno */
function* bootFirmware(rproc: Rproc, firmware: Uint8Array): Kernel<number> {
  const { ops } = rproc;
  ops.sanityCheck?.(rproc, firmware);
  rproc.print('info', `Booting fw image ${rproc.firmware}, size ${firmware.length}`);
  try {
    rproc.enableIommu();
  } catch (error) {
    throw rproc.told(error, "can't enable iommu");
  }
  let result = 0;
  // What prepare registered stays in the list when the firmware cannot be parsed, as in Linux; regions that may not overlap cannot stay.
  let isParsed = rproc.policy.verify !== undefined;
  try {
    try {
      yield* rproc.prepare();
    } catch (error) {
      throw rproc.told(error, `can't prepare rproc ${rproc.name}`);
    }
    try {
      rproc.bootAddress = ops.getBootAddr?.(rproc, firmware) ?? 0n;
      ops.parseFw?.(rproc, firmware);
      isParsed = true;
      result = yield* bootParsed(rproc, firmware);
    } catch (error) {
      if (isParsed) undoResources(rproc);
      yield* rproc.unprepare();
      throw error;
    }
    if (result !== 0) {
      undoResources(rproc);
      yield* rproc.unprepare();
    }
  } catch (error) {
    rproc.disableIommu();
    throw error;
  }
  if (result !== 0) rproc.disableIommu();
  return result;
}

function undoResources(rproc: Rproc): void {
  rproc.cleanUpResources();
  rproc.dropTables();
}

function* bootParsed(rproc: Rproc, firmware: Uint8Array): Kernel<number> {
  const result = takeResources(rproc);
  if (result !== 0) return result;
  yield* start(rproc, firmware);
  return 0;
}

/**
 * rproc_boot: one more user; the first one boots or attaches.
 *
 * @returns 0; 1 in the case of {@link bootFirmware}
 * @throws Errno EINTR, ENODEV, and what the steps say: section 18.4
 */
export function* boot(rproc: Rproc): Kernel<number> {
  yield* rproc.lockInterruptible();
  try {
    if (rproc.state === 'deleted') {
      rproc.print('err', `can't boot deleted rproc ${rproc.name}`);
      throw new Errno('ENODEV', `${rproc.name} is gone`);
    }
    if (++rproc.power > 1) return 0;
    let result = 0;
    try {
      if (rproc.state === 'detached') {
        rproc.print('info', `attaching to ${rproc.name}`);
        result = yield* attach(rproc);
      } else {
        rproc.print('info', `powering up ${rproc.name}`);
        result = yield* bootFirmware(rproc, yield* fetchedOrTold(rproc));
      }
    } catch (error) {
      rproc.power--;
      throw error;
    }
    if (result !== 0) rproc.power--;
    return result;
  } finally {
    rproc.lock.unlock();
  }
}

function* fetchedOrTold(rproc: Rproc): Kernel<Uint8Array> {
  try {
    return yield* fetchFirmware(rproc);
  } catch (error) {
    throw rproc.told(error, 'request_firmware failed');
  }
}

/**
 * rproc_stop.
 *
 * @param crashed whether the processor is beyond talking to
 * @throws Errno EINVAL without a stop operation, and what that says: the subdevices have been stopped then
 */
export function* stop(rproc: Rproc, crashed: boolean): Kernel<void> {
  const { ops } = rproc;
  if (ops.stop === undefined) throw new Errno('EINVAL', `${rproc.name} cannot be stopped`);
  yield* stopSubdevices(rproc, crashed);
  useOwnTable(rproc);
  try {
    rproc.step('stop', '');
    yield* finish(ops.stop(rproc));
  } catch (error) {
    throw rproc.told(error, "can't stop rproc");
  }
  yield* unprepareSubdevices(rproc);
  rproc.state = 'offline';
  rproc.print('info', `stopped remote processor ${rproc.name}`);
}

/** rproc_reset_rsc_table_on_stop: the live table is not Linux's any more. */
function useOwnTable(rproc: Rproc): void {
  const { tablePtr } = rproc;
  if (tablePtr === undefined) return;
  // A processor that was attached to has no copy yet.
  rproc.cachedTable ??= privateTable(tablePtr.bytes().slice());
  rproc.cleanTable = undefined;
  rproc.tablePtr = rproc.cachedTable;
}

/** rproc_shutdown: one user less; the last one stops the processor. @throws Errno EINTR, EINVAL, and what stop says */
export function* shutdown(rproc: Rproc): Kernel<void> {
  yield* rproc.lockInterruptible();
  try {
    if (rproc.state !== 'running' && rproc.state !== 'attached') throw new Errno('EINVAL', `${rproc.name} is ${rproc.state}`);
    if (--rproc.power > 0) return;
    try {
      yield* stop(rproc, false);
    } catch (error) {
      rproc.power++;
      throw error;
    }
    rproc.cleanUpResources();
    yield* rproc.unprepare();
    rproc.disableIommu();
    rproc.dropTables();
  } finally {
    rproc.lock.unlock();
  }
}
