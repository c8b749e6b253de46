import type { PageRange, Tracked } from '../kernel/index.ts';

export type { PageRange } from '../kernel/index.ts';

import type { DmaDevice } from './dma-device.ts';
import type { DmaDirection } from './dma-direction.ts';

/** An entry of the DMA side of `struct sg_table`: what a device is told. */
export interface DmaSegment {
  readonly busAddress: number;
  /** In bytes. */
  readonly length: number;
}

/** Memory that a device may access, from dma_map_sgtable to dma_unmap_sgtable. Made by {@link DmaDevice.mapSg}. */
export class DmaMapping implements Tracked {
  readonly kind = 'dma-mapping';
  readonly device: DmaDevice;
  readonly pages: readonly PageRange[];
  readonly direction: DmaDirection;
  readonly segments: readonly DmaSegment[];
  isMapped = true;
  /** Told of each access of the device, before it. */
  onAccess: ((what: 'reads' | 'writes') => void) | undefined;

  constructor(device: DmaDevice, pages: readonly PageRange[], direction: DmaDirection, segments: readonly DmaSegment[]) {
    this.device = device;
    this.pages = pages;
    this.direction = direction;
    this.segments = segments;
  }

  describe(): string {
    const [first] = this.segments;
    const bytes = this.segments.reduce((sum, { length }) => sum + length, 0);
    return `DMA mapping of ${bytes} bytes at bus address 0x${first?.busAddress.toString(16)} for ${this.device.name}, ${this.direction}`;
  }
}
