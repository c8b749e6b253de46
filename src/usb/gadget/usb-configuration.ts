/** drivers/usb/gadget/composite.c: configurations, and the functions in them. */
import { Errno } from '../../abi/index.ts';
import {
  USB_CONFIG_ATT_ONE,
  USB_DIR_IN,
  USB_DT_ENDPOINT,
  USB_SPEED_HIGH,
  USB_SPEED_SUPER,
  USB_SPEED_SUPER_PLUS,
} from '../../abi/uapi/index.ts';
import { finish, type Kernel } from '../../kernel/index.ts';
import type { UsbCompositeDev } from './composite.ts';
import type { UsbFunction, UsbGadgetStrings } from './usb-function.ts';

/** Interfaces that a configuration can have. */
const MAX_CONFIG_INTERFACES = 16;

/** One way in which the device can work, as struct usb_configuration. */
export class UsbConfiguration {
  readonly label: string;
  readonly bConfigurationValue: number;
  /** The number of the string that describes it; 0 for none. */
  iConfiguration = 0;
  bmAttributes = USB_CONFIG_ATT_ONE;
  /** What it draws from the bus, in mA. */
  maxPower: number;
  strings: readonly UsbGadgetStrings[] = [];
  /** The device that it is part of; undefined until it is added. */
  cdev: UsbCompositeDev | undefined;
  /** Owners of the interfaces, by number. */
  readonly interfaces: (UsbFunction | undefined)[] = [];
  readonly functions: UsbFunction[] = [];
  nextInterfaceId = 0;

  constructor(label: string, value: number, maxPower: number) {
    this.label = label;
    this.bConfigurationValue = value;
    this.maxPower = maxPower;
  }

  /** usb_interface_id: the next free number of an interface, for `bind` of a function. @throws Errno ENODEV beyond 16 */
  interfaceId(owner: UsbFunction): number {
    if (this.nextInterfaceId >= MAX_CONFIG_INTERFACES) throw new Errno('ENODEV', `${this.label} has ${MAX_CONFIG_INTERFACES} interfaces`);
    const id = this.nextInterfaceId++;
    this.interfaces[id] = owner;
    return id;
  }

  /** usb_add_function. @throws Errno what the function's `bind` says */
  *addFunction(added: UsbFunction): Kernel<void> {
    added.config = this;
    this.functions.push(added);
    try {
      yield* finish(added.bind(this));
    } catch (error) {
      this.functions.splice(this.functions.indexOf(added), 1);
      added.config = undefined;
      throw error;
    }
  }

  /** usb_remove_function, and remove_config for all of them: those that are bound leave, last one first. */
  *unbindAll(): Kernel<void> {
    while (this.functions.length > 0) {
      const left = this.functions.pop() as UsbFunction;
      yield* finish(left.unbind(this));
    }
  }

  /** It is no part of a device any more. */
  reset(): void {
    this.cdev = undefined;
    this.nextInterfaceId = 0;
    this.interfaces.length = 0;
  }

  /** Whether some function has descriptors for a speed, so that the configuration is there. @param speed USB_SPEED_ */
  isAtSpeed(speed: number): boolean {
    if (speed >= USB_SPEED_SUPER_PLUS) return this.functions.some((one) => one.sspDescriptors !== undefined);
    if (speed >= USB_SPEED_SUPER) return this.functions.some((one) => one.ssDescriptors !== undefined);
    if (speed === USB_SPEED_HIGH) return this.functions.some((one) => one.hsDescriptors !== undefined);
    return this.functions.some((one) => one.fsDescriptors !== undefined);
  }
}

/** function_descriptors: those that count at a speed. */
export function functionDescriptors(of: UsbFunction, speed: number): readonly Uint8Array[] | undefined {
  // Who has none for a speed beyond super speed has those of super speed; and so on down.
  if (speed >= USB_SPEED_SUPER_PLUS && of.sspDescriptors !== undefined) return of.sspDescriptors;
  if (speed >= USB_SPEED_SUPER && of.ssDescriptors !== undefined) return of.ssDescriptors;
  if (speed >= USB_SPEED_HIGH && of.hsDescriptors !== undefined) return of.hsDescriptors;
  return of.fsDescriptors;
}

/** Notes which endpoints a function has at a speed, for requests about them: 16 numbers, and the direction. */
export function noteEndpoints(of: UsbFunction, speed: number): void {
  of.endpoints.clear();
  for (const descriptor of functionDescriptors(of, speed) ?? []) {
    if (descriptor[1] === USB_DT_ENDPOINT) of.endpoints.add((descriptor[2] as number) & (USB_DIR_IN | 0x0f));
  }
}
