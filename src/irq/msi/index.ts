/** Interrupts that are messages: what devices keep and write, and what takes it (docs/irq.md). */

export { INTERRUPT_FAULTS, type InterruptFault } from './fault-reporting.ts';
export {
  compatibilityMessage,
  handleOf,
  isInterrupt,
  isSameMessage,
  type MsiMessage,
  NO_MESSAGE,
  remappableMessage,
  targetOf,
} from './message.ts';
export { MessageRouter, type MessageRouterOptions } from './message-router.ts';
export { MessageTable, type MessageTableOptions, type MessageWord } from './message-table.ts';
export type { MsiDesc } from './msi-desc.ts';
export {
  MSI_ANY_INDEX,
  MSI_DEFAULT_DOMAIN,
  MSI_SECONDARY_DOMAIN,
  type MsiAllocation,
  MsiDevice,
  type MsiMap,
} from './msi-device.ts';
export {
  DOMAIN_BUS_DEVICE_MSI,
  DOMAIN_BUS_PCI_DEVICE_IMS,
  DOMAIN_BUS_PCI_DEVICE_MSIX,
  DOMAIN_BUS_PLATFORM_MSI,
  MsiDomain,
  type MsiTemplate,
} from './msi-domain.ts';
export { msixTemplate, writeEntry } from './msix.ts';
export {
  PLATFORM_MSI_MAX,
  platformDeviceMsiInitAndAllocIrqs,
  platformMsiDomainAllocIrqs,
  platformMsiDomainFreeIrqs,
  type WriteMessage,
} from './platform-msi.ts';
export { IRTES, type Irte, irteBits, RemappingUnit, remappingTableText } from './remapping-unit.ts';
export { VectorDomain } from './vector-domain.ts';
export { VECTORS_PER_CPU, type Vector, VectorMatrix } from './vector-matrix.ts';
