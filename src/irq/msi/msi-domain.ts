/** kernel/irq/msi.c: the domain of one device's messages, on top of what takes them. */
import { Errno } from '../../abi/index.ts';
import { composeMessage } from '../compose.ts';
import { IRQ_DOMAIN_FLAG_HIERARCHY, IRQ_DOMAIN_FLAG_MSI_DEVICE, IRQ_DOMAIN_NAME_ALLOCATED, IRQCHIP_MOVE_DEFERRED } from '../flags.ts';
import { handleEdgeIrq } from '../flow.ts';
import { ackParent, type IrqChip, retriggerHierarchy } from '../irq-chip.ts';
import type { IrqData } from '../irq-data.ts';
import { IrqDomain } from '../irq-domain.ts';
import { isSameMessage, type MsiMessage, NO_MESSAGE } from './message.ts';
import { type MsiDesc, msiDescOf } from './msi-desc.ts';
import type { MsiDevice } from './msi-device.ts';

/** DOMAIN_BUS_ of include/linux/irqdomain_defs.h. */
export const DOMAIN_BUS_PLATFORM_MSI = 4;
export const DOMAIN_BUS_PCI_DEVICE_MSIX = 12;
/** Of 6.2 to 6.9. */
export const DOMAIN_BUS_PCI_DEVICE_IMS = 15;
/** Of 6.10 and later, with the number that was IMS's. */
export const DOMAIN_BUS_DEVICE_MSI = 15;

/** Room for the name of a chip, with its end. */
const NAME_SIZE = 48;

/** What a driver says of the place where its device keeps messages: `struct msi_domain_template`. */
export interface MsiTemplate {
  /** Of the chip, before the parent's prefix and the device's name are added. */
  readonly name: string;
  readonly busToken: number;
  /** IRQCHIP_ bits. */
  readonly flags?: number;
  /** Stores a message in the device. It may be called at any time while the interrupt is active. */
  readonly write: (desc: MsiDesc, message: MsiMessage) => void;
  /** Hold back and let through at the device; left out, its interrupts can be held back nowhere. */
  readonly mask?: (desc: MsiDesc) => void;
  readonly unmask?: (desc: MsiDesc) => void;
  /** First and last request, as {@link IrqChip.startup}. */
  readonly shutdown?: (desc: MsiDesc) => void;
  /** Around what changes the message or masks, for storage that is not written at once. */
  readonly busLock?: (desc: MsiDesc) => void;
  readonly busSyncUnlock?: (desc: MsiDesc) => void;
  /** Before the interrupt is made: gives it its place. @throws Errno */
  readonly prepare?: (desc: MsiDesc) => void;
  /** After it is gone. */
  readonly release?: (desc: MsiDesc) => void;
  /** Its number in the domain; its index when left out. */
  readonly hwirq?: (desc: MsiDesc) => number;
}

export class MsiDomain {
  readonly domain: IrqDomain;
  readonly template: MsiTemplate;

  /** @param size how many messages the device can keep; without a limit when left out */
  constructor(device: MsiDevice, template: MsiTemplate, size: number | undefined) {
    const { router } = device;
    this.template = template;
    const chipName = `${router.prefix}${template.name}-${device.name}`.slice(0, NAME_SIZE - 1);
    const chip = makeChip(chipName, template, router.remapping === undefined);
    this.domain = new IrqDomain(router.irqs, {
      name: `${chipName}-${template.busToken}`,
      parent: router.parent,
      busToken: template.busToken,
      flags: IRQ_DOMAIN_FLAG_HIERARCHY | IRQ_DOMAIN_NAME_ALLOCATED | IRQ_DOMAIN_FLAG_MSI_DEVICE,
      ...(size === undefined || template.hwirq !== undefined ? {} : { size }),
      linearSize: 0,
      ops: {
        allocate: (domain, irq, _count, argument) => {
          const desc = argument as MsiDesc;
          const hwirq = template.hwirq?.(desc) ?? desc.index;
          if (domain.find(hwirq) !== 0) throw new Errno('EEXIST', `${domain.name} has its interrupt ${hwirq} already`);
          domain.allocateParent(irq, 1, { requester: device.requester });
          domain.setChip(irq, hwirq, chip, desc, handleEdgeIrq, 'edge');
        },
        free: (domain, irq, count) => domain.freeParent(irq, count),
        activate: (level) => write(template, level, composeMessage(level)),
        deactivate: (level) => write(template, level, NO_MESSAGE),
      },
    });
  }
}

function write(template: MsiTemplate, level: IrqData, message: MsiMessage): void {
  const desc = msiDescOf(level);
  desc.message = message;
  template.write(desc, message);
}

function makeChip(name: string, template: MsiTemplate, isDirect: boolean): IrqChip {
  const { mask, unmask, shutdown, busLock, busSyncUnlock, flags = 0 } = template;
  const on = (act: (desc: MsiDesc) => void) => (level: IrqData) => act(msiDescOf(level));
  return {
    name,
    // Without a unit that remaps, the device's message changes, and that is done when none can be on its way: while the interrupt is
    // masked that it has just made. A slow bus cannot be used then.
    flags: isDirect && busSyncUnlock === undefined ? flags | IRQCHIP_MOVE_DEFERRED : flags,
    ...(mask === undefined ? {} : { mask: on(mask) }),
    ...(unmask === undefined ? {} : { unmask: on(unmask) }),
    ...(shutdown === undefined ? {} : { shutdown: on(shutdown) }),
    ...(busLock === undefined ? {} : { busLock: on(busLock) }),
    ...(busSyncUnlock === undefined ? {} : { busSyncUnlock: on(busSyncUnlock) }),
    ack: ackParent,
    retrigger: retriggerHierarchy,
    setAffinity: (level, cpus) => {
      const parent = level.parent as IrqData;
      const cpu = parent.chip?.setAffinity?.(parent, cpus) as number;
      const message = composeMessage(level);
      if (!isSameMessage(message, msiDescOf(level).message)) write(template, level, message);
      return cpu;
    },
    debugLines: (level) => {
      const { addressHi, addressLo, data } = msiDescOf(level).message;
      const row = (label: string, value: number) => ` ${label}0x${value.toString(16).padStart(8, '0')}`;
      return ['', row('address_hi: ', addressHi), row('address_lo: ', addressLo), row('msg_data:   ', data)];
    },
  };
}
