import { Errno } from '../../src/abi/index.ts';
import type { System } from '../../src/kernel/index.ts';
import {
  registerUsbFunction,
  type UsbConfiguration,
  UsbFunction,
  UsbFunctionInstance,
  type UsbGadgetStrings,
} from '../../src/usb/index.ts';

/** What happens to functions, in order: `ffs.a bind`. */
export type Told = string[];

/** A function of one vendor-specific interface without endpoints, that says what is done to it. */
export class TestFunction extends UsbFunction {
  readonly #told: Told;
  /** Makes the next `bind` or `setAlt` fail. */
  refusal: Errno | undefined;
  interface = -1;
  status: number | void = undefined;

  constructor(instance: TestInstance, told: Told) {
    super(instance.name, instance);
    this.#told = told;
    instance.functions.push(this);
  }

  bind(config: UsbConfiguration): void {
    this.#tell('bind');
    this.#refuse();
    this.interface = config.interfaceId(this);
    const id = config.cdev?.stringIds(1) as number;
    const strings: UsbGadgetStrings = { language: 0x409, strings: [{ id, s: `function ${this.name}` }] };
    this.strings = [strings];
    const descriptor = Uint8Array.of(9, 4, this.interface, 0, 0, 0xff, 0, 0, id);
    this.fsDescriptors = [descriptor];
    this.hsDescriptors = [descriptor];
  }

  unbind(): void {
    this.#tell('unbind');
  }

  setAlt(intf: number, alt: number): number | void {
    this.#tell(`set_alt ${intf} ${alt}`);
    this.#refuse();
    return this.status;
  }

  disable(): void {
    this.#tell('disable');
  }

  override free(): void {
    this.#tell('free');
  }

  #tell(what: string): void {
    this.#told.push(`${this.name} ${what}`);
  }

  #refuse(): void {
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal !== undefined) throw refusal;
  }
}

export class TestInstance extends UsbFunctionInstance {
  readonly functions: TestFunction[] = [];
  readonly #told: Told;

  constructor(name: string, told: Told, release: () => void) {
    super(name, { attributes: [{ name: 'ready', mode: 0o444, show: () => '0\n' }], release });
    this.#told = told;
  }

  makeFunction(): TestFunction {
    return new TestFunction(this, this.#told);
  }
}

/** Functions of kind `ffs`, whose instances share their names with those of other gadgets. */
export function addTestFunctions(system: System, told: Told = []): ReadonlyMap<string, TestInstance> {
  const instances = new Map<string, TestInstance>();
  registerUsbFunction(system, {
    name: 'ffs',
    makeInstance(_system, folder, instance) {
      if (instances.has(instance)) throw new Errno('EBUSY', `there is a function ${folder} already`);
      const made = new TestInstance(folder, told, () => void instances.delete(instance));
      instances.set(instance, made);
      return made;
    },
  });
  return instances;
}
