/** What /sys/class/udc/NAME shows. */
import { Errno } from '../../abi/index.ts';
import { usb_speed_string, usb_state_string } from '../../abi/uapi/index.ts';
import { type Attribute, sysfsStreq } from '../../kernel/index.ts';
import type { Udc } from './udc.ts';

export function udcAttributes(udc: Udc): readonly Attribute[] {
  const { gadget } = udc;
  const shown = (name: string, show: () => string): Attribute => ({ name, mode: 0o444, show });
  const flag = (name: string, get: () => boolean) => shown(name, () => `${get() ? 1 : 0}\n`);
  return [
    { name: 'srp', mode: 0o200, store: (text) => store(text, '1', () => gadget.wakeup()) },
    { name: 'soft_connect', mode: 0o200, store: (text) => softConnect(udc, text) },
    shown('state', () => `${usb_state_string(gadget.state)}\n`),
    shown('function', () => (udc.driver === undefined ? '' : `${udc.driver.function}\n`)),
    shown('current_speed', () => `${usb_speed_string(gadget.speed)}\n`),
    shown('maximum_speed', () => `${usb_speed_string(gadget.maxSpeed)}\n`),
    flag('is_otg', () => gadget.isOtg),
    flag('is_a_peripheral', () => false),
    flag('b_hnp_enable', () => gadget.bHnpEnable),
    flag('a_hnp_support', () => gadget.aHnpSupport),
    flag('a_alt_hnp_support', () => gadget.aAltHnpSupport),
    flag('is_selfpowered', () => gadget.isSelfpowered),
  ];
}

/** srp_store looks at nothing but the first word, and no wake-up that fails is an error. */
function store(text: string, word: string, run: () => void): void {
  if (!sysfsStreq(text, word)) return;
  try {
    run();
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
  }
}

function softConnect(udc: Udc, text: string): void {
  const { driver } = udc;
  if (driver === undefined) throw new Errno('EOPNOTSUPP', `${udc.name} has no driver`);
  if (sysfsStreq(text, 'connect')) {
    udc.start(driver);
    udc.connect();
  } else if (sysfsStreq(text, 'disconnect')) {
    udc.disconnect();
    udc.stop();
  } else {
    throw new Errno('EINVAL', `${text} is neither connect nor disconnect`);
  }
}
