/** Virtio devices of resource tables: the platform device `rproc-virtio` and its driver. Section 6 of docs/reference/remoteproc.md. */
import { Errno, isErrno } from '../../abi/index.ts';
import { PAGE_SIZE } from '../../abi/uapi/index.ts';
import { addPlatformDevice, type Device, type LogLine, platformBus, type System } from '../../kernel/index.ts';
import type { CoherentPool } from '../../memory/index.ts';
import { FW_RSC_ADDR_ANY, fw_rsc_vdev, fw_rsc_vdev_vring, VRING_NOTIFYID } from '../../ports/remoteproc/index.ts';
import { splitRingSize, type VirtioDevice, type Virtqueue } from '../../virtio/index.ts';
import { addCarveout, findCarveout } from './carveouts.ts';
import { checkCarveoutDa, type MemEntry } from './mem-entry.ts';
import type { Rproc } from './rproc.ts';
import { vdevSubdevice } from './vdev-subdevice.ts';

/** What the table's entry says, as the core passes it on. */
export interface VdevData {
  /** VIRTIO_ID_. */
  readonly id: number;
  /** N of `vdevNvring0`. */
  readonly index: number;
  /** Where the entry's body is in the table. */
  readonly rscOffset: number;
}

interface PlatformData {
  readonly rproc: Rproc;
  readonly data: VdevData;
}

/** `struct rproc_vring`. */
export interface Vring {
  readonly vdev: Rvdev;
  readonly index: number;
  readonly num: number;
  readonly align: number;
  /** Where this vring is in the table. */
  readonly offset: number;
  notifyid: number;
  /** The region that it was tied to. */
  entry: MemEntry | undefined;
  queue: Virtqueue | undefined;
}

/** `struct rproc_vdev`. */
export class Rvdev {
  readonly rproc: Rproc;
  readonly id: number;
  readonly index: number;
  readonly rscOffset: number;
  readonly vrings: Vring[] = [];
  /** rproc-virtio.N.auto. */
  readonly device: Device;
  /** From which it allocates; undefined: as the parent does. */
  pool: CoherentPool | undefined;
  virtio: VirtioDevice | undefined;
  removeSubdevice: (() => void) | undefined;

  constructor(rproc: Rproc, { id, index, rscOffset }: VdevData, device: Device) {
    this.rproc = rproc;
    this.id = id;
    this.index = index;
    this.rscOffset = rscOffset;
    this.device = device;
  }

  /** dev_err of the platform device. */
  print(level: LogLine['level'], text: string): void {
    this.rproc.system.log.print(level, `rproc-virtio ${this.device.name}: ${text}`);
  }
}

/** rproc_parse_vring. @throws Errno EINVAL */
function parseVring(vdev: Rvdev, view: DataView, index: number): Vring {
  const offset = vdev.rscOffset + fw_rsc_vdev.size + index * fw_rsc_vdev_vring.size;
  const { num, align } = fw_rsc_vdev_vring.decode(view, offset);
  if (num === 0 || align === 0) {
    const text = `invalid qsz (${num}) or alignment (${align})`;
    vdev.rproc.print('err', text);
    throw new Errno('EINVAL', text);
  }
  return { vdev, index, num, align, offset, notifyid: -1, entry: undefined, queue: undefined };
}

/** rproc_alloc_vring: finds or makes its region, and gives it a number. @throws Errno ENOMEM */
function allocVring(vring: Vring): void {
  const { vdev, index, num, align, offset } = vring;
  const { rproc } = vdev;
  const len = Math.ceil(splitRingSize(num, align) / PAGE_SIZE) * PAGE_SIZE;
  const view = tableView(rproc);
  const { da, pa } = fw_rsc_vdev_vring.decode(view, offset);
  const request = { kind: 'vring', name: `vdev${vdev.index}vring${index}`, da, pa, len } as const;
  let entry = rproc.policy.match(rproc, request);
  if (entry !== undefined) {
    try {
      checkCarveoutDa(entry, da, len, (text) => rproc.print('err', text));
    } catch (error) {
      throw new Errno('ENOMEM', (error as Error).message);
    }
    entry.requested = { da, len };
  } else {
    rproc.system.kmalloc('struct rproc_mem_entry');
    entry = rproc.policy.entryFor(rproc, request);
    addCarveout(rproc, entry);
  }
  vring.entry = entry;
  vring.notifyid = rproc.notifyids.allocate(vring);
  rproc.maxNotifyid = Math.max(rproc.maxNotifyid, vring.notifyid);
  view.setUint32(offset + VRING_NOTIFYID, vring.notifyid, true);
}

/** rproc_free_vring. */
function freeVring({ vdev, notifyid, offset }: Vring): void {
  const { rproc } = vdev;
  if (notifyid < 0) return;
  rproc.notifyids.remove(notifyid);
  const view = rproc.tablePtr?.view();
  if (view === undefined) return;
  fw_rsc_vdev_vring.assign(view, offset, { da: 0, notifyid: FW_RSC_ADDR_ANY });
}

function tableView(rproc: Rproc): DataView {
  const view = rproc.tablePtr?.view();
  if (view === undefined) throw new Errno('EINVAL', 'the resource table is gone');
  return view;
}

/** rproc_virtio_probe. What it throws stays in the bus: the boot goes on without the device. */
function probe(device: Device): void {
  const { rproc, data } = device.platformData as PlatformData;
  const vdev = new Rvdev(rproc, data, device);
  device.driverData = vdev;
  const view = tableView(rproc);
  const { num_of_vrings } = fw_rsc_vdev.decode(view, vdev.rscOffset);
  const made: Vring[] = [];
  try {
    for (let i = 0; i < num_of_vrings; i++) vdev.vrings.push(parseVring(vdev, view, i));
    for (const vring of vdev.vrings) {
      allocVring(vring);
      made.push(vring);
    }
  } catch (error) {
    for (const vring of made.reverse()) freeVring(vring);
    throw error;
  }
  rproc.rvdevs.push(vdev);
  vdev.removeSubdevice = rproc.addSubdevice(vdevSubdevice(vdev));
}

/** rproc_virtio_remove: it takes both vrings to be there. Here only those that were declared go. */
function remove(device: Device): void {
  const vdev = device.driverData as Rvdev;
  const { rproc } = vdev;
  for (const vring of vdev.vrings) freeVring(vring);
  vdev.removeSubdevice?.();
  rproc.rvdevs.splice(rproc.rvdevs.indexOf(vdev), 1);
  vdev.pool = undefined;
}

const makeDriver = (system: System) => platformBus(system).addDriver({ name: 'rproc-virtio', probe, remove });

/**
 * platform_device_register_data: the driver has probed it when this returns, or refused it. A refused device stays on the platform bus
 * for good, for nobody knows it any more.
 */
export function addVdevDevice(rproc: Rproc, data: VdevData): void {
  rproc.system.single(makeDriver);
  try {
    addPlatformDevice(rproc.system, {
      name: 'rproc-virtio',
      id: 'auto',
      parent: rproc.device,
      platformData: { rproc, data } satisfies PlatformData,
    });
  } catch (error) {
    if (isErrno(error)) rproc.print('err', 'failed to create rproc-virtio device');
    throw error;
  }
}

/** platform_device_unregister of all that the driver serves. */
export function removeVdevs(rproc: Rproc): void {
  for (const { device } of [...rproc.rvdevs]) device.unregister();
}

/** The region of a ring: by name, as rproc_virtio finds it, unless the policy ties it to another. */
export function ringRegion(vring: Vring): MemEntry | undefined {
  const { vdev, index, entry } = vring;
  return vdev.rproc.policy.tiesVrings ? entry : findCarveout(vdev.rproc, `vdev${vdev.index}vring${index}`);
}
