/** The folders `functions` and `configs` of drivers/usb/gadget/configfs.c. */
import { Errno } from '../../../abi/index.ts';
import { USB_CONFIG_ATT_ONE, USB_CONFIG_ATT_SELFPOWER, USB_CONFIG_ATT_WAKEUP } from '../../../abi/uapi/index.ts';
import { finish, kstrtou8, kstrtou16 } from '../../../kernel/index.ts';
import { ConfigGroup, type ConfigItem, type ConfigItemType } from '../../../vfs/pseudo/index.ts';
import { VBUS_DRAW } from '../composite.ts';
import { UsbConfiguration } from '../usb-configuration.ts';
import { getUsbFunctionInstance, type UsbFunction, type UsbFunctionInstance } from '../usb-function.ts';
import { byte, RW, splitName } from './attributes.ts';
import type { GadgetInfo } from './gadget-info.ts';
import { StringsGroup } from './strings.ts';

/** bMaxPower counts in steps of 8 mA at super speed, and has 8 bits. */
const POWER_STEP = 8;

/** `configs/LABEL.NUMBER`: a configuration, and the functions that were linked into it. */
export class GadgetConfig extends ConfigGroup {
  readonly gadget: GadgetInfo;
  readonly config: UsbConfiguration;
  readonly strings: StringsGroup;
  /** In the order of the links. */
  readonly linked: UsbFunction[] = [];

  constructor(name: string, gadget: GadgetInfo, config: UsbConfiguration) {
    const strings = new StringsGroup(['configuration'], false);
    super(name, configType, [strings]);
    this.gadget = gadget;
    this.config = config;
    this.strings = strings;
  }
}

const configType: ConfigItemType<GadgetConfig> = {
  attributes: [
    {
      name: 'MaxPower',
      mode: RW,
      show: ({ config }) => `${config.maxPower}\n`,
      store({ config }, text) {
        const power = kstrtou16(text);
        if (Math.ceil(power / POWER_STEP) > 0xff) throw new Errno('ERANGE', `${power} mA are too many`);
        config.maxPower = power;
      },
    },
    byte('bmAttributes', {
      get: ({ config }) => config.bmAttributes,
      set({ config }, value) {
        if ((value & USB_CONFIG_ATT_ONE) === 0) throw new Errno('EINVAL', 'bit 7 is always set');
        if ((value & ~(USB_CONFIG_ATT_ONE | USB_CONFIG_ATT_SELFPOWER | USB_CONFIG_ATT_WAKEUP)) !== 0)
          throw new Errno('EINVAL', 'bits 0 to 4 are reserved');
        config.bmAttributes = value;
      },
    }),
  ],

  /** config_usb_cfg_link. */
  *allowLink({ gadget, linked }, target) {
    yield* gadget.lock.lock();
    try {
      if (gadget.udcName !== undefined) throw new Errno('EINVAL', `${gadget.name} is bound to ${gadget.udcName}`);
      const instance = gadget.instances.find((one) => one === target);
      if (instance === undefined) throw new Errno('EINVAL', `${target.describe()} is no function of ${gadget.name}`);
      if (linked.some((one) => one.instance === instance)) throw new Errno('EEXIST', `${instance.name} is in the configuration already`);
      linked.push(yield* finish(instance.makeFunction()));
    } finally {
      gadget.lock.unlock();
    }
  },

  /** config_usb_cfg_unlink: nothing can be refused any more, so the gadget is unbound. */
  *dropLink({ gadget, linked }, target) {
    yield* gadget.lock.lock();
    try {
      if (gadget.udcName !== undefined) yield* gadget.unregister();
      const at = linked.findIndex((one) => one.instance === target);
      if (at < 0) return;
      const [gone] = linked.splice(at, 1);
      gone?.free?.();
    } finally {
      gadget.lock.unlock();
    }
  },

  release({ gadget, config }) {
    gadget.configs.splice(
      gadget.configs.findIndex((one) => one.config === config),
      1,
    );
  },
};

/** `configs`. */
export const configsType = (gadget: () => GadgetInfo): ConfigItemType => ({
  makeGroup(_group, name) {
    const [label, text] = splitName(name);
    if (label === '') throw new Errno('EINVAL', `${name} has no label`);
    const value = kstrtou8(text);
    if (value === 0) throw new Errno('EINVAL', 'configuration 0 stands for none');
    const { configs } = gadget();
    if (configs.some(({ config }) => config.bConfigurationValue === value)) throw new Errno('EBUSY', `there is a configuration ${value}`);
    const made = new GadgetConfig(name, gadget(), new UsbConfiguration(label, value, VBUS_DRAW));
    configs.push(made);
    return made;
  },
});

/** `functions`. */
export const functionsType = (gadget: () => GadgetInfo): ConfigItemType => ({
  *makeGroup(_group, name) {
    const [kind, instance] = splitName(name);
    const made = yield* finish(getUsbFunctionInstance(gadget().system, kind, name, instance));
    gadget().instances.push(made);
    return made;
  },
  dropItem(_group, item: ConfigItem) {
    const { instances } = gadget();
    instances.splice(instances.indexOf(item as UsbFunctionInstance), 1);
    item.put();
  },
});
