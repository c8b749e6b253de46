/** drivers/usb/core/port.c: a port of a hub in sysfs, below the hub's interface. */
import { USB_STATE_NOTATTACHED, usb_state_string } from '../../abi/uapi/index.ts';
import { type Attribute, type Device, kstrtobool, kstrtouint } from '../../kernel/index.ts';
import type { Hcd } from './hcd.ts';
import type { UsbDevice } from './usb-device.ts';

/** What a port's files show and change. */
export interface PortState {
  readonly child: UsbDevice | undefined;
  setPower(isOn: boolean): void;
}

/** usb_hub_create_port_device: `usb1-port1`. */
export function addPort(hcd: Hcd, port: number, state: PortState): Device {
  const parent = hcd.rootHub.interfaces[0]?.device as Device;
  let isDisabled = false;
  let stopsEarly = false;
  let quirks = 0;
  const constant = (name: string, text: string): Attribute => ({ name, mode: 0o444, show: () => `${text}\n` });
  return hcd.system.deviceModel.register({
    name: `usb${hcd.busnum}-port${port}`,
    parent,
    groups: [
      {
        attributes: [
          constant('connect_type', 'unknown'),
          constant('location', '0x00000000'),
          constant('over_current_count', '0'),
          {
            name: 'state',
            mode: 0o444,
            show: () => `${usb_state_string(state.child?.state ?? USB_STATE_NOTATTACHED)}\n`,
          },
          {
            name: 'quirks',
            mode: 0o644,
            show: () => `${quirks.toString(16).padStart(8, '0')}\n`,
            store(text) {
              quirks = kstrtouint(text);
            },
          },
          {
            name: 'early_stop',
            mode: 0o644,
            show: () => `${stopsEarly ? 'yes' : 'no'}\n`,
            store(text) {
              stopsEarly = kstrtobool(text);
            },
          },
          {
            name: 'disable',
            mode: 0o644,
            show: () => `${isDisabled ? 1 : 0}\n`,
            store(text) {
              isDisabled = kstrtobool(text);
              state.setPower(!isDisabled);
            },
          },
        ],
      },
    ],
  });
}
