/**
 * dma_buf_begin_access and dma_buf_end_access, as proposed for exporters that look after caches around each access of a device
 * (section 9.1 of docs/reference/dma-buf.md), and the rules around them (C1 and C6 to C9 of 9.7; C8 is the fence signalling section, whose rules are checked anyway). The results are the ones of the
 * proposal, whatever the rules say.
 */
import { Errno } from '../abi/index.ts';
import type { System } from '../kernel/index.ts';
import type { DmaDirection } from '../memory/index.ts';
import { coherencyOf } from './coherency-mode.ts';
import type { DmaBufAttachment, SgTable } from './dma-buf-attachment.ts';
import type { DmaBufOps } from './dma-buf-ops.ts';
import type { DmaFence } from './dma-fence.ts';
import { beginSignalling, endSignalling } from './fence-signalling.ts';

/** Accesses that have begun and not ended. */
export class DeviceAccesses {
  readonly #attachment: DmaBufAttachment<any>;
  /** Tables that were accessed without a bracket, since one began. */
  readonly #missed = new Set<SgTable>();
  readonly #open: { readonly table: SgTable; readonly direction: DmaDirection }[] = [];

  constructor(attachment: DmaBufAttachment<any>) {
    this.#attachment = attachment;
  }

  /** How many; of a table if one is given. */
  count(table?: SgTable): number {
    return table === undefined ? this.#open.length : this.#open.filter((access) => access.table === table).length;
  }

  began(table: SgTable, direction: DmaDirection): void {
    this.#open.push({ table, direction });
    this.#missed.delete(table);
  }

  /** C9. */
  ended(table: SgTable, direction: DmaDirection): void {
    const at = this.#open.findLastIndex((access) => access.table === table && access.direction === direction);
    if (at >= 0) this.#open.splice(at, 1);
    else this.report('device-access-unbalanced', `end_access ${direction}, which did not begin`);
  }

  /** C1: whether the mode of the buffer asks for a bracket around what the device does. */
  get areRequired(): boolean {
    const { dmabuf, device } = this.#attachment;
    if (!coherencyOf(dmabuf.system).deviceAccess) return false;
    const isMemory = dmabuf.coherency === 'memory' || dmabuf.coherency === 'memory-write-combined';
    return dmabuf.coherency === 'dma-api' || (isMemory && device.allocatesInCpu);
  }

  /** C1: the device accesses memory. */
  accessed(table: SgTable, what: string): void {
    if (this.count(table) > 0 || this.#missed.has(table)) return;
    this.#missed.add(table);
    this.report('device-access-missing', `${this.#attachment.device.name} ${what} without begin_access`);
  }

  /** C9: something ends that accesses need. */
  assertNone(what: string, table?: SgTable): void {
    if (this.count(table) > 0) this.report('device-access-open', `${what} while ${this.count(table)} accesses are open`);
  }

  report(rule: string, text: string): void {
    this.#attachment.dmabuf.system.findings.report(rule, `${this.#attachment.describe()}: ${text}`);
  }
}

/**
 * dma_buf_begin_access: a device is about to access a buffer that it has mapped. Without the reservation lock; must not wait. A kernel
 * without the feature has no such function: nothing happens.
 *
 * @param table from {@link DmaBufAttachment.map}
 * @throws Errno EINVAL without an attachment; what the exporter says, of which the first is a finding
 */
export function beginAccess(system: System, attachment: DmaBufAttachment<any> | undefined, table: SgTable, direction: DmaDirection): void {
  access(system, 'begin_access', attachment, table, direction);
}

/** dma_buf_end_access: the same when the device has done so, before the fence of the transfer signals. */
export function endAccess(system: System, attachment: DmaBufAttachment<any> | undefined, table: SgTable, direction: DmaDirection): void {
  access(system, 'end_access', attachment, table, direction);
}

/** What has been warned about. */
const makeWarned = (_system: System) => new Set<string>();

type Name = 'begin_access' | 'end_access';

function access(system: System, name: Name, attachment: DmaBufAttachment<any> | undefined, table: SgTable, direction: DmaDirection): void {
  if (!coherencyOf(system).deviceAccess) return;
  if (attachment === undefined) {
    system.findings.report('device-access-misused', `dma_buf_${name} without an attachment`);
    throw new Errno('EINVAL', 'no attachment');
  }
  check(name, attachment, table, direction);
  const { dmabuf } = attachment;
  const op = name === 'begin_access' ? dmabuf.ops.beginAccess : dmabuf.ops.endAccess;
  if (op === undefined) return;
  const cookie = beginSignalling(system);
  try {
    op(attachment, table, direction);
  } catch (error) {
    const warned = system.single(makeWarned);
    if (!warned.has(name)) system.findings.report('device-access-failed', `${name} of ${dmabuf.describe()}: ${(error as Error).message}`);
    warned.add(name);
    throw error;
  } finally {
    endSignalling(system, cookie);
  }
}

/** The operations of exporters that know only that caches may be in the way: what DMA_BUF_IOCTL_SYNC is for the CPU. */
export const syncingAccess = {
  beginAccess(attachment, table, direction) {
    const mapping = attachment.mappingOf(table);
    if (mapping !== undefined) attachment.device.syncSgForDevice(mapping, direction);
  },

  endAccess(attachment, table, direction) {
    const mapping = attachment.mappingOf(table);
    if (mapping !== undefined) attachment.device.syncSgForCpu(mapping, direction);
  },
} satisfies Partial<DmaBufOps>;

/** C7 and C9. */
function check(name: Name, attachment: DmaBufAttachment<any>, table: SgTable, direction: DmaDirection): void {
  const { accesses, dmabuf } = attachment;
  if (dmabuf.resv.lock.isHeldByCaller) accesses.report('device-access-locked', `${name} by somebody who holds the reservation lock`);
  if (attachment.mappingOf(table) === undefined) accesses.report('device-access-unmapped', `${name} of a table that it has not mapped`);
  if (name === 'begin_access') accesses.began(table, direction);
  else accesses.ended(table, direction);
}

/**
 * Has it checked that the fence of a transfer signals when its accesses have ended and the device has flushed what it keeps to itself
 * (C6 and the last row of M2). For importers, when they publish the fence.
 */
export function watchTransfer(attachment: DmaBufAttachment<any>, fence: DmaFence): void {
  const { accesses, device } = attachment;
  fence.addCallback(() => {
    if (accesses.count() > 0) accesses.report('device-access-open-at-signal', `${fence.describe()} signalled while an access is open`);
    const lines = device.unflushedLines;
    if (lines > 0)
      accesses.report('coherency-unflushed', `${fence.describe()} signalled while ${device.name} keeps ${lines} lines to itself`);
  });
}
