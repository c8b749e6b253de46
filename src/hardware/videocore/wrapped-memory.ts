/** Memory of the CPU's that the VPU has a handle of. */
import type { MemoryObject, MemoryRange, System } from '../../kernel/index.ts';
import { cachesOf, type DmaDevice, type PhysicalMemory } from '../../memory/index.ts';

/** A bus address without the two bits that choose the view. */
const ADDRESS_BITS = 0x3fffffff;

/** How the VPU reaches RAM: by physical address, whatever the CPU has mapped for it. */
export class CpuMemory {
  readonly #system: System;
  readonly #ram: PhysicalMemory;
  readonly #device: DmaDevice;
  /** Behind a translation unit, the VPU reaches only what is mapped for it. */
  readonly #isTranslated: boolean;

  constructor(system: System, ram: PhysicalMemory, device: DmaDevice, isTranslated: boolean) {
    this.#system = system;
    this.#ram = ram;
    this.#device = device;
    this.#isTranslated = isTranslated;
  }

  /** What stands behind a bus address now; to be compared with {@link isStill}. */
  behind(busAddress: number): MemoryObject | undefined {
    return this.#ram.resolve(busAddress & ADDRESS_BITS)?.memory;
  }

  /** Reports memory that the CPU has taken away from under a handle. @param use what the VPU was about to do */
  isStill(memory: MemoryObject | undefined, busAddress: number, use: string): boolean {
    if (memory !== undefined && this.behind(busAddress) === memory) return true;
    const where = `the memory at bus address 0x${busAddress.toString(16)}`;
    this.#system.findings.report('vcsm-freed-under-vpu', `${where} was freed or given to others before the VPU ${use}`);
    return false;
  }

  read(busAddress: number, length: number): Uint8Array {
    if (this.#isTranslated) return this.#device.read(busAddress, length);
    const bytes = new Uint8Array(length);
    this.#inPieces(busAddress, length, (range, done) =>
      cachesOf(this.#system).deviceRead(this.#device, range, bytes.subarray(done, done + range.length)),
    );
    return bytes;
  }

  write(busAddress: number, bytes: Uint8Array): void {
    if (this.#isTranslated) {
      this.#device.write(busAddress, bytes);
      return;
    }
    this.#inPieces(busAddress, bytes.length, (range, done) =>
      cachesOf(this.#system).deviceWrite(this.#device, range, bytes.subarray(done, done + range.length)),
    );
  }

  #inPieces(busAddress: number, length: number, use: (range: MemoryRange, done: number) => void): void {
    for (let done = 0; done < length; ) {
      const at = (busAddress & ADDRESS_BITS) + done;
      const range = this.#ram.resolve(at);
      if (range === undefined) return;
      const piece = { ...range, address: at, length: Math.min(range.length, length - done) };
      use(piece, done);
      done += piece.length;
    }
  }
}
