/** drivers/pci/msi: the driver of a device's MSI-X table. */
import { IRQCHIP_ONESHOT_SAFE } from '../flags.ts';
import type { MsiMessage } from './message.ts';
import type { MessageTable } from './message-table.ts';
import { DOMAIN_BUS_PCI_DEVICE_MSIX, type MsiTemplate } from './msi-domain.ts';

/** pci_write_msg_msix: an entry is masked while its words change, for the device may fire between any two of them. */
export function writeEntry(table: MessageTable, index: number, { addressLo, addressHi, data }: MsiMessage): void {
  const { isMasked } = table.entry(index);
  if (!isMasked) table.setMask(index, true);
  table.write(index, 'addressLo', addressLo);
  table.write(index, 'addressHi', addressHi);
  table.write(index, 'data', data);
  if (!isMasked) table.setMask(index, false);
}

export const msixTemplate = (table: MessageTable): MsiTemplate => ({
  name: 'PCI-MSIX',
  busToken: DOMAIN_BUS_PCI_DEVICE_MSIX,
  flags: IRQCHIP_ONESHOT_SAFE,
  mask: ({ index }) => table.setMask(index, true),
  unmask: ({ index }) => table.setMask(index, false),
  write: ({ index }, message) => writeEntry(table, index, message),
});
