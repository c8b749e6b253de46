/** drivers/base/platform-msi.c: messages of devices that are on no PCI bus, all of them at once at probe. */
import { Errno } from '../../abi/index.ts';
import type { MsiMessage } from './message.ts';
import type { MsiDesc } from './msi-desc.ts';
import { MSI_DEFAULT_DOMAIN, type MsiDevice } from './msi-device.ts';
import { DOMAIN_BUS_DEVICE_MSI, DOMAIN_BUS_PLATFORM_MSI } from './msi-domain.ts';

/** Bits of a number that are the index within its device; so many messages a device can have (DEV_ID_SHIFT). */
export const PLATFORM_MSI_INDEX_BITS = 11;
export const PLATFORM_MSI_MAX = 2 ** PLATFORM_MSI_INDEX_BITS;

/** Stores a message in the device; the only thing that a platform device's driver says of its place for them. */
export type WriteMessage = (desc: MsiDesc, message: MsiMessage) => void;

/** @throws Errno EINVAL */
function assertSane(count: number, write: WriteMessage | undefined): asserts write is WriteMessage {
  if (write === undefined) throw new Errno('EINVAL', 'nothing writes the messages');
  if (count < 1 || count > PLATFORM_MSI_MAX) throw new Errno('EINVAL', `${count} messages are not between 1 and ${PLATFORM_MSI_MAX}`);
}

/**
 * platform_msi_domain_alloc_irqs of up to 6.10 (4.1 of docs/reference/ims-dsa.md).
 *
 * @param deviceId of 21 bits, different for each device of the machine
 * @throws Errno EINVAL for a number of messages that cannot be, or nothing to write them; EBUSY for a second call; ENOSPC
 */
export function platformMsiDomainAllocIrqs(device: MsiDevice, count: number, write: WriteMessage | undefined, deviceId: number): void {
  assertSane(count, write);
  const isNew = device.createDomain(
    MSI_DEFAULT_DOMAIN,
    {
      name: 'MSI',
      busToken: DOMAIN_BUS_PLATFORM_MSI,
      write,
      hwirq: ({ index }) => deviceId * PLATFORM_MSI_MAX + index,
    },
    count,
  );
  if (!isNew) throw new Errno('EBUSY', `${device.name} has its messages already`);
  allocateAll(device, count);
}

/**
 * platform_device_msi_init_and_alloc_irqs of 6.9 and later (4.2).
 *
 * @throws Errno EINVAL as above; ENODEV for a second call; ENOSPC
 */
export function platformDeviceMsiInitAndAllocIrqs(device: MsiDevice, count: number, write: WriteMessage | undefined): void {
  assertSane(count, write);
  if (!device.createDomain(MSI_DEFAULT_DOMAIN, { name: 'pMSI', busToken: DOMAIN_BUS_DEVICE_MSI, write }, count))
    throw new Errno('ENODEV', `${device.name} has a domain for messages already`);
  allocateAll(device, count);
}

function allocateAll(device: MsiDevice, count: number): void {
  try {
    device.allocateRange(MSI_DEFAULT_DOMAIN, 0, count - 1);
  } catch (error) {
    device.removeDomain(MSI_DEFAULT_DOMAIN);
    throw error;
  }
}

/** Frees all of them, as both generations do at remove. */
export const platformMsiDomainFreeIrqs = (device: MsiDevice): void => device.removeDomain(MSI_DEFAULT_DOMAIN);
