/** drivers/usb/gadget/configfs.c: the gadget's driver that a folder of configfs is. */
import { Errno } from '../../../abi/index.ts';
import type { UsbCtrlRequest } from '../../../abi/uapi/index.ts';
import type { Kernel } from '../../../kernel/index.ts';
import { autoconfigReset } from '../autoconfig.ts';
import { UsbCompositeDev } from '../composite.ts';
import type { UsbGadget, UsbGadgetDriver } from '../usb-gadget.ts';
import type { GadgetInfo } from './gadget-info.ts';

export class ConfigfsGadgetDriver implements UsbGadgetDriver {
  readonly function: string;
  readonly name: string;
  readonly maxSpeed: number;
  readonly udcName: string;
  readonly #info: GadgetInfo;
  /** What is bound; undefined before, and while it is taken apart. */
  #cdev: UsbCompositeDev | undefined;

  constructor(info: GadgetInfo, udcName: string) {
    this.function = info.name;
    this.name = `configfs-gadget.${info.name}`;
    this.maxSpeed = info.maxSpeed;
    this.udcName = udcName;
    this.#info = info;
  }

  /** configfs_composite_bind. */
  *bind(gadget: UsbGadget): Kernel<void> {
    const { configs, desc } = this.#info;
    const cdev = new UsbCompositeDev(
      gadget,
      configs.map(({ config }) => config),
      desc,
    );
    if (configs.length === 0) throw new Errno('EINVAL', `${this.function} needs a configuration`);
    const empty = configs.find(({ linked }) => linked.length === 0);
    if (empty !== undefined) throw new Errno('EINVAL', `configuration ${empty.name} of ${this.function} needs a function`);
    this.#attachStrings(cdev);
    this.#describe(cdev);
    try {
      for (const { config, linked, strings } of configs) {
        config.strings = strings.tables((count) => cdev.stringIds(count));
        config.iConfiguration = config.strings[0]?.strings[0]?.id ?? config.iConfiguration;
        for (const added of linked) yield* config.addFunction(added);
        autoconfigReset(gadget);
      }
    } catch (error) {
      yield* this.#unbindFunctions();
      throw error;
    }
    this.#cdev = cdev;
  }

  #attachStrings(cdev: UsbCompositeDev): void {
    const tables = this.#info.strings.tables((count) => cdev.stringIds(count));
    const [manufacturer, product, serial] = tables[0]?.strings ?? [];
    if (manufacturer === undefined || product === undefined || serial === undefined) return;
    cdev.strings.push(tables);
    cdev.desc.iManufacturer = manufacturer.id;
    cdev.desc.iProduct = product.id;
    cdev.desc.iSerialNumber = serial.id;
  }

  #describe(cdev: UsbCompositeDev): void {
    const { osDesc, osDescConfig, webUsb } = this.#info;
    // 6.12 does not forget that it was used once.
    if (osDesc.use) this.#info.usesOsDesc = true;
    if (this.#info.usesOsDesc) cdev.osDescriptors = { vendorCode: osDesc.vendorCode, signature: osDesc.signature.slice() };
    cdev.osDescConfig = osDescConfig;
    if (webUsb.use) cdev.webUsb = { version: webUsb.version, vendorCode: webUsb.vendorCode, landingPage: webUsb.landingPage };
  }

  /** purge_configs_funcs. */
  *#unbindFunctions(): Kernel<void> {
    for (const { config } of this.#info.configs) {
      yield* config.unbindAll();
      config.reset();
    }
  }

  /** configfs_composite_unbind. */
  *unbind(gadget: UsbGadget): Kernel<void> {
    this.#cdev = undefined;
    yield* this.#unbindFunctions();
    autoconfigReset(gadget);
    gadget.deactivated = false;
  }

  setup(_gadget: UsbGadget, request: UsbCtrlRequest): number | void {
    return this.#cdev?.setup(request);
  }

  disconnect(): void {
    this.#cdev?.disconnect();
  }

  reset(): void {
    this.#cdev?.reset();
  }

  suspend(): void {
    this.#cdev?.suspend();
  }

  resume(): void {
    this.#cdev?.resume();
  }
}
