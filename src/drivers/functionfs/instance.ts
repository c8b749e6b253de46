/** struct f_fs_opts of u_fs.h: a folder functions/ffs.NAME of a gadget. */
import { Errno, isErrno } from '../../abi/index.ts';
import type { Kernel, System } from '../../kernel/index.ts';
import {
  registerUsbFunction,
  type UsbCompositeDev,
  type UsbFunctionDriver,
  UsbFunctionInstance,
  type UsbGadgetStrings,
  unregisterGadgetItem,
} from '../../usb/index.ts';
import type { Ffs } from './ffs.ts';
import { FfsFunction } from './function.ts';
import { addInstance, type FfsInstance, removeInstance } from './instances.ts';

/** MAX_INST_NAME_LEN. */
const NAME_MAX_SIZE = 40;

export class FfsFolder extends UsbFunctionInstance {
  readonly record: FfsInstance;
  /** Functions that are bound, of which the first binds what they share. */
  boundFunctions = 0;
  strings: readonly UsbGadgetStrings[] = [];

  constructor(system: System, folder: string, name: string) {
    super(folder, {
      attributes: [{ name: 'ready', mode: 0o444, show: (item: FfsFolder) => `${item.record.isReady ? 1 : 0}\n` }],
      release: (item) => removeInstance(system, (item as FfsFolder).record),
    });
    this.record = { name, ffs: undefined, isReady: false, unbindGadget: () => this.#unbindGadget() };
  }

  makeFunction(): FfsFunction {
    return new FfsFunction(this);
  }

  /** functionfs_bind: the mount goes to a controller, and its strings get numbers. @throws Errno EBADFD; ENODEV no number is left */
  bindStrings(ffs: Ffs, cdev: UsbCompositeDev): void {
    ffs.bind(cdev.gadget, () => {
      const first = cdev.stringIds(ffs.totals.strings);
      this.strings = ffs.strings.map(({ language, strings }) => ({
        language,
        strings: strings.map((bytes, index) => ({ id: first + index, s: Buffer.from(bytes).toString('latin1') })),
      }));
    });
  }

  /** The number that the device has given to a string. @param index as the descriptors have it */
  stringId(index: number): number {
    return this.strings[0]?.strings[index - 1]?.id as number;
  }

  *#unbindGadget(): Kernel<void> {
    const gadget = this.parent?.parent;
    if (gadget === undefined) return;
    try {
      yield* unregisterGadgetItem(gadget);
    } catch (error) {
      // Somebody else has just done it.
      if (!isErrno(error, 'ENODEV')) throw error;
    }
  }
}

/** The function driver `ffs`. */
const ffsDriver: UsbFunctionDriver = {
  name: 'ffs',
  makeInstance(system, folder, name) {
    if (name.length >= NAME_MAX_SIZE) throw new Errno('ENAMETOOLONG', `names of instances have fewer than ${NAME_MAX_SIZE} characters`);
    system.kmalloc('struct f_fs_opts');
    const made = new FfsFolder(system, folder, name);
    addInstance(system, made.record);
    return made;
  },
};

/** Loads the driver: gadgets of the machine can have functions `ffs.NAME`. */
export function addFunctionFs(system: System): void {
  registerUsbFunction(system, ffsDriver);
}
