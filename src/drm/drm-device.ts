import { type CharacterRegion, type Device, Idr, type System } from '../kernel/index.ts';
import { DmaDevice, type PhysicalMemory } from '../memory/index.ts';
import { coreRequests } from './core-requests.ts';
import type { DrmFile, DrmNode } from './drm-file.ts';
import { fileOperations } from './file-operations.ts';
import type { GemObject } from './gem-object.ts';
import { type DrmRequest, type DrmRequestTable, tableOf } from './ioctl.ts';
import type { DrmMaster } from './master.ts';
import { VmaOffsets } from './vma-offsets.ts';

const DRM_MAJOR = 226;
/** CORE_MAJOR, CORE_MINOR, CORE_PATCHLEVEL and CORE_DATE of drm_drv.c. */
const CORE_VERSION = 'drm 1.1.0 20060810\n';
/** Minors of render nodes begin here. */
const FIRST_RENDER_MINOR = 128;

/** What makes a card of the core's, as `struct drm_driver`. `P` is what it keeps with each client. */
export interface DrmDriver<P> {
  readonly name: string;
  readonly description: string;
  readonly date: string;
  readonly major: number;
  readonly minor: number;
  readonly patchlevel: number;
  /** Numbers from DRM_COMMAND_BASE on. */
  readonly requests: readonly DrmRequest[];
  /** A client comes. */
  readonly open: () => P;
  /** It has gone, and its handles with it. */
  readonly postclose: (client: P) => void;
}

/** Where a card is. */
export interface DrmPlace {
  /** The device that it is a part of. */
  readonly parent: Device;
  /** What the pages of its objects are taken from. */
  readonly ram: PhysicalMemory;
}

/** The cards of a machine. */
class DrmCore {
  readonly #system: System;
  readonly #region: CharacterRegion;
  #cards = 0;

  constructor(system: System) {
    this.#system = system;
    this.#region = system.devices.registerRegion(DRM_MAJOR, 'drm');
    system.deviceModel.class('drm', [{ name: 'version', mode: 0o444, show: () => CORE_VERSION }]);
  }

  add(device: DrmDevice): void {
    const index = this.#cards++;
    // The render node is registered first.
    this.#addNode(device, 'render', FIRST_RENDER_MINOR + index, `dri/renderD${FIRST_RENDER_MINOR + index}`);
    this.#addNode(device, 'primary', index, `dri/card${index}`);
  }

  #addNode(device: DrmDevice, node: DrmNode, minor: number, path: string): void {
    const operations = fileOperations(device, node);
    this.#system.devices.add(this.#region, minor, path, operations, undefined, { parent: device.parent, devtype: 'drm_minor' });
  }
}

const drmCore = (system: System) => new DrmCore(system);

/** A card, as `struct drm_device`: /dev/dri/cardN and /dev/dri/renderDN. */
export class DrmDevice<P = any> {
  readonly system: System;
  readonly driver: DrmDriver<P>;
  readonly parent: Device;
  readonly ram: PhysicalMemory;
  /** As an importer of buffers sees the memory. */
  readonly dma: DmaDevice;
  /** The driver's own, by number. */
  readonly requests: DrmRequestTable;
  readonly offsets = new VmaOffsets<GemObject>();
  /** Objects that have a name which all clients know. */
  readonly names = new Idr<GemObject>();
  /** Whose client is master; undefined for nobody. */
  master: DrmMaster | undefined;

  /** drm_dev_alloc and drm_dev_register. */
  constructor(system: System, driver: DrmDriver<P>, { parent, ram }: DrmPlace) {
    this.system = system;
    this.driver = driver;
    this.parent = parent;
    this.ram = ram;
    this.dma = new DmaDevice(system, { name: parent.name });
    this.requests = tableOf(driver.requests);
    system.single(drmCore).add(this);
  }

  get name(): string {
    return this.driver.name;
  }

  /** What DRM_IOCTL_GET_UNIQUE tells. */
  get unique(): string {
    return this.parent.name;
  }

  /** For traces. */
  get knownRequests() {
    return [...coreRequests, ...this.driver.requests].map(({ request }) => request);
  }

  open(): P {
    return this.driver.open();
  }

  close(file: DrmFile<P>): void {
    this.driver.postclose(file.driverPrivate);
  }
}
