import { Errno, errno, isErrno } from '../../abi/index.ts';
import { ELFCLASSNONE, EM_NONE } from '../../abi/uapi/index.ts';
import { type Device, finish, Idr, type Kernel, type LogLine, type MemoryRange, Mutex, type System } from '../../kernel/index.ts';
import { IommuDomain } from '../../memory/index.ts';
import type { DebugfsDirectory } from '../../vfs/index.ts';
import { releaseEntry } from './carveouts.ts';
import type { DumpMode, DumpSegment } from './coredump.ts';
import { elfLoader } from './elf-loader.ts';
import type { MemEntry } from './mem-entry.ts';
import { Observer } from './observation.ts';
import type { RprocOps, RprocParent, Translated } from './ops.ts';
import { type MatchingPolicy, type PolicyName, policies } from './policies.ts';
import { reportCrash } from './recovery.ts';
import type { Subdevice } from './subdevices.ts';
import type { ResourceTable } from './table.ts';
import { removeTraces, type Trace } from './trace.ts';
import { addVdevDevice, type Rvdev, removeVdevs, type VdevData, type Vring } from './vdev.ts';

/** enum rproc_state, by its numbers. */
export const STATES = ['offline', 'suspended', 'running', 'crashed', 'deleted', 'attached', 'detached', 'invalid'] as const;
export type RprocState = (typeof STATES)[number];

/** enum rproc_crash_type. */
export const CRASH_TYPES = ['mmufault', 'watchdog', 'fatal error'] as const;
export const CRASH_MMUFAULT = 0;
export const CRASH_WATCHDOG = 1;
export const CRASH_FATAL_ERROR = 2;

/** Steps of a boot at which a test may let a processor crash or an operation fail. */
export type BootStep = 'firmware' | 'iommu' | 'prepare' | 'alloc' | 'load' | 'start' | 'subdevice' | 'stop';

export interface RprocDescription {
  readonly system: System;
  readonly name: string;
  readonly parent: RprocParent;
  readonly ops: RprocOps;
  /** `rproc-NAME-fw` when left out. */
  readonly firmware?: string;
  /** True when left out. */
  readonly autoBoot?: boolean;
  /** Whether its memory goes through an IOMMU. */
  readonly hasIommu?: boolean;
  /** A boot loader has started it. */
  readonly isDetached?: boolean;
  readonly attachOnRecovery?: boolean;
  readonly sysfsReadOnly?: boolean;
  /** `upstream` when left out. */
  readonly policy?: PolicyName;
  /** Of core dumps: there are none without it. */
  readonly elfClass?: number;
  readonly elfMachine?: number;
  /** Bits of the host's size_t: 64 when left out. */
  readonly sizeBits?: 32 | 64;
  /** Told at each step; may throw what the step is to fail with. */
  readonly onStep?: (step: BootStep, detail: string) => void;
}

/** `struct rproc`: a remote processor, as Linux knows it. What happens to it is in the files around this one. */
export class Rproc {
  readonly system: System;
  readonly name: string;
  readonly parent: RprocParent;
  readonly ops: RprocOps;
  readonly policy: MatchingPolicy;
  readonly autoBoot: boolean;
  readonly hasIommu: boolean;
  readonly attachOnRecovery: boolean;
  readonly sysfsReadOnly: boolean;
  readonly sizeBits: number;
  readonly lock: Mutex;
  readonly observer: Observer;
  firmware: string;
  state: RprocState;
  /** How many users it has. */
  power = 0;
  isRecoveryDisabled = false;
  crashCount = 0;
  /** N of remoteprocN; set when it is added. */
  index = -1;
  /** remoteprocN; set when it is added. */
  device: Device;
  debugDirectory: DebugfsDirectory | undefined;
  stopsOnRelease = false;
  /** pm_stay_awake without pm_relax: one for each crash that found another under way. */
  awake = 0;
  /** The crash worker is queued or has not begun. */
  isCrashQueued = false;
  domain: IommuDomain | undefined;
  bootAddress = 0n;
  /** rproc_coredump_set_elf_info: of core dumps. */
  readonly elfClass: number;
  readonly elfMachine: number;
  dumpMode: DumpMode = 'disabled';
  readonly dumpSegments: DumpSegment[] = [];
  /** The table in effect, Linux's copy of the firmware's, and the untouched one that is kept for detach. */
  tablePtr: ResourceTable | undefined;
  cachedTable: ResourceTable | undefined;
  cleanTable: Uint8Array | undefined;
  readonly carveouts: MemEntry[] = [];
  readonly mappings: { readonly da: number; readonly len: number }[] = [];
  readonly traces: Trace[] = [];
  readonly rvdevs: Rvdev[] = [];
  readonly subdevices: Subdevice[] = [];
  readonly notifyids = new Idr<Vring>(0);
  maxNotifyid = -1;
  vdevCount = 0;
  /** Whether the platform registered regions for this boot. */
  offersRegions = false;
  readonly #onStep: RprocDescription['onStep'];

  /** rproc_alloc. */
  constructor(description: RprocDescription) {
    const { system, name, parent, ops } = description;
    this.system = system;
    this.name = name;
    this.parent = parent;
    this.device = parent.device;
    // Without a `load` of its own the platform gets all five operations of the ELF loader, whatever it had.
    this.ops = ops.load === undefined ? { ...ops, ...elfLoader } : ops;
    this.policy = policies[description.policy ?? 'upstream'];
    this.firmware = description.firmware ?? `rproc-${name}-fw`;
    this.autoBoot = description.autoBoot ?? true;
    this.hasIommu = description.hasIommu ?? false;
    this.attachOnRecovery = description.attachOnRecovery ?? false;
    this.sysfsReadOnly = description.sysfsReadOnly ?? false;
    this.sizeBits = description.sizeBits ?? 64;
    this.elfClass = description.elfClass ?? ELFCLASSNONE;
    this.elfMachine = description.elfMachine ?? EM_NONE;
    this.state = description.isDetached === true ? 'detached' : 'offline';
    this.lock = new Mutex(`rproc ${name}`, system.lockdep.lockClass('rproc->lock'));
    this.observer = new Observer(this);
    this.#onStep = description.onStep;
  }

  /** dev_err and its like, of the processor's device. */
  print(level: LogLine['level'], text: string): void {
    this.system.log.print(level, `remoteproc remoteproc${this.index}: ${text}`);
  }

  /** The same of the device that it is a part of. */
  parentPrint(level: LogLine['level'], text: string): void {
    this.system.log.print(level, `${this.parent.label}: ${text}`);
  }

  /** Says what failed, if it was with an errno. @returns the error, for the caller to throw on */
  told(error: unknown, text: string): unknown {
    if (isErrno(error)) this.print('err', `${text}: -${errno[error.code]}`);
    return error;
  }

  /** A step of a boot begins. @throws Errno what a test lets it fail with */
  step(step: BootStep, detail: string): void {
    this.#onStep?.(step, detail);
  }

  resolve(physical: number): MemoryRange | undefined {
    return this.parent.resolve(physical);
  }

  /** mutex_lock_interruptible on its lock. @throws Errno EINTR */
  *lockInterruptible(): Kernel<void> {
    try {
      yield* this.lock.lock({ mode: 'interruptible' });
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      this.print('err', `can't lock rproc ${this.name}: -4`);
      throw new Errno('EINTR', error.message);
    }
  }

  /** rproc_da_to_va: the platform's answer, else the first region that has it all. Section 9 of docs/reference/remoteproc.md. */
  daToVa(da: bigint, len: number): Translated | undefined {
    const own = this.ops.daToVa?.(this, da, len);
    if (own !== undefined) return own;
    for (const { va, da: base, len: size, isIomem, name } of this.carveouts) {
      // Held in an int, as Linux does: bits above 32 do not count.
      const offset = Number(BigInt.asIntN(32, da - BigInt(base)));
      if (va === undefined || offset < 0 || offset + len > size || len > va.length - offset) continue;
      this.observer.translation(da, len, name);
      return { va: va.plus(offset), isIomem };
    }
    this.observer.translation(da, len, undefined);
    return undefined;
  }

  /** Makes and records an IOMMU mapping. @throws Errno ENOMEM, EINVAL, EEXIST */
  mapForRemote(da: number, physical: number, len: number, flags: number): void {
    this.system.kmalloc('struct rproc_mem_entry');
    this.domain?.map(da, physical, len, flags);
    this.mappings.push({ da, len });
    this.observer.lifetime('map', { name: `da 0x${da.toString(16)}` });
  }

  addVdev(data: VdevData): void {
    addVdevDevice(this, data);
  }

  /** rproc_add_subdev. @returns rproc_remove_subdev */
  addSubdevice(subdevice: Subdevice): () => void {
    this.subdevices.push(subdevice);
    return () => {
      this.subdevices.splice(this.subdevices.indexOf(subdevice), 1);
    };
  }

  /** rproc_enable_iommu. @throws Errno ENOMEM */
  enableIommu(): void {
    const { iommu } = this.parent;
    if (!this.hasIommu || iommu === undefined) return;
    this.step('iommu', '');
    this.system.kmalloc('struct iommu_domain');
    const domain = new IommuDomain(this.name, this.system);
    domain.onFault = ({ iova, isWrite }) => {
      this.print('err', `iommu fault: da 0x${iova.toString(16)} flags 0x${isWrite ? 1 : 0}`);
      reportCrash(this, CRASH_MMUFAULT);
    };
    this.domain = domain;
    iommu.domain = domain;
  }

  disableIommu(): void {
    if (this.domain === undefined) return;
    if (this.parent.iommu !== undefined) this.parent.iommu.domain = undefined;
    this.domain.free();
    this.domain = undefined;
  }

  /** rproc_resource_cleanup. Section 12.5: memory goes before the devices that used it. */
  cleanUpResources(): void {
    removeTraces(this);
    for (const { da, len } of this.mappings.splice(0)) {
      const unmapped = this.domain?.unmap(da, len) ?? 0;
      if (unmapped !== len) this.print('err', `failed to unmap ${len}/${unmapped}`);
      this.observer.lifetime('unmap', { name: `da 0x${da.toString(16)}` });
    }
    for (const entry of this.carveouts) releaseEntry(this, entry);
    this.carveouts.length = 0;
    removeVdevs(this);
    this.dumpSegments.length = 0;
    this.offersRegions = false;
  }

  /** Calls `prepare` of the platform. What it registered before it failed stays, unless regions may not overlap. @throws Errno */
  *prepare(): Kernel<void> {
    this.step('prepare', '');
    try {
      yield* finish(this.ops.prepare?.(this));
    } catch (error) {
      if (this.policy.verify !== undefined) this.cleanUpResources();
      throw error;
    }
    this.offersRegions = this.carveouts.length > 0;
  }

  *unprepare(): Kernel<void> {
    yield* finish(this.ops.unprepare?.(this));
  }

  /** kfree of the tables. */
  dropTables(): void {
    this.tablePtr = undefined;
    this.cachedTable = undefined;
    this.cleanTable = undefined;
  }
}
