import type { Device, System } from '../../kernel/index.ts';
import { addUsbfs } from './devio/node.ts';
import type { HcDriver, Hcd } from './hcd.ts';
import { usbCore } from './usb-core.ts';

/**
 * usb_add_hcd: a bus with its root hub. The first brings up /sys/bus/usb and /dev/bus/usb.
 *
 * @param controller its device
 */
export function addHcd(system: System, controller: Device, driver: HcDriver): Hcd {
  system.single(addUsbfs);
  return usbCore(system).add(controller, driver);
}
