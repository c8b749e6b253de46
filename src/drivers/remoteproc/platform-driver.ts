/** A driver of a microcontroller beside the CPU, after drivers/remoteproc/stm32_rproc.c: its regions are those of the device tree. */
import { Errno, isErrno } from '../../abi/index.ts';
import { ELFCLASS32 } from '../../abi/uapi/index.ts';
import { freeIrq, IRQ_HANDLED, IRQ_NONE, IRQ_WAKE_THREAD, type Irqs, requestIrq } from '../../irq/index.ts';
import type { Kernel, System } from '../../kernel/index.ts';
import { FAULT_FATAL, FAULT_MMU, FAULT_WATCHDOG, FW_RSC_ADDR_ANY, type RemoteProcessorRegisters } from '../../ports/remoteproc/index.ts';
import { addCarveout } from './carveouts.ts';
import { addDumpSegment } from './coredump.ts';
import { elfLoader, elfLoadRscTable } from './elf-loader.ts';
import type { AllocGrant, AllocRequest, RprocOps, RprocParent } from './ops.ts';
import { entryOf, ioremap, type RegionProfile } from './providers.ts';
import { reportCrash } from './recovery.ts';
import { addRproc } from './register.ts';
import { CRASH_FATAL_ERROR, CRASH_MMUFAULT, CRASH_WATCHDOG, Rproc, type RprocDescription } from './rproc.ts';
import { liveTable, type ResourceTable } from './table.ts';
import { vqInterrupt } from './virtio-transport.ts';

export interface PlatformRprocDescription
  extends Pick<
    RprocDescription,
    'firmware' | 'autoBoot' | 'hasIommu' | 'isDetached' | 'attachOnRecovery' | 'sysfsReadOnly' | 'policy' | 'sizeBits' | 'onStep'
  > {
  readonly system: System;
  readonly name: string;
  readonly parent: RprocParent;
  readonly registers: RemoteProcessorRegisters;
  readonly irqs: Irqs;
  readonly mailboxIrq: number;
  readonly faultIrq: number;
  /** In the order of the device tree; asked for at each boot. */
  readonly regions: () => readonly RegionProfile[];
  /** Whether firmware without a resource table boots; true when left out, as stm32's. */
  readonly toleratesNoTable?: boolean;
  /** Where a processor that runs already has its table. */
  readonly loadedTable?: { readonly physical: number; readonly len: number };
  /** Operations that a test puts in place of the driver's. */
  readonly ops?: { readonly [K in keyof RprocOps]?: RprocOps[K] | undefined };
}

const FAULTS = [
  [FAULT_MMU, CRASH_MMUFAULT],
  [FAULT_WATCHDOG, CRASH_WATCHDOG],
  [FAULT_FATAL, CRASH_FATAL_ERROR],
] as const;

class PlatformDriver {
  readonly #description: PlatformRprocDescription;

  constructor(description: PlatformRprocDescription) {
    this.#description = description;
  }

  get ops(): RprocOps {
    const { registers, isDetached, ops } = this.#description;
    return {
      ...elfLoader,
      prepare: (rproc) => this.#prepare(rproc),
      parseFw: (rproc, firmware) => this.#parse(rproc, firmware),
      start(rproc) {
        registers.writeBootAddress(rproc.bootAddress);
        registers.writeReset(false);
      },
      stop() {
        registers.writeReset(true);
        registers.writeMailboxClear(0xffffffff);
      },
      kick: (_rproc, notifyid) => registers.writeDoorbell(2 ** notifyid),
      ...(isDetached === true ? { attach() {}, detach() {}, getLoadedRscTable: (rproc: Rproc) => this.#loadedTable(rproc) } : {}),
      ...ops,
    } as RprocOps;
  }

  /** Rings of the mailbox are handed to the queues in a thread. */
  listen(rproc: Rproc): () => Kernel<void> {
    const { irqs, mailboxIrq, faultIrq, registers, name } = this.#description;
    let rung = 0;
    requestIrq(irqs, mailboxIrq, {
      name: `${name}-mailbox`,
      devId: this,
      handler() {
        const status = registers.readMailboxStatus();
        if (status === 0) return IRQ_NONE;
        registers.writeMailboxClear(status);
        rung |= status;
        return IRQ_WAKE_THREAD;
      },
      *thread() {
        const bits = rung;
        rung = 0;
        for (let id = 0; id < 32; id++) if (((bits >>> id) & 1) === 1) yield* vqInterrupt(rproc, id);
        return IRQ_HANDLED;
      },
    });
    requestIrq(irqs, faultIrq, {
      name: `${name}-wdg`,
      devId: this,
      handler() {
        const status = registers.readFaultStatus();
        registers.writeFaultClear(status);
        for (const [bit, type] of FAULTS) if ((status & bit) !== 0) reportCrash(rproc, type);
        return status === 0 ? IRQ_NONE : IRQ_HANDLED;
      },
    });
    return function* (this: PlatformDriver) {
      yield* freeIrq(irqs, mailboxIrq, this);
      yield* freeIrq(irqs, faultIrq, this);
    }.bind(this);
  }

  /** @throws Errno */
  #prepare(rproc: Rproc): void {
    const { regions } = this.#description;
    // A platform that allocates by itself registers nothing.
    if (rproc.policy.name === 'alloc-op') return;
    for (const profile of regions()) {
      const entry = entryOf(rproc, profile);
      addCarveout(rproc, entry);
      if (profile.provider.kind === 'ioremap') this.#addToDump(rproc, BigInt(entry.da), entry.len);
    }
  }

  /** Without memory for it the dump lacks a segment: stm32_rproc does not ask. */
  #addToDump(rproc: Rproc, da: bigint, size: number): void {
    try {
      addDumpSegment(rproc, { da, size });
    } catch (error) {
      if (!isErrno(error, 'ENOMEM')) throw error;
    }
  }

  #parse(rproc: Rproc, firmware: Uint8Array): void {
    const { toleratesNoTable = true } = this.#description;
    try {
      elfLoadRscTable(rproc, firmware);
    } catch (error) {
      if (!toleratesNoTable || !isErrno(error)) throw error;
      rproc.print('warn', 'no resource table found for this firmware');
    }
  }

  #loadedTable(rproc: Rproc): ResourceTable | undefined {
    const { loadedTable } = this.#description;
    if (loadedTable === undefined) return undefined;
    const { physical, len } = loadedTable;
    // The mapping lives as long as the driver, like the device tree's region.
    const range = rproc.resolve(physical);
    if (range === undefined || range.length < len) throw new Errno('ENOMEM', 'the table of the processor cannot be mapped');
    const mapping = ioremap(rproc, physical, len, false);
    mapping.unmap();
    return liveTable(mapping.address, len, false);
  }
}

/** What `alloc-op` needs of a platform: its own list of what it has given. It cannot tell carveouts from vrings. */
function allocatorOf(regions: () => readonly RegionProfile[]): Pick<RprocOps, 'alloc' | 'daToVa'> {
  interface Given {
    readonly da: number;
    readonly len: number;
    readonly grant: AllocGrant;
  }
  const given: Given[] = [];
  return {
    alloc(rproc, { da, pa, len }: AllocRequest) {
      const isAny = (address: number) => address === FW_RSC_ADDR_ANY || address === 0;
      for (const { provider, da: base, len: size } of regions()) {
        if (provider.kind !== 'ioremap' || base === undefined) continue;
        const offset = !isAny(pa) ? pa - provider.physical : da === FW_RSC_ADDR_ANY ? -1 : da - base;
        if (offset < 0 || offset + len > size) continue;
        const mapping = ioremap(rproc, provider.physical + offset, len, provider.mapping === 'strict');
        const grant: AllocGrant = {
          va: mapping.address,
          dma: provider.physical + offset,
          da: base + offset,
          free() {
            given.splice(
              given.findIndex((one) => one.grant === grant),
              1,
            );
            mapping.unmap();
          },
        };
        given.push({ da: grant.da, len, grant });
        return grant;
      }
      return undefined;
    },
    // Any place in any bank, so that what lies over what is never looked at.
    daToVa(rproc, da, len) {
      for (const { provider, da: base, len: size } of regions()) {
        if (provider.kind !== 'ioremap' || base === undefined) continue;
        const offset = Number(da) - base;
        if (offset < 0 || offset + len > size) continue;
        const mapping = ioremap(rproc, provider.physical + offset, len, false);
        mapping.unmap();
        return { va: mapping.address, isIomem: false };
      }
      return undefined;
    },
  };
}

/** Adds a processor. @returns it, and what takes it away again @throws Errno EINVAL */
export function addPlatformRproc(description: PlatformRprocDescription): { readonly rproc: Rproc; readonly remove: () => Kernel<void> } {
  const driver = new PlatformDriver(description);
  const own = description.policy === 'alloc-op' ? allocatorOf(description.regions) : {};
  const rproc = new Rproc({ elfClass: ELFCLASS32, ...description, ops: { ...own, ...driver.ops } });
  const freeIrqs = driver.listen(rproc);
  const removeRproc = addRproc(rproc, () => description.registers.writeReset(true));
  return {
    rproc,
    *remove() {
      yield* removeRproc();
      yield* freeIrqs();
    },
  };
}
