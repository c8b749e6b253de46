/** Packets that are in use, as their statuses say: sections 5 and 13.5 of docs/reference/keembay-ipc.md. */
import type { System } from '../../kernel/index.ts';
import { PACKET_FREE, PACKET_SIZE, readPacket, setStatus, statusOf } from '../../ports/keembay/index.ts';
import { RESET_LOSES_SLOTS } from './defects.ts';
import type { IpcRegion } from './ipc-region.ts';

function* inUse({ memory, slots }: IpcRegion): Generator<number> {
  const bytes = memory.bytes();
  for (let slot = 0; slot < slots; slot++) if (statusOf(bytes, slot * PACKET_SIZE) !== PACKET_FREE) yield slot;
}

/** Whether one of them says that its payload is within some bytes. */
export function isNamed(region: IpcRegion, vpuAddr: number, length: number): boolean {
  const bytes = region.memory.bytes();
  for (const slot of inUse(region)) {
    const { dataAddr } = readPacket(bytes, slot * PACKET_SIZE);
    if (dataAddr >= vpuAddr && dataAddr < vpuAddr + length) return true;
  }
  return false;
}

/** The VPU was reset: what it held, it will not free. @param isUnsent whether the driver itself still has a packet */
export function afterReset(system: System, region: IpcRegion, isUnsent: (slot: number) => boolean): void {
  const lost = [...inUse(region)].filter((slot) => !isUnsent(slot));
  for (const slot of lost) region.record.lost(slot);
  if (!system.findings.recreates(RESET_LOSES_SLOTS)) {
    for (const slot of lost) {
      region.record.freed(slot, 'cpu', false);
      setStatus(region.memory.bytes(), slot * PACKET_SIZE, PACKET_FREE);
    }
  } else if (lost.length > 0)
    system.findings.report(
      'keembay-ipc-slots-lost',
      `the VPU was reset with ${lost.length} packets, which stay allocated: ${lost.join(', ')}`,
    );
}
