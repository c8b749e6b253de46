import { Errno } from '../abi/index.ts';
import { O_ACCMODE, O_NONBLOCK, PAGE_SIZE } from '../abi/uapi/index.ts';
import {
  File,
  finish,
  isKernel,
  type Kernel,
  type MaybeKernel,
  type System,
  type Task,
  type Tracked,
  type Vma,
  WaitQueue,
} from '../kernel/index.ts';
import type { DmaDevice, DmaDirection, KernelMapping } from '../memory/index.ts';
import type { CoherencyMode } from './coherency-mode.ts';
import { CpuAccessBalance } from './cpu-access-balance.ts';
import { type CpuView, cpuViewOf } from './cpu-view.ts';
import { attach, DmaBufAttachment, detach } from './dma-buf-attachment.ts';
import { dmaBufOperations } from './dma-buf-file.ts';
import { DmaBufInode, dmaBufs } from './dma-buf-inode.ts';
import type { DmaBufAttachOps, DmaBufExportInfo, DmaBufOps } from './dma-buf-ops.ts';
import { Vmap } from './dma-buf-vmap.ts';
import type { DmaFenceCallback } from './dma-fence.ts';
import { DmaResv } from './dma-resv.ts';
import { usageToWaitFor } from './dma-resv-usage.ts';
import { addStatistics, removeStatistics } from './sysfs-statistics.ts';

/** One of the two callbacks by which polls wait for the fences of a buffer. */
export interface PollSlot {
  /** Set while the callback waits on a fence; it holds a reference to the file then. */
  callback: DmaFenceCallback | undefined;
}

/** Every buffer of a machine, newest first. */
export function liveDmaBufs(system: System): readonly DmaBuf<any>[] {
  return dmaBufs(system).live;
}

/** A buffer that devices and programs share, as `struct dma_buf`. Its life is that of its file. */
export class DmaBuf<P = unknown> implements Tracked {
  readonly kind = 'buffer';
  readonly system: System;
  readonly exporterName: string;
  readonly ops: DmaBufOps<P>;
  readonly size: number;
  readonly private: P;
  readonly resv: DmaResv;
  /** What the exporter states of accesses by the CPU and by devices. */
  readonly coherency: CoherencyMode;
  readonly file: File<DmaBuf<P>>;
  /** Set by the user; undefined until then, and possibly empty. One character is one byte. */
  name: string | undefined;
  readonly polled: WaitQueue;
  readonly pollIn: PollSlot = { callback: undefined };
  readonly pollOut: PollSlot = { callback: undefined };
  readonly #ownsResv: boolean;
  /** Where caches are not coherent. */
  readonly cpuView: CpuView | undefined;
  readonly #balance: CpuAccessBalance | undefined;
  /** Newest first. Changed under the reservation lock. */
  readonly #attachments: DmaBufAttachment<any>[] = [];
  readonly #vmap = new Vmap(this);

  /**
   * dma_buf_export. The caller owns the one reference to the file.
   *
   * @throws Errno EINVAL for operations that do not go together, which is also a finding; ENOMEM, ENFILE
   */
  constructor(system: System, info: DmaBufExportInfo<P>) {
    checkOperations(system, info);
    system.kmalloc('struct dma_buf');
    const all = dmaBufs(system);
    this.system = system;
    this.exporterName = info.exporterName;
    this.ops = info.ops;
    this.size = info.size;
    this.private = info.private;
    this.coherency = info.coherency ?? 'default';
    this.cpuView = cpuViewOf(system, info.memory === undefined ? (info.shows ?? []) : [info.memory]);
    const inode = new DmaBufInode(all, all.takeIno(), info.size, system.scheduler.current);
    const label = `dma-buf ${inode.ino} (${info.exporterName})`;
    this.polled = new WaitQueue(`the fences of ${label}`);
    this.#ownsResv = info.resv === undefined;
    this.resv = info.resv ?? new DmaResv(system, label);
    this.file = new File<DmaBuf<P>>(system, {
      ops: dmaBufOperations,
      inode,
      flags: info.flags & (O_ACCMODE | O_NONBLOCK),
      private: this,
      path: () => `/dmabuf:${this.name ?? ''}`,
      ...(info.memory === undefined ? {} : { memory: info.memory }),
    });
    this.#balance = system.checksCpuAccess ? new CpuAccessBalance(system, this) : undefined;
    all.add(this);
    system.ledger.add(this);
    addStatistics(this);
    this.cpuView?.named(() => this.describe());
    system.history?.note(this, 'was exported');
  }

  /** get_dma_buf. */
  get(): this {
    this.file.get();
    return this;
  }

  /** dma_buf_put. */
  put(): void {
    this.file.put();
  }

  /** Newest first. */
  get attachments(): readonly DmaBufAttachment<any>[] {
    return this.#attachments;
  }

  /**
   * dma_buf_attach, by a static importer: without the reservation lock. The importer must hold the buffer as long as the attachment.
   *
   * @throws Errno EBUSY and others of the exporter; of a dynamic exporter also what mapping can say
   */
  attach(device: DmaDevice): Kernel<DmaBufAttachment<undefined>> {
    return attach(this.#attachments, new DmaBufAttachment<undefined>(this, device, undefined, undefined));
  }

  /** dma_buf_dynamic_attach: the same by an importer that learns when the memory moves. */
  dynamicAttach<I>(device: DmaDevice, ops: DmaBufAttachOps<I>, importerPrivate: I): Kernel<DmaBufAttachment<I>> {
    return attach(this.#attachments, new DmaBufAttachment<I>(this, device, ops, importerPrivate));
  }

  /** dma_buf_detach, without the reservation lock; everything must be unmapped. */
  detach(attachment: DmaBufAttachment<any>): Kernel<void> {
    return detach(this.#attachments, attachment);
  }

  /** dma_buf_move_notify: the exporter tells dynamic importers that the memory moves. Under the reservation lock. */
  *moveNotify(): Kernel<void> {
    this.assertLocked('move_notify');
    for (const attachment of this.#attachments) yield* finish(attachment.importerOps?.moveNotify(attachment));
  }

  /** dma_buf_vmap, under the reservation lock: the buffer as kernel code sees it. @throws Errno EINVAL without such an operation */
  vmap(): Kernel<KernelMapping> {
    return this.#vmap.map();
  }

  /** dma_buf_vunmap, under the reservation lock: once for each {@link vmap}, with what it gave. */
  vunmap(mapping: KernelMapping): Kernel<void> {
    return this.#vmap.unmap(mapping);
  }

  /** dma_buf_vmap_unlocked: takes the lock itself. */
  vmapUnlocked(): Kernel<KernelMapping> {
    return this.underLock('vmap_unlocked', () => this.vmap());
  }

  /** dma_buf_vunmap_unlocked. */
  vunmapUnlocked(mapping: KernelMapping): Kernel<void> {
    return this.underLock('vunmap_unlocked', () => this.vunmap(mapping));
  }

  /** dma_buf_begin_cpu_access: the exporter first, then the fences. @throws Errno what the exporter says, ERESTARTSYS */
  beginCpuAccess(direction: DmaDirection): MaybeKernel<number> {
    this.system.history?.note(this, `CPU access began, ${direction}`);
    this.assertNotLocked('begin_cpu_access');
    const begun = this.ops.beginCpuAccess?.(this, direction);
    const usage = usageToWaitFor(direction !== 'from-device');
    if (!isKernel(begun as MaybeKernel<void>) && this.resv.testSignaled(usage)) {
      this.#balance?.began();
      this.cpuView?.begun(direction);
      return 0;
    }
    return this.#waitAfter(begun, usage, direction);
  }

  *#waitAfter(begun: MaybeKernel<void>, usage: 0 | 1 | 2 | 3, direction: DmaDirection): Kernel<number> {
    yield* finish(begun);
    this.cpuView?.begun(direction);
    yield* this.resv.wait(usage);
    this.#balance?.began();
    return 0;
  }

  /** dma_buf_end_cpu_access. @throws Errno what the exporter says */
  endCpuAccess(direction: DmaDirection): MaybeKernel<number> {
    this.system.history?.note(this, `CPU access ended, ${direction}`);
    this.#balance?.ended();
    this.assertNotLocked('end_cpu_access');
    this.cpuView?.ended(direction);
    const ended = this.ops.endCpuAccess?.(this, direction);
    return isKernel(ended as MaybeKernel<void>) ? this.#ended(ended as Kernel<void>) : 0;
  }

  *#ended(ended: Kernel<void>): Kernel<number> {
    yield* ended;
    return 0;
  }

  /** @throws Errno EINVAL when the exporter cannot map or the range reaches beyond the buffer; what the exporter says */
  mmap(vma: Vma): MaybeKernel<void> {
    if (this.ops.mmap === undefined) throw new Errno('EINVAL', `${this.exporterName} buffers cannot be mapped`);
    const pages = Math.floor(this.size / PAGE_SIZE);
    // An offset with the top bit set counts as the huge number that it is.
    if (vma.offset < 0 || vma.offset / PAGE_SIZE + vma.length / PAGE_SIZE > pages) {
      throw new Errno('EINVAL', `offset ${vma.offset} and length ${vma.length} reach beyond the ${pages} pages of the buffer`);
    }
    if (this.cpuView !== undefined) this.cpuView.isMapped = true;
    this.system.history?.note(this, 'was mapped by a program');
    return this.ops.mmap(this, vma);
  }

  /** dma_buf_file_release: the file's last reference is gone. Somebody may still have a path to it. */
  leaveList(): void {
    dmaBufs(this.system).remove(this);
  }

  /** dma_buf_release: nothing leads to the file any more. */
  release(): MaybeKernel<void> {
    removeStatistics(this);
    this.system.ledger.remove(this);
    this.#balance?.released();
    this.#vmap.assertGone();
    this.cpuView?.retired();
    const released = this.ops.release(this);
    if (isKernel(released as MaybeKernel<void>)) return this.#finishAfter(released as Kernel<void>);
    this.#finish();
  }

  *#finishAfter(released: Kernel<void>): Kernel<void> {
    yield* released;
    this.#finish();
  }

  #finish(): void {
    if (this.#ownsResv) this.resv.finish();
    for (const { device, mapped } of this.#attachments) {
      const use = mapped > 0 ? ', which has it mapped' : '';
      this.system.findings.report(
        'dma-buf-released-attached',
        `${this.describe()} was released while attached to ${device.name}${use}`,
        this,
      );
    }
  }

  /** Runs code with the reservation lock held. @param what the caller was about to do, who must not hold it already */
  *underLock<T>(what: string, work: () => Kernel<T>): Kernel<T> {
    this.assertNotLocked(what);
    yield* this.resv.lock.lock();
    try {
      return yield* work();
    } finally {
      this.resv.unlock();
    }
  }

  /** dma_resv_assert_held. @param what the caller was about to do */
  assertLocked(what: string): void {
    if (!this.resv.lock.isHeldByCaller)
      this.system.findings.report('dma-buf-not-locked', `${what} of ${this.describe()} without its reservation lock`);
  }

  /** might_lock. @param what the caller was about to do */
  assertNotLocked(what: string): void {
    if (this.resv.lock.isHeldByCaller)
      this.system.findings.report('dma-buf-locked', `${what} of ${this.describe()} by somebody who holds its reservation lock`);
  }

  describe(): string {
    return `dma-buf ${this.file.inode.ino} (${this.exporterName}${this.name === undefined ? '' : `, "${this.name}"`}), ${this.size} bytes`;
  }
}

/** @throws Errno EINVAL, and WARNs */
function checkOperations(system: System, { exporterName, ops }: DmaBufExportInfo<any>): void {
  const { pin, unpin, cacheSgtMapping } = ops;
  const isHalfDynamic = (pin === undefined) !== (unpin === undefined);
  if (!isHalfDynamic && (cacheSgtMapping !== true || pin === undefined)) return;
  const why = isHalfDynamic ? 'one of pin and unpin without the other' : 'mappings that are kept, of memory that may move';
  system.findings.report('dma-buf-operations', `${exporterName} exports with ${why}`);
  throw new Errno('EINVAL', why);
}

/** dma_buf_fd: the reference to the file becomes the descriptor's. @throws Errno EMFILE; the reference stays the caller's then */
export function dmaBufFd(dmabuf: DmaBuf<any>, closeOnExec: boolean, task: Task): Kernel<number> {
  return task.files.install(dmabuf.file, closeOnExec);
}

/** dma_buf_get: the buffer of a descriptor, with a reference. @throws Errno EBADF, EINVAL for another kind of file */
export function* dmaBufGet(fd: number, task: Task): Kernel<DmaBuf<any>> {
  const file = yield* task.files.get(fd);
  if (file.ops === dmaBufOperations) return file.private as DmaBuf<any>;
  file.put();
  throw new Errno('EINVAL', `descriptor ${fd} is not a dma-buf`);
}
