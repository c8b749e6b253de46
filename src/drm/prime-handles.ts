import type { DmaBuf } from '../dma-buf/index.ts';
import { Mutex } from '../kernel/index.ts';

/**
 * Which of a client's handles have a dma-buf, as `struct drm_prime_file_private`: a buffer that comes back as a descriptor gets the
 * handle that it had. Holds a reference to the buffer for each.
 */
export class PrimeHandles {
  /** Held while a handle is given or looked for, which may wait. */
  readonly lock = new Mutex('the imports of a client');
  readonly #byHandle = new Map<number, DmaBuf<any>>();

  /** drm_prime_lookup_buf_by_handle. Without a reference. */
  bufferOf(handle: number): DmaBuf<any> | undefined {
    return this.#byHandle.get(handle);
  }

  /** drm_prime_lookup_buf_handle. */
  handleOf(dmabuf: DmaBuf<any>): number | undefined {
    for (const [handle, known] of this.#byHandle) if (known === dmabuf) return handle;
    return undefined;
  }

  /** drm_prime_add_buf_handle. */
  add(handle: number, dmabuf: DmaBuf<any>): void {
    this.#byHandle.set(handle, dmabuf.get());
  }

  /** drm_prime_remove_buf_handle. */
  remove(handle: number): void {
    const dmabuf = this.#byHandle.get(handle);
    this.#byHandle.delete(handle);
    dmabuf?.put();
  }
}
