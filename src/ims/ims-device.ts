/** The place of a device's messages, made by its settings, and the domain of its interrupts. */
import { Errno, isErrno } from '../abi/index.ts';
import {
  DOMAIN_BUS_PCI_DEVICE_IMS,
  type MessageRouter,
  MSI_DEFAULT_DOMAIN,
  MSI_SECONDARY_DOMAIN,
  MsiDevice,
  type MsiMap,
  type MsiMessage,
  type MsiTemplate,
} from '../irq/index.ts';
import type { System } from '../kernel/index.ts';
import { ArrayStorage } from './array-storage.ts';
import { ContextStorage } from './context-storage.ts';
import type { ImsSettings } from './settings.ts';
import type { ImsStorage } from './storage.ts';

export interface ImsDeviceDescription {
  readonly system: System;
  readonly router: MessageRouter;
  /** As domains and chips are named behind it. */
  readonly name: string;
  /** Bus, device and function. */
  readonly requester: number;
  /** Different for each device of the machine, below 2^21. */
  readonly deviceId: number;
}

/** Bits of a number that are the index within its device. */
const INDEX_BITS = { static: 11, context: 16 } as const;

export class ImsDevice {
  readonly storage: ImsStorage;
  /** Whether its messages go through the unit that remaps. */
  readonly isRemapped: boolean;
  readonly #requester: number;
  readonly #router: MessageRouter;
  readonly #device: MsiDevice;
  readonly #domainId: number;

  constructor(description: ImsDeviceDescription, settings: ImsSettings) {
    const { router, name, requester, deviceId } = description;
    this.isRemapped = router.remapping !== undefined && settings.remapping !== 'off';
    // A device that is not behind the unit writes past it.
    this.#router = this.isRemapped ? router : router.withoutRemapping;
    this.#requester = requester;
    this.storage = makeStorage({ ...description, router: this.#router }, settings);
    this.#device = new MsiDevice(this.#router, { name, requester });
    this.#domainId = settings.mode === 'static' ? MSI_DEFAULT_DOMAIN : MSI_SECONDARY_DOMAIN;
    this.#device.createDomain(this.#domainId, makeTemplate(this.storage, settings, deviceId), sizeOf(settings));
  }

  /** @param pasid whose descriptors may name the entry @throws Errno ENOSPC */
  allocate(pasid: number | undefined): MsiMap {
    try {
      return this.#device.allocate(this.#domainId, { cookie: pasid });
    } catch (error) {
      // The number of entries is the device's, and that they are taken is no reason to try again.
      if (isErrno(error, 'EBUSY')) throw new Errno('ENOSPC', error.message);
      throw error;
    }
  }

  free(slot: number): void {
    this.#device.free(this.#domainId, slot);
  }

  /** The device writes a message, whatever its entries say. */
  send(message: MsiMessage): void {
    this.#router.write(this.#requester, message);
  }

  remove(): void {
    this.#device.removeDomain(this.#domainId);
  }
}

function sizeOf({ mode, storage, slots, staticVectors }: ImsSettings): number | undefined {
  if (mode === 'static') return staticVectors;
  return storage === 'array' ? slots : undefined;
}

/** Settings that can change while the storage is used are asked for when they matter. */
function makeStorage({ system, router, requester }: ImsDeviceDescription, settings: ImsSettings): ImsStorage {
  const common = { system, router, requester, latches: settings.pending, hazards: settings.hazards };
  return settings.storage === 'array'
    ? new ArrayStorage({ ...common, entries: settings.slots })
    : new ContextStorage({ ...common, sync_ns: () => settings.sync_us * 1000, failures: () => settings.syncFailRate });
}

function makeTemplate(storage: ImsStorage, { mode, storage: kind }: ImsSettings, deviceId: number): MsiTemplate {
  const isStatic = mode === 'static';
  const bits = isStatic ? INDEX_BITS.static : INDEX_BITS.context;
  const { sync } = storage;
  return {
    name: 'IMS',
    busToken: DOMAIN_BUS_PCI_DEVICE_IMS,
    prepare: ({ index, instanceCookie }) => {
      storage.open(index, instanceCookie as number | undefined);
      // A platform device's driver writes messages and has no masks.
      if (isStatic) storage.setMask(index, false);
    },
    release: ({ index }) => storage.close(index),
    write: ({ index }, message) => storage.write(index, message),
    ...(isStatic ? {} : { mask: ({ index }) => storage.setMask(index, true), unmask: ({ index }) => storage.setMask(index, false) }),
    ...(sync === undefined ? {} : { busSyncUnlock: ({ index }) => sync(index) }),
    ...(kind === 'context' || isStatic ? { hwirq: ({ index }) => deviceId * 2 ** bits + index } : {}),
  };
}
