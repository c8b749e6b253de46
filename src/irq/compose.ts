/** kernel/irq/chip.c, irq_chip_compose_msi_msg. */
import { Errno } from '../abi/index.ts';
import type { IrqData } from './irq-data.ts';
import type { MsiMessage } from './msi/message.ts';

/** The message that makes an interrupt, by the first level from the device to the processor that knows. @throws Errno ENOSYS when none does */
export function composeMessage(data: IrqData): MsiMessage {
  for (let level: IrqData | undefined = data; level !== undefined; level = level.parent) {
    if (level.chip?.composeMessage !== undefined) return level.chip.composeMessage(level);
  }
  throw new Errno('ENOSYS', `no level of interrupt ${data.irq} takes messages`);
}
