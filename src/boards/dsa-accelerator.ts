/** A DSA on a PCI bus, with the interrupts of 8.4 of docs/reference/ims-dsa.md. */

import type { Idxd, IdxdDevice } from '../drivers/idxd/index.ts';
import { DsaHardware, IMS_OFFSET } from '../hardware/dsa/index.ts';
import { Ims, type ImsSettings } from '../ims/index.ts';
import { type Irqs, type MessageRouter, MessageTable, MSI_DEFAULT_DOMAIN, MsiDevice, msixTemplate } from '../irq/index.ts';
import type { Attribute, Device, Kernel, System } from '../kernel/index.ts';

export interface AcceleratorDescription {
  readonly system: System;
  readonly irqs: Irqs;
  readonly router: MessageRouter;
  readonly idxd: Idxd;
  /** The bus that it is on. */
  readonly bus: Device;
  /** As sysfs names the function, and the number that its messages have. */
  readonly function: string;
  readonly requester: number;
  readonly deviceId: number;
  readonly settings: Partial<ImsSettings>;
}

export interface Accelerator {
  readonly device: IdxdDevice;
  readonly ims: Ims;
  /** What of it is not the driver's. */
  remove(): Kernel<void>;
}

/** One for all but completions, and one for each queue. */
const VECTORS = 9;

const fixed = (name: string, text: string): Attribute => ({ name, mode: 0o444, show: () => `${text}\n` });

/** Sapphire Rapids'. */
const IDENTITY: readonly Attribute[] = [
  fixed('vendor', '0x8086'),
  fixed('device', '0x0b25'),
  fixed('class', '0x088000'),
  fixed('numa_node', '0'),
];

/** @throws Errno as the allocation of the static vectors */
export function* addAccelerator(description: AcceleratorDescription): Kernel<Accelerator> {
  const { system, irqs, router, idxd, bus, function: name, requester, deviceId, settings } = description;
  const shown = system.deviceModel.register({ name, parent: bus, groups: [{ attributes: IDENTITY }] });
  const msix = new MessageTable(router, requester, { entries: VECTORS });
  const messages = new MsiDevice(router, { name, requester });
  messages.createDomain(MSI_DEFAULT_DOMAIN, msixTemplate(msix), VECTORS);
  messages.allocateRange(MSI_DEFAULT_DOMAIN, 0, VECTORS - 1);
  const number = idxd.devices.length;
  const ims = new Ims({
    system,
    irqs,
    router,
    name: `dsa${number}`,
    requester,
    deviceId,
    offset: IMS_OFFSET,
    actionName: 'idxd-adi',
    settings,
  });
  yield* ims.probe();
  const port = new DsaHardware({ system, name: `dsa${number}`, ims, msix });
  const irq = messages.desc(MSI_DEFAULT_DOMAIN, 0)?.irq ?? 0;
  const device = idxd.addDevice({ port, ims, irq, parent: shown });
  return {
    device,
    ims,
    *remove() {
      messages.removeDomain(MSI_DEFAULT_DOMAIN);
      yield* ims.remove();
      shown.unregister();
    },
  };
}
