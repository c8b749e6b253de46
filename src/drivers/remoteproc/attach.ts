/** Processors that somebody else has started. Sections 12.2 and 12.4 of docs/reference/remoteproc.md. */
import { Errno } from '../../abi/index.ts';
import { finish, type Kernel } from '../../kernel/index.ts';
import { takeResources } from './resources.ts';
import type { Rproc } from './rproc.ts';
import { bringUp, stopSubdevices, unprepareSubdevices } from './subdevices.ts';
import { privateTable } from './table.ts';

/** rproc_set_rsc_table: the live one, and a clean copy for a processor that can be detached. @throws Errno */
function takeLoadedTable(rproc: Rproc): void {
  const table = rproc.ops.getLoadedRscTable?.(rproc);
  if (table !== undefined && rproc.ops.detach !== undefined) {
    rproc.system.kmalloc('resource table');
    rproc.cleanTable = table.bytes().slice();
  }
  rproc.cachedTable = undefined;
  rproc.tablePtr = table;
}

/** __rproc_attach. @throws Errno */
export function* attachRunning(rproc: Rproc): Kernel<void> {
  yield* bringUp(rproc, () => rproc.ops.attach?.(rproc), `can't attach to rproc ${rproc.name}`);
  rproc.state = 'attached';
  rproc.print('info', `remote processor ${rproc.name} is now attached`);
}

/** rproc_attach. @returns 0, or 1 when the table ended with a vendor's entry that nobody knows @throws Errno */
export function* attach(rproc: Rproc): Kernel<number> {
  try {
    rproc.enableIommu();
  } catch (error) {
    throw rproc.told(error, "can't enable iommu");
  }
  let result = 0;
  try {
    try {
      yield* rproc.prepare();
    } catch (error) {
      throw rproc.told(error, `can't prepare rproc ${rproc.name}`);
    }
    try {
      result = yield* attachPrepared(rproc);
    } catch (error) {
      yield* undo(rproc);
      throw error;
    }
    if (result !== 0) yield* undo(rproc);
  } catch (error) {
    rproc.disableIommu();
    throw error;
  }
  if (result !== 0) rproc.disableIommu();
  return result;
}

function* attachPrepared(rproc: Rproc): Kernel<number> {
  try {
    takeLoadedTable(rproc);
  } catch (error) {
    throw rproc.told(error, "can't load resource table");
  }
  const result = takeResources(rproc);
  if (result !== 0) return result;
  yield* attachRunning(rproc);
  return 0;
}

function* undo(rproc: Rproc): Kernel<void> {
  rproc.cleanUpResources();
  rproc.dropTables();
  yield* rproc.unprepare();
}

/** rproc_reset_rsc_table_on_detach: the processor gets back the table that it had before. @throws Errno EINVAL without a clean copy */
function restoreTable(rproc: Rproc): void {
  const { tablePtr, cleanTable } = rproc;
  if (tablePtr === undefined) return;
  if (cleanTable === undefined) {
    rproc.print('warn', 'a table without a clean copy');
    throw new Errno('EINVAL', 'there is no clean copy of the table');
  }
  rproc.cachedTable = privateTable(tablePtr.bytes().slice());
  tablePtr.bytes().set(cleanTable);
  rproc.tablePtr = rproc.cachedTable;
  rproc.cleanTable = undefined;
}

/** __rproc_detach. @throws Errno EINVAL without a detach operation, and what that says */
export function* detachRunning(rproc: Rproc): Kernel<void> {
  const { ops } = rproc;
  if (ops.detach === undefined) throw new Errno('EINVAL', `${rproc.name} cannot be detached`);
  yield* stopSubdevices(rproc, false);
  restoreTable(rproc);
  try {
    yield* finish(ops.detach(rproc));
  } catch (error) {
    throw rproc.told(error, "can't detach from rproc");
  }
  yield* unprepareSubdevices(rproc);
  rproc.state = 'detached';
  rproc.print('info', `detached remote processor ${rproc.name}`);
}

/** rproc_detach: one user less; the last one lets go of the processor, which goes on. @throws Errno EINTR, EINVAL */
export function* detach(rproc: Rproc): Kernel<void> {
  yield* rproc.lockInterruptible();
  try {
    if (rproc.state !== 'attached') throw new Errno('EINVAL', `${rproc.name} is ${rproc.state}`);
    if (--rproc.power > 0) return;
    try {
      yield* detachRunning(rproc);
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
