/** The folders `os_desc` and `webusb` of drivers/usb/gadget/configfs.c. */
import { Errno } from '../../../abi/index.ts';
import { kstrtobool } from '../../../kernel/index.ts';
import { type ConfigAttribute, ConfigGroup, type ConfigItem } from '../../../vfs/pseudo/index.ts';
import { WEBUSB_URL_MAX } from '../webusb.ts';
import { byte, checkedBcd, cString, RW, withoutNewline, word } from './attributes.ts';
import type { GadgetInfo } from './gadget-info.ts';

/** Units of 16 bits of the signature. */
const SIGNATURE_UNITS = 7;

/** Whether a folder's settings hold. */
const useOf = (settings: () => { use: boolean }): ConfigAttribute<ConfigItem> => ({
  name: 'use',
  mode: RW,
  show: () => `${settings().use ? 1 : 0}\n`,
  store: (_item, text) => {
    settings().use = kstrtobool(text);
  },
});

/** What one operating system asks of a device, and where programs set it. */
export class OsDescGroup extends ConfigGroup {
  use = false;
  vendorCode = 0;
  readonly signature = new Uint8Array(2 * SIGNATURE_UNITS);

  constructor(gadget: () => GadgetInfo) {
    super('os_desc', {
      attributes: [
        useOf(() => this),
        byte('b_vendor_code', {
          get: () => this.vendorCode,
          set: (_item, value) => {
            this.vendorCode = value;
          },
        }),
        { name: 'qw_sign', mode: RW, show: () => this.#shown(), store: (_item, text) => this.#sign(text) },
      ],

      *allowLink(_source, target) {
        const info = gadget();
        yield* info.lock.lock();
        try {
          const linked = info.configs.find((one) => one === target);
          if (linked === undefined) throw new Errno('EINVAL', `${target.describe()} is no configuration of ${info.name}`);
          if (info.osDescConfig !== undefined) throw new Errno('EBUSY', 'a configuration is linked already');
          info.osDescConfig = linked.config;
        } finally {
          info.lock.unlock();
        }
      },

      *dropLink() {
        const info = gadget();
        yield* info.lock.lock();
        try {
          if (info.udcName !== undefined) yield* info.unregister();
          info.osDescConfig = undefined;
        } finally {
          info.lock.unlock();
        }
      },
    });
  }

  #shown(): string {
    const units = Array.from({ length: SIGNATURE_UNITS }, (_, index) => this.#view.getUint16(2 * index, true));
    const end = units.indexOf(0);
    return `${Buffer.from(String.fromCharCode(...units.slice(0, end < 0 ? undefined : end)), 'utf8').toString('latin1')}\n`;
  }

  /** What was there behind a shorter text stays. */
  #sign(text: string): number {
    const bytes = Buffer.from(withoutNewline(text.slice(0, SIGNATURE_UNITS)), 'latin1');
    let units: string;
    try {
      units = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new Errno('EINVAL', 'the signature is not UTF-8');
    }
    for (let at = 0; at < units.length; at++) this.#view.setUint16(2 * at, units.charCodeAt(at), true);
    return units.length > 0 ? text.length : 0;
  }

  get #view(): DataView {
    return new DataView(this.signature.buffer);
  }
}

/** Where browsers find the device's page. */
export class WebUsbGroup extends ConfigGroup {
  use = false;
  version = 0;
  vendorCode = 0;
  landingPage = '';

  constructor() {
    super('webusb', {
      attributes: [
        useOf(() => this),
        word('bcdVersion', {
          get: () => this.version,
          set: (_item, value) => {
            this.version = checkedBcd(value);
          },
        }),
        byte('bVendorCode', {
          get: () => this.vendorCode,
          set: (_item, value) => {
            this.vendorCode = value;
          },
        }),
        {
          name: 'landingPage',
          mode: RW,
          show: () => `${cString(this.landingPage)}\n`,
          store: (_item, text) => {
            this.landingPage = checkedPage(withoutNewline(text));
          },
        },
      ],
    });
  }
}

/** @throws Errno EINVAL for one that does not fit a descriptor, where `https://` and `http://` take no room */
function checkedPage(page: string): string {
  const [scheme = ''] = /^https?:\/\//i.exec(page) ?? [];
  if (page.length > WEBUSB_URL_MAX + scheme.length) throw new Errno('EINVAL', `${page.length} bytes are too many for a landing page`);
  return page;
}
