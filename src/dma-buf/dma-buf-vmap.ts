import { Errno } from '../abi/index.ts';
import { finish, type Kernel } from '../kernel/index.ts';
import type { KernelMapping } from '../memory/index.ts';
import type { DmaBuf } from './dma-buf.ts';
import { dmaBufs } from './dma-buf-inode.ts';

/** The kernel's mapping of a buffer: made for the first who asks, shared, and gone with the last. */
export class Vmap {
  readonly #dmabuf: DmaBuf<any>;
  #mapping: KernelMapping | undefined;
  #count = 0;

  constructor(dmabuf: DmaBuf<any>) {
    this.#dmabuf = dmabuf;
  }

  /** @throws Errno EINVAL when the exporter cannot; what it says, which is also a finding the first time */
  *map(): Kernel<KernelMapping> {
    const dmabuf = this.#dmabuf;
    dmabuf.assertLocked('vmap');
    const { vmap } = dmabuf.ops;
    if (vmap === undefined) throw new Errno('EINVAL', `${dmabuf.exporterName} buffers cannot be mapped by the kernel`);
    if (this.#mapping === undefined) {
      try {
        this.#mapping = yield* finish(vmap(dmabuf));
      } catch (error) {
        this.#warnOnce(error);
        throw error;
      }
    }
    this.#count++;
    return this.#mapping;
  }

  *unmap(mapping: KernelMapping): Kernel<void> {
    const dmabuf = this.#dmabuf;
    dmabuf.assertLocked('vunmap');
    if (this.#mapping !== mapping) {
      const what = this.#mapping === undefined ? 'which is not mapped' : 'with a mapping that is not its own';
      dmabuf.system.findings.report('dma-buf-vunmap', `vunmap of ${dmabuf.describe()}, ${what}`);
      return;
    }
    if (--this.#count > 0) return;
    yield* finish(dmabuf.ops.vunmap?.(dmabuf, mapping));
    this.#mapping = undefined;
  }

  /** At the buffer's release. */
  assertGone(): void {
    const { system } = this.#dmabuf;
    if (this.#count > 0)
      system.findings.report('dma-buf-released-vmapped', `${this.#dmabuf.describe()} was released while mapped by the kernel`);
  }

  #warnOnce(error: unknown): void {
    const dmabuf = this.#dmabuf;
    const all = dmaBufs(dmabuf.system);
    if (all.vmapHasFailed) return;
    all.vmapHasFailed = true;
    dmabuf.system.findings.report('dma-buf-vmap-failed', `vmap of ${dmabuf.describe()}: ${(error as Error).message}`);
  }
}
