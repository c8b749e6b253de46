import type { IrqData } from '../irq-data.ts';
import { type MsiMessage, NO_MESSAGE } from './message.ts';
import type { MsiDevice } from './msi-device.ts';

/** One interrupt by message of a device, as `struct msi_desc`. */
export class MsiDesc {
  readonly device: MsiDevice;
  /** Within its domain of the device. */
  readonly index: number;
  /** What who asked for it told the chip: a queue, a PASID. */
  readonly instanceCookie: unknown;
  /** The machine's number; 0 until it is made. */
  irq = 0;
  /** The one written last. */
  message: MsiMessage = NO_MESSAGE;
  /** What the chip keeps with it. */
  cookie: unknown;

  constructor(device: MsiDevice, index: number, instanceCookie: unknown) {
    this.device = device;
    this.index = index;
    this.instanceCookie = instanceCookie;
  }
}

/** irq_data_get_msi_desc: of the level nearest to the device. */
export const msiDescOf = (level: IrqData): MsiDesc => level.chipData as MsiDesc;
