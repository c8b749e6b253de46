import { Errno } from '../../src/abi/index.ts';
import { kstrtou8, kstrtou16 } from '../../src/kernel/index.ts';
import { type ConfigAttribute, ConfigGroup, type ConfigItem, type ConfigItemType, ConfigSubsystem } from '../../src/vfs/index.ts';

/** A number, as the gadget's attributes show theirs. */
function number(name: string, digits: 2 | 4): ConfigAttribute {
  const values = new WeakMap<ConfigItem, number>();
  const parse = digits === 2 ? kstrtou8 : kstrtou16;
  return {
    name,
    mode: 0o644,
    show: (item) => `0x${(values.get(item) ?? 0).toString(16).padStart(digits, '0')}\n`,
    store: (item, text) => void values.set(item, parse(text)),
  };
}

const text = (name: string): ConfigAttribute => ({ name, mode: 0o644, show: () => '\n', store() {} });

const isFunction = new WeakSet<ConfigItem>();

/** A folder of functions: `ffs` is the only kind there is, and its instances share their names with those of other gadgets. */
function functionsType(): ConfigItemType {
  const names = new Set<string>();
  const functionType: ConfigItemType = {
    attributes: [{ name: 'ready', mode: 0o444, show: () => '0\n' }],
    release: ({ name }) => void names.delete(name),
  };
  return {
    makeGroup(_group, name) {
      const [kind, instance] = name.split('.');
      if (instance === undefined) throw new Errno('EINVAL', 'a function is named KIND.INSTANCE');
      if (kind !== 'ffs') throw new Errno('ENOENT', `there is no function ${kind}`);
      if (names.has(name)) throw new Errno('EBUSY', `there is a function ${name} already`);
      names.add(name);
      const made = new ConfigGroup(name, functionType);
      isFunction.add(made);
      return made;
    },
  };
}

const stringsType: ConfigItemType = {
  makeGroup(_group, name) {
    kstrtou16(name);
    return new ConfigGroup(name, { attributes: [text('manufacturer'), text('product'), text('serialnumber')] });
  },
};

const gadgetOf = (item: ConfigItem) => item.parent?.parent;

/** A configuration takes each function of its own gadget once. */
function configType(): ConfigItemType {
  const functions = new Set<ConfigItem>();
  return {
    attributes: [number('MaxPower', 2), number('bmAttributes', 2)],
    allowLink(source, target) {
      if (!isFunction.has(target) || gadgetOf(target) !== gadgetOf(source)) throw new Errno('EINVAL', 'no function of this gadget');
      if (functions.has(target)) throw new Errno('EEXIST', 'the function is there already');
      functions.add(target);
    },
    dropLink(_source, target) {
      functions.delete(target);
    },
  };
}

const configsType: ConfigItemType = {
  makeGroup(_group, name) {
    const [, number] = /^.+\.(\d+)$/.exec(name) ?? [];
    if (number === undefined || kstrtou8(number, 10) === 0) throw new Errno('EINVAL', 'a configuration is named NAME.NUMBER');
    return new ConfigGroup(name, configType(), [new ConfigGroup('strings', stringsType)]);
  },
};

const osDescType: ConfigItemType = { attributes: ['use', 'b_vendor_code', 'qw_sign'].map(text), allowLink() {} };

/** drivers/usb/gadget/configfs.c, as far as its folders go. */
export function gadgetSubsystem(): ConfigSubsystem {
  const numbers = ([2, 2, 2, 2, 4, 4, 4, 4] as const).map((digits, index) =>
    number(
      ['bDeviceClass', 'bDeviceSubClass', 'bDeviceProtocol', 'bMaxPacketSize0', 'idVendor', 'idProduct', 'bcdDevice', 'bcdUSB'][
        index
      ] as string,
      digits,
    ),
  );
  const functions = functionsType();
  const attributes = [...numbers, text('UDC'), text('max_speed')];
  return new ConfigSubsystem('usb_gadget', {
    makeGroup: (_group, name) =>
      new ConfigGroup(name, { attributes }, [
        new ConfigGroup('functions', functions),
        new ConfigGroup('configs', configsType),
        new ConfigGroup('strings', stringsType),
        new ConfigGroup('os_desc', osDescType),
        new ConfigGroup('webusb', { attributes: ['use', 'bcdVersion', 'bVendorCode', 'landingPage'].map(text) }),
      ]),
  });
}
