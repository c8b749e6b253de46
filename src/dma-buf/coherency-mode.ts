/**
 * How devices and buffers go together: the coherency modes that were proposed for exporters, and who may import what (section 9.5 and
 * the rules C3 to C5 of 9.7 in docs/reference/dma-buf.md). No released kernel has them; a machine has them when its board says so.
 */
import { Errno } from '../abi/index.ts';
import type { System } from '../kernel/index.ts';
import { type DmaDevice, isNonCoherent } from '../memory/index.ts';
import type { DmaBuf } from './dma-buf.ts';

/**
 * What an exporter states of its buffer. `atomic`: fully coherent, atomics included. `cpu`: device accesses snoop the CPU's caches.
 * `memory`: they snoop nothing and reach memory; `memory-write-combined`: so does the CPU. `dma-api`: nobody knows, so everyone
 * brackets each access. `default`: nothing is stated.
 */
export type CoherencyMode = 'atomic' | 'cpu' | 'memory' | 'memory-write-combined' | 'dma-api' | 'default';

export interface CoherencySettings {
  /** What becomes of attaching a device that cannot share the buffer: an error, a finding, or nothing, as in 6.12. */
  readonly attach: 'enforce' | 'track' | 'ignore';
  /** The error of `enforce`. */
  readonly attachError: 'EPERM' | 'EBUSY';
  /** Whether `enforce` also holds for buffers of mode `default`, whose devices can only be compared with each other. */
  readonly enforceDefault: boolean;
  /** Whether the kernel has dma_buf_begin_access and dma_buf_end_access. */
  readonly deviceAccess: boolean;
}

/** As 6.12. */
const makeHolder = (_system: System): { settings: CoherencySettings } => ({
  settings: { attach: 'ignore', attachError: 'EPERM', enforceDefault: false, deviceAccess: false },
});

export const coherencyOf = (system: System): CoherencySettings => system.single(makeHolder).settings;

/** Changes what differs from 6.12, before there are buffers. */
export function setCoherency(system: System, settings: Partial<CoherencySettings>): void {
  const holder = system.single(makeHolder);
  holder.settings = { ...holder.settings, ...settings };
}

/** What a heap or udmabuf states of its buffers: nothing in a kernel that has no bracket for what would follow from it. */
export function statedMode(system: System, mode: CoherencyMode): CoherencyMode {
  return coherencyOf(system).deviceAccess ? mode : 'default';
}

interface Misfit {
  readonly rule: string;
  readonly why: string;
}

/** Why two devices cannot share memory without being told of each other's accesses. */
function areIncoherent(a: DmaDevice, b: DmaDevice): boolean {
  return isNonCoherent(a) !== isNonCoherent(b) && (a.allocatesInCpu || b.allocatesInCpu);
}

function misfitOf(dmabuf: DmaBuf<any>, device: DmaDevice): Misfit | undefined {
  const { coherency } = dmabuf;
  const isMemory = coherency === 'memory' || coherency === 'memory-write-combined';
  // C3
  if ((coherency === 'atomic' || coherency === 'cpu') && isNonCoherent(device))
    return { rule: 'coherency-device-not-snooping', why: `${device.name} does not snoop the CPU's caches` };
  // C4
  if (isMemory && device.allocatesInCpu && dmabuf.ops.beginAccess === undefined)
    return { rule: 'coherency-device-allocates', why: `${device.name} writes to the CPU's caches, not to memory` };
  // C5
  const other = coherency === 'default' ? dmabuf.attachments.find((each) => areIncoherent(each.device, device)) : undefined;
  if (other !== undefined)
    return {
      rule: 'coherency-devices-differ',
      why: `${device.name} and ${other.device.name}, which is attached, do not see each other's writes`,
    };
  return undefined;
}

/** Judges whether a device can share a buffer. @throws Errno EPERM or EBUSY when it cannot and the machine enforces it */
export function checkAttach(dmabuf: DmaBuf<any>, device: DmaDevice): void {
  const { system } = dmabuf;
  const { attach, attachError, enforceDefault } = coherencyOf(system);
  if (attach === 'ignore') return;
  const misfit = misfitOf(dmabuf, device);
  if (misfit === undefined) return;
  const text = `${dmabuf.describe()} is ${dmabuf.coherency} coherent: ${misfit.why}`;
  if (attach === 'enforce' && (dmabuf.coherency !== 'default' || enforceDefault)) throw new Errno(attachError, text);
  system.findings.report(misfit.rule, text);
}
