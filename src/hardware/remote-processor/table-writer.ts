/** Writes resource tables. Section 2 of docs/reference/remoteproc.md. */
import {
  FW_RSC_ADDR_ANY,
  fw_rsc_carveout,
  fw_rsc_devmem,
  fw_rsc_hdr,
  fw_rsc_trace,
  fw_rsc_vdev,
  fw_rsc_vdev_vring,
  RSC_CARVEOUT,
  RSC_DEVMEM,
  RSC_TRACE,
  RSC_VDEV,
  resource_table,
} from '../../ports/remoteproc/index.ts';

/** Addresses that are left out are for the host to choose. */
export interface VringRequest {
  readonly da?: number;
  readonly align?: number;
  readonly num?: number;
  readonly pa?: number;
}

export type TableEntry =
  | {
      readonly type: 'carveout';
      readonly name: string;
      readonly da?: number;
      readonly pa?: number;
      readonly len: number;
      readonly flags?: number;
      readonly reserved?: number;
    }
  | {
      readonly type: 'devmem';
      readonly name: string;
      readonly da: number;
      readonly pa: number;
      readonly len: number;
      readonly flags?: number;
      readonly reserved?: number;
    }
  | { readonly type: 'trace'; readonly name: string; readonly da: number; readonly len: number; readonly reserved?: number }
  | {
      readonly type: 'vdev';
      readonly id: number;
      readonly dfeatures?: number;
      readonly config?: Uint8Array;
      readonly vrings: readonly VringRequest[];
      readonly reserved?: readonly number[];
    }
  /** Anything else, byte for byte after its type. */
  | { readonly type: number; readonly body: Uint8Array };

const ANY = FW_RSC_ADDR_ANY;

function bodyOf(entry: TableEntry): Uint8Array {
  if ('body' in entry) return entry.body;
  const make = (size: number, fill: (view: DataView, bytes: Uint8Array) => void) => {
    const bytes = new Uint8Array(size);
    fill(new DataView(bytes.buffer), bytes);
    return bytes;
  };
  switch (entry.type) {
    case 'carveout':
      return make(fw_rsc_carveout.size, (view) => fw_rsc_carveout.encode(view, 0, { da: ANY, pa: ANY, ...entry }));
    case 'devmem':
      return make(fw_rsc_devmem.size, (view) => fw_rsc_devmem.encode(view, 0, entry));
    case 'trace':
      return make(fw_rsc_trace.size, (view) => fw_rsc_trace.encode(view, 0, entry));
    case 'vdev': {
      const { id, dfeatures = 0, config = new Uint8Array(0), vrings, reserved = [0, 0] } = entry;
      const configAt = fw_rsc_vdev.size + vrings.length * fw_rsc_vdev_vring.size;
      return make(configAt + config.length, (view, bytes) => {
        fw_rsc_vdev.encode(view, 0, { id, dfeatures, config_len: config.length, num_of_vrings: vrings.length, reserved });
        for (const [index, vring] of vrings.entries())
          fw_rsc_vdev_vring.encode(view, fw_rsc_vdev.size + index * fw_rsc_vdev_vring.size, { da: ANY, align: 16, num: 16, ...vring });
        bytes.set(config, configAt);
      });
    }
  }
}

const TYPES = { carveout: RSC_CARVEOUT, devmem: RSC_DEVMEM, trace: RSC_TRACE, vdev: RSC_VDEV } as const;

/** @param ver 1 in a table that is right */
export function writeResourceTable(entries: readonly TableEntry[], ver = 1): Uint8Array {
  const bodies = entries.map(bodyOf);
  const offsets: number[] = [];
  let at = resource_table.size + 4 * entries.length;
  for (const body of bodies) {
    offsets.push(at);
    at += fw_rsc_hdr.size + body.length;
  }
  const out = new Uint8Array(at);
  const view = new DataView(out.buffer);
  resource_table.encode(view, 0, { ver, num: entries.length });
  for (const [index, entry] of entries.entries()) {
    const offset = offsets[index] as number;
    view.setUint32(resource_table.size + 4 * index, offset, true);
    fw_rsc_hdr.encode(view, offset, { type: typeof entry.type === 'number' ? entry.type : TYPES[entry.type] });
    out.set(bodies[index] as Uint8Array, offset + fw_rsc_hdr.size);
  }
  return out;
}
