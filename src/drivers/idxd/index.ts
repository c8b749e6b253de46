/** idxd: Intel's Data Streaming Accelerator (8 to 11 of docs/reference/ims-dsa.md; drivers/dma/idxd). */
import { type Ims, imsAttributes, imsSizeAttribute } from '../../ims/index.ts';
import type { Irqs } from '../../irq/index.ts';
import { type CharacterRegion, type Device, Idr, type Kernel, type MemoryObject, type System, WaitQueue } from '../../kernel/index.ts';
import type { DsaPort } from '../../ports/dsa/index.ts';
import { reading } from './attributes.ts';
import { DsaBus } from './bus.ts';
import { IdxdDevice, type IdxdQueue } from './idxd-device.ts';
import { nodeOperations } from './node.ts';
import { Pasids } from './pasids.ts';
import { deviceAttributes } from './sysfs-device.ts';
import { engineAttributes, groupAttributes } from './sysfs-group.ts';
import { queueAttributes } from './sysfs-queue.ts';

export type { IdxdDevice, IdxdQueue } from './idxd-device.ts';

export interface DsaDescription {
  readonly port: DsaPort;
  readonly ims: Ims;
  /** Of its first interrupt: for all but completions. */
  readonly irq: number;
  /** The PCI function. */
  readonly parent: Device;
}

/** A work queue for programs. */
export interface QueueSetup {
  readonly mode: 'shared' | 'dedicated';
  /** Descriptors. */
  readonly size: number;
  /** How full programs may make a shared queue; its size when left out. */
  readonly threshold?: number;
  /** 1 to 15; 10 when left out. */
  readonly priority?: number;
  readonly blockOnFault?: boolean;
  /** As `name` in sysfs. */
  readonly name?: string;
}

const PAGE_SIZE = 4096;

/** /sys/module/idxd, by which accel-config knows that there is a driver. */
function showModule({ deviceModel }: System): void {
  const folder = deviceModel.modules.createDirectory('idxd');
  folder.createFile({ name: 'initstate', mode: 0o444, show: () => 'live\n' });
  folder.createFile({ name: 'refcnt', mode: 0o444, show: () => '0\n' });
  const parameters = folder.createDirectory('parameters');
  parameters.createFile({ name: 'sva', mode: 0o444, show: () => 'Y\n' });
  parameters.createFile({ name: 'tc_override', mode: 0o444, show: () => 'N\n' });
}

/** The driver, with all devices that it has. */
export class Idxd {
  readonly devices: IdxdDevice[] = [];
  readonly #system: System;
  readonly #irqs: Irqs;
  readonly #bus: DsaBus;
  readonly #region: CharacterRegion;
  readonly #pasids = new Pasids();
  readonly #files = new Idr<Device>(0);
  readonly #shown = new Map<IdxdDevice, Device>();
  readonly #removals: (() => Kernel<void>)[] = [];
  readonly #errors = new Map<IdxdQueue, WaitQueue>();
  readonly #page: MemoryObject;

  constructor(system: System, irqs: Irqs) {
    this.#system = system;
    this.#irqs = irqs;
    this.#region = system.devices.allocateRegion('dsa');
    this.#page = system.memory.allocate(PAGE_SIZE, 'portals of dsa');
    showModule(system);
    this.#bus = new DsaBus(system, { add: (queue) => this.#addNode(queue), remove: (queue) => queue.removeNode?.() });
  }

  /** idxd_pci_probe: the device comes up as it is after a reset, disabled and not configured. */
  addDevice({ port, ims, irq, parent }: DsaDescription): IdxdDevice {
    const { deviceModel } = this.#system;
    const { bus } = this.#bus;
    const device = new IdxdDevice({
      system: this.#system,
      id: this.devices.length,
      port,
      ims,
      pasids: this.#pasids,
      region: this.#region,
    });
    this.devices.push(device);
    const silence = device.mailbox.listen(this.#irqs, irq);
    device.mailbox.onError = (index) => {
      for (const queue of device.queues) if (index === undefined || queue.config.index === index) this.#errors.get(queue)?.wake();
    };
    const shown = deviceModel.register({
      name: device.name,
      parent,
      bus,
      groups: [{ attributes: [...deviceAttributes(device), imsSizeAttribute(ims)] }, { name: 'ims', attributes: imsAttributes(ims) }],
    });
    const inside = { parent: shown, bus };
    const parts = [
      ...device.queues.map((queue) => {
        queue.shown = deviceModel.register({ name: queue.name, ...inside, groups: [{ attributes: queueAttributes(queue) }] });
        this.#bus.know(queue.shown, { kind: 'queue', queue });
        return queue.shown;
      }),
      ...device.engines.map((engine) =>
        deviceModel.register({
          name: `engine${device.id}.${engine.index}`,
          ...inside,
          groups: [{ attributes: engineAttributes(device, engine) }],
        }),
      ),
      ...device.groups.map((group) =>
        deviceModel.register({
          name: `group${device.id}.${group.index}`,
          ...inside,
          groups: [{ attributes: groupAttributes(device, group) }],
        }),
      ),
    ];
    this.#bus.know(shown, { kind: 'device', device });
    this.#shown.set(device, shown);
    this.#removals.push(function* () {
      if (shown.driver !== undefined) yield* bus.unbind(shown);
      for (const part of parts.reverse()) part.unregister();
      shown.unregister();
      yield* silence();
    });
    return device;
  }

  /**
   * Configures and enables, as accel-config does from a file: all engines in group 0, and with them these queues.
   *
   * @throws Errno what the device or the driver says of it
   */
  *start(device: IdxdDevice, queues: readonly QueueSetup[]): Kernel<void> {
    const [group] = device.groups;
    for (const engine of device.engines) engine.group = group;
    const started = queues.map((setup, index) => {
      const queue = device.queues[index] as IdxdQueue;
      const { mode, size, threshold = size, priority = 10, blockOnFault = false, name = `app${index}` } = setup;
      const isDedicated = mode === 'dedicated';
      const limits = { size, threshold: isDedicated ? 0 : threshold, priority, blocksOnFault: blockOnFault };
      Object.assign(queue.config, { group, isDedicated, ...limits, type: 'user', name, driverName: 'user' });
      return queue.shown as Device;
    });
    yield* this.#bus.bind(this.#shown.get(device) as Device);
    for (const queue of started) yield* this.#bus.bind(queue);
  }

  /** The module goes. No node may be open. */
  *remove(): Kernel<void> {
    for (const removal of this.#removals.reverse()) yield* removal();
    this.#bus.remove();
    this.#system.deviceModel.modules.remove('idxd');
    this.#system.devices.releaseRegion(this.#region);
    this.#page.put();
  }

  /** idxd_wq_add_cdev. */
  #addNode(queue: IdxdQueue): void {
    const { device } = queue;
    const { bus } = this.#bus;
    const errors = new WaitQueue(`an error of ${queue.name}`);
    const minor = device.takeMinor();
    const path = `dsa/${queue.name}`;
    let node: Device | undefined;
    const files = new Set<() => void>();
    const show = (process: number) => this.#showFile(node, process, files);
    const ops = nodeOperations({ queue, page: this.#page, errors, show });
    const parent = queue.shown as Device;
    const remove = this.#system.devices.add(this.#region, minor, path, ops, undefined, { bus, parent, name: path });
    node = bus.devices.find(({ devname, devt }) => devt !== undefined && devname === path);
    this.#errors.set(queue, errors);
    queue.minor = minor;
    queue.removeNode = () => {
      for (const hide of [...files]) hide();
      remove();
      node = undefined;
      device.dropMinor(minor);
      this.#errors.delete(queue);
      queue.minor = undefined;
      queue.removeNode = undefined;
    };
  }

  /** The child `fileN` of a node, for each open file. @returns takes it away */
  #showFile(node: Device | undefined, process: number, files: Set<() => void>): () => void {
    if (node === undefined) return () => {};
    const id = this.#files.allocate(node);
    const shown = this.#system.deviceModel.register({
      name: `file${id}`,
      parent: node,
      bus: this.#bus.bus,
      groups: [
        { attributes: [reading('cr_faults', () => '0'), reading('cr_fault_failures', () => '0'), reading('pid', () => String(process))] },
      ],
    });
    const hide = () => {
      // The node may have gone before, and this with it.
      if (!files.delete(hide)) return;
      shown.unregister();
      this.#files.remove(id);
    };
    files.add(hide);
    return hide;
  }
}
