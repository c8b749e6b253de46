/** A driver of MMAL components that gives them buffers without copies: section 16 of docs/reference/vc-sm-cma.md. */
import { Errno } from '../../abi/index.ts';
import type { DmaBuf } from '../../dma-buf/index.ts';
import type { Kernel, System } from '../../kernel/index.ts';
import type { MmalPort } from '../../ports/videocore/index.ts';
import type { LocalHandle } from './buffer.ts';
import { VCSM_DEFECTS } from './defects.ts';
import type { VcSmCma } from './vc-sm-cma.ts';

/** A buffer of a client's queue. */
export interface ZeroCopyFrame {
  /** With a reference of the queue's. */
  readonly dmabuf: DmaBuf<any>;
  /** From its first submit until it is cleaned up. */
  handle: LocalHandle | undefined;
  vcHandle: number;
}

export class ZeroCopyPort {
  readonly #system: System;
  readonly #driver: VcSmCma;
  readonly #port: MmalPort;
  /** Buffers that the firmware has. */
  pending = 0;

  constructor(system: System, driver: VcSmCma, port: MmalPort) {
    this.#system = system;
    this.#driver = driver;
    this.#port = port;
    port.onReturned = () => {
      this.pending--;
    };
  }

  /** Puts a buffer into the queue, which keeps a reference. */
  frame(dmabuf: DmaBuf<any>): ZeroCopyFrame {
    return { dmabuf: dmabuf.get(), handle: undefined, vcHandle: 0 };
  }

  /** @throws Errno of the import; ENOMEM when the VPU does not have the buffer; ENXIO when the component takes nothing */
  *submit(frame: ZeroCopyFrame): Kernel<void> {
    if (frame.handle === undefined) {
      const handle = yield* this.#driver.importDmaBuf(frame.dmabuf);
      const vcHandle = this.#driver.intHandle(handle);
      if (vcHandle === 0) {
        this.#driver.free(handle);
        // What is returned there is the result of the import, which went well.
        if (this.#system.findings.recreates(VCSM_DEFECTS.Q30)) return;
        throw new Errno('ENOMEM', 'the VPU has let go of the buffer already');
      }
      Object.assign(frame, { handle, vcHandle });
    }
    if (this.#port.submit({ data: frame.vcHandle, length: 0, isZeroCopy: true }) !== 0)
      throw new Errno('ENXIO', 'the component does not take the buffer');
    this.pending++;
  }

  /** The buffer leaves the queue. The firmware may have it still. */
  cleanUp(frame: ZeroCopyFrame): void {
    if (frame.handle !== undefined) this.#driver.free(frame.handle);
    frame.handle = undefined;
    frame.dmabuf.put();
  }
}
