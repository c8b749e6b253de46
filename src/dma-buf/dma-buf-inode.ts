import { DMA_BUF_MAGIC } from '../abi/uapi/index.ts';
import { type FileSystem, Inode, MemoryFileSystem, type System, type Task } from '../kernel/index.ts';
import { addBufinfo } from './bufinfo.ts';
import type { DmaBuf } from './dma-buf.ts';

/** The buffers of a machine (drivers/dma-buf/dma-buf.c), newest first, and the file system that their inodes belong to. */
export class DmaBufs extends MemoryFileSystem {
  readonly type = 'dmabuf';
  readonly magic = DMA_BUF_MAGIC;
  /** What WARN_ON_ONCE has told of. */
  vmapHasFailed = false;
  /** In the order of export. */
  readonly #live = new Set<DmaBuf<any>>();

  constructor(system: System) {
    super(system, 11);
    addBufinfo(system, () => this.live);
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

const make = (system: System) => new DmaBufs(system);

export const dmaBufs = (system: System): DmaBufs => system.single(make);

export class DmaBufInode extends Inode {
  readonly #size: number;

  constructor(fs: FileSystem, ino: number, size: number, task: Task | undefined) {
    super(fs, { ino, mode: 0o600, uid: task?.credentials.uid ?? 0, gid: task?.credentials.gid ?? 0 });
    this.#size = size;
  }

  override get size(): number {
    return this.#size;
  }
}
