/** Texts of sysfs that events have, too. */
import type { UsbInterface } from './usb-device.ts';

const hex = (digits: number) => (value: number) => value.toString(16).toUpperCase().padStart(digits, '0');

/** MODALIAS of an interface. */
export function modalias({ usbDevice: { descriptor: d }, current: { desc: i } }: UsbInterface): string {
  const word = hex(4);
  const byte = hex(2);
  return (
    `usb:v${word(d.idVendor)}p${word(d.idProduct)}d${d.bcdDevice.toString(16).padStart(4, '0')}` +
    `dc${byte(d.bDeviceClass)}dsc${byte(d.bDeviceSubClass)}dp${byte(d.bDeviceProtocol)}` +
    `ic${byte(i.bInterfaceClass)}isc${byte(i.bInterfaceSubClass)}ip${byte(i.bInterfaceProtocol)}in${byte(i.bInterfaceNumber)}`
  );
}
