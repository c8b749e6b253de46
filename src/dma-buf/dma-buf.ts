import { Errno } from '../abi/index.ts';
import { DMA_BUF_MAGIC, O_ACCMODE, O_NONBLOCK, PAGE_SIZE } from '../abi/uapi/index.ts';
import {
  File,
  type FileSystem,
  finish,
  Inode,
  isKernel,
  type Kernel,
  type MaybeKernel,
  type MemoryObject,
  type System,
  type Task,
  type Tracked,
  type Vma,
  WaitQueue,
} from '../kernel/index.ts';
import { addBufinfo } from './bufinfo.ts';
import { CpuAccessBalance } from './cpu-access-balance.ts';
import { dmaBufOperations } from './dma-buf-file.ts';
import type { DmaFenceCallback } from './dma-fence.ts';
import { DmaResv } from './dma-resv.ts';
import { usageToWaitFor } from './dma-resv-usage.ts';

/** Which way the CPU is about to move data, as `enum dma_data_direction`. */
export type DmaDirection = 'to-device' | 'from-device' | 'bidirectional';

/** What an exporter does, as `struct dma_buf_ops`. */
export interface DmaBufOps<P = unknown> {
  /** The last reference is gone. */
  readonly release: (dmabuf: DmaBuf<P>) => MaybeKernel<void>;
  readonly beginCpuAccess?: (dmabuf: DmaBuf<P>, direction: DmaDirection) => MaybeKernel<void>;
  readonly endCpuAccess?: (dmabuf: DmaBuf<P>, direction: DmaDirection) => MaybeKernel<void>;
  /** Fills in `vma.backing`. The range has been checked. */
  readonly mmap?: (dmabuf: DmaBuf<P>, vma: Vma) => MaybeKernel<void>;
}

/** What an exporter gives, as `struct dma_buf_export_info`. */
export interface DmaBufExportInfo<P> {
  readonly exporterName: string;
  readonly ops: DmaBufOps<P>;
  /** In bytes. */
  readonly size: number;
  /** Open flags: the access mode and O_NONBLOCK count. */
  readonly flags: number;
  readonly private: P;
  /** Fences to share with other buffers; one of its own when left out. */
  readonly resv?: DmaResv;
  /** Set when the buffer is exactly this memory, first byte to last: it can then be handed to native programs as it is. */
  readonly memory?: MemoryObject;
}

/** One of the two callbacks by which polls wait for the fences of a buffer. */
export interface PollSlot {
  /** Set while the callback waits on a fence; it holds a reference to the file then. */
  callback: DmaFenceCallback | undefined;
}

/** The buffers of a machine (drivers/dma-buf/dma-buf.c), newest first, and the file system that their inodes belong to. */
class DmaBufs implements FileSystem {
  readonly type = 'dmabuf';
  readonly magic = DMA_BUF_MAGIC;
  readonly dev = 13;
  readonly #system: System;
  /** In the order of export. */
  readonly #live = new Set<DmaBuf<any>>();
  #lastIno = 0;

  constructor(system: System) {
    this.#system = system;
    addBufinfo(system, () => this.live);
  }

  now() {
    return this.#system.realtime();
  }

  nextIno(): number {
    return ++this.#lastIno;
  }

  add(dmabuf: DmaBuf<any>): void {
    this.#live.add(dmabuf);
  }

  remove(dmabuf: DmaBuf<any>): void {
    this.#live.delete(dmabuf);
  }

  /** Newest first. */
  get live(): readonly DmaBuf<any>[] {
    return [...this.#live].reverse();
  }
}

const dmaBufs = (system: System) => new DmaBufs(system);

/** Every buffer of a machine, newest first. */
export function liveDmaBufs(system: System): readonly DmaBuf<any>[] {
  return system.single(dmaBufs).live;
}

class DmaBufInode extends Inode {
  readonly #size: number;

  constructor(fs: FileSystem, ino: number, size: number, task: Task | undefined) {
    super(fs, { ino, mode: 0o600, uid: task?.credentials.uid ?? 0, gid: task?.credentials.gid ?? 0 });
    this.#size = size;
  }

  override get size(): number {
    return this.#size;
  }
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
  readonly file: File<DmaBuf<P>>;
  /** Set by the user; undefined until then, and possibly empty. One character is one byte. */
  name: string | undefined;
  readonly polled: WaitQueue;
  readonly pollIn: PollSlot = { callback: undefined };
  readonly pollOut: PollSlot = { callback: undefined };
  readonly #ownsResv: boolean;
  readonly #balance: CpuAccessBalance | undefined;

  /** dma_buf_export. The caller owns the one reference to the file. @throws Errno ENOMEM, ENFILE */
  constructor(system: System, info: DmaBufExportInfo<P>) {
    const all = system.single(dmaBufs);
    system.kmalloc('struct dma_buf');
    this.system = system;
    this.exporterName = info.exporterName;
    this.ops = info.ops;
    this.size = info.size;
    this.private = info.private;
    const inode = new DmaBufInode(all, all.nextIno(), info.size, system.scheduler.current);
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

  /** dma_buf_begin_cpu_access: the exporter first, then the fences. @throws Errno what the exporter says, ERESTARTSYS */
  beginCpuAccess(direction: DmaDirection): MaybeKernel<number> {
    this.system.history?.note(this, `CPU access began, ${direction}`);
    const begun = this.ops.beginCpuAccess?.(this, direction);
    const usage = usageToWaitFor(direction !== 'from-device');
    if (!isKernel(begun as MaybeKernel<void>) && this.resv.testSignaled(usage)) {
      this.#balance?.began();
      return 0;
    }
    return this.#waitAfter(begun, usage);
  }

  *#waitAfter(begun: MaybeKernel<void>, usage: 0 | 1 | 2 | 3): Kernel<number> {
    yield* finish(begun);
    yield* this.resv.wait(usage);
    this.#balance?.began();
    return 0;
  }

  /** dma_buf_end_cpu_access. @throws Errno what the exporter says */
  endCpuAccess(direction: DmaDirection): MaybeKernel<number> {
    this.system.history?.note(this, `CPU access ended, ${direction}`);
    this.#balance?.ended();
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
    this.system.history?.note(this, 'was mapped by a program');
    return this.ops.mmap(this, vma);
  }

  /** The file's last reference is gone. */
  release(): MaybeKernel<void> {
    this.system.single(dmaBufs).remove(this);
    this.system.ledger.remove(this);
    this.#balance?.released();
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
  }

  describe(): string {
    return `dma-buf ${this.file.inode.ino} (${this.exporterName}${this.name === undefined ? '' : `, "${this.name}"`}), ${this.size} bytes`;
  }
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
