/** /sys/kernel/config/usb_gadget. */
import type { System } from '../../../kernel/index.ts';
import { ConfigSubsystem, registerSubsystem } from '../../../vfs/pseudo/index.ts';
import { GadgetInfo } from './gadget-info.ts';

export { unregisterGadgetItem } from './gadget-info.ts';

/**
 * Loads libcomposite: programs make gadgets of the functions that {@link registerUsbFunction} knows.
 *
 * @returns a function that takes the folder away; an Error when programs have left something in it
 */
export function addUsbGadgets(system: System): () => void {
  const subsystem = new ConfigSubsystem('usb_gadget', { makeGroup: (_group, name) => new GadgetInfo(system, name) });
  return registerSubsystem(system, subsystem);
}
