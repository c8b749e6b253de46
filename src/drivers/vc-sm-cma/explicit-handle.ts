/** What the local side holds of an import without a second dma-buf: design B of section 17.2 of docs/reference/vc-sm-cma.md. */
import { O_RDWR } from '../../abi/uapi/index.ts';
import type { File, Kernel, System } from '../../kernel/index.ts';
import type { LocalHandle, VcSmBuffer } from './buffer.ts';

/** Ends the local use when its last reference goes. It shows no memory: programs map the source. */
export class ExplicitHandle implements LocalHandle {
  readonly buffer: VcSmBuffer;
  readonly file: File<ExplicitHandle>;

  /** @throws Errno ENFILE, ENOMEM */
  constructor(system: System, buffer: VcSmBuffer, released: (buffer: VcSmBuffer) => Kernel<void>) {
    this.buffer = buffer;
    this.file = system.anonymous.open<ExplicitHandle>('[vcsm-cma]', { release: () => released(buffer) }, this, O_RDWR);
  }

  put(): void {
    this.file.put();
  }

  describe(): string {
    return `handle of '${this.buffer.name}', ${this.buffer.size} bytes`;
  }
}
