import type { Decoded } from '../../abi/index.ts';
import {
  fw_rsc_carveout,
  fw_rsc_hdr,
  fw_rsc_vdev,
  fw_rsc_vdev_vring,
  RSC_CARVEOUT,
  RSC_VDEV,
  resource_table,
  VDEV_STATUS,
} from '../../ports/remoteproc/index.ts';
import type { RemoteBus } from './bus.ts';

/** A virtio device as its firmware finds it in the table. */
export interface VdevView extends Decoded<typeof fw_rsc_vdev> {
  /** Device address of its entry's body. */
  readonly at: number;
  readonly vrings: readonly Decoded<typeof fw_rsc_vdev_vring>[];
}

/** Firmware's own look at its resource table, in its memory: what the host wrote there is news to it. */
export class FirmwareTable {
  readonly #bus: RemoteBus;
  readonly #address: number;
  readonly #length: number;

  constructor(bus: RemoteBus, address: number, length: number) {
    this.#bus = bus;
    this.#address = address;
    this.#length = length;
  }

  /** The first virtio device of an id, as it is now. */
  vdev(id: number): VdevView | undefined {
    for (const { type, offset, view } of this.#entries()) {
      if (type !== RSC_VDEV) continue;
      const vdev = fw_rsc_vdev.decode(view, offset);
      if (vdev.id !== id) continue;
      const first = offset + fw_rsc_vdev.size;
      const vrings = Array.from({ length: vdev.num_of_vrings }, (_, index) =>
        fw_rsc_vdev_vring.decode(view, first + index * fw_rsc_vdev_vring.size),
      );
      return { ...vdev, at: this.#address + offset, vrings };
    }
    return undefined;
  }

  /** The status byte alone. */
  status({ at }: VdevView): number {
    return this.#bus.read(at + VDEV_STATUS, 1)[0] as number;
  }

  /** What the host wrote of its carveouts, as it is now. */
  carveouts(): readonly Decoded<typeof fw_rsc_carveout>[] {
    const found: Decoded<typeof fw_rsc_carveout>[] = [];
    for (const { type, offset, view } of this.#entries()) if (type === RSC_CARVEOUT) found.push(fw_rsc_carveout.decode(view, offset));
    return found;
  }

  *#entries(): Generator<{ readonly type: number; readonly offset: number; readonly view: DataView }> {
    const bytes = this.#bus.read(this.#address, this.#length);
    const view = new DataView(bytes.buffer);
    const { num } = resource_table.decode(view, 0);
    for (let i = 0; i < num; i++) {
      const at = view.getUint32(resource_table.size + 4 * i, true);
      yield { type: fw_rsc_hdr.decode(view, at).type, offset: at + fw_rsc_hdr.size, view };
    }
  }
}
