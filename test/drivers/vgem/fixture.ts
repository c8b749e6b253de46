import {
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_SYNC_WRITE,
  DRM_IOCTL_MODE_CREATE_DUMB,
  DRM_IOCTL_PRIME_HANDLE_TO_FD,
  DRM_IOCTL_VGEM_FENCE_ATTACH,
  O_RDWR,
  SYNC_IOC_FILE_INFO,
} from '../../../src/abi/uapi/index.ts';
import type { Sys } from '../../../src/doors/in-process/index.ts';
import { test as bufferTest } from '../../dma-buf/fixture.ts';

export { describe, expect } from 'vitest';
export { ask, shown } from '../../dma-buf/fixture.ts';

/** A buffer of the card, of one page. */
export interface CardBuffer {
  readonly handle: number;
  /** Its dma-buf. */
  readonly fd: number;
}

/** What a program does with the card. */
export class Card {
  readonly fd: number;
  readonly #sys: Sys<'sync'>;

  constructor(sys: Sys<'sync'>, path = '/dev/dri/card0') {
    this.#sys = sys;
    this.fd = sys.open(path, O_RDWR);
  }

  buffer(): CardBuffer {
    const { handle } = this.#sys.ioctl(this.fd, DRM_IOCTL_MODE_CREATE_DUMB, { width: 1024, height: 1, bpp: 32 });
    return { handle, fd: this.#sys.ioctl(this.fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, { handle, flags: O_RDWR }).fd };
  }

  attach({ handle }: CardBuffer, flags = 0): number {
    return this.#sys.ioctl(this.fd, DRM_IOCTL_VGEM_FENCE_ATTACH, { handle, flags }).out_fence;
  }
}

/** A sync file of all fences of a buffer. */
export const syncFileOf = (sys: Sys<'sync'>, { fd }: CardBuffer) =>
  sys.ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags: DMA_BUF_SYNC_WRITE }).fd;

export const statusOf = (sys: Sys<'sync'>, fd: number) => sys.ioctl(fd, SYNC_IOC_FILE_INFO, {}).status;

/** Tests on a PC, with its card open. */
export const test = bufferTest.extend<{ card: Card }>({
  card: async ({ sys }, use) => {
    await use(new Card(sys));
  },
});
