import {
  FUNCTIONFS_BIND,
  FUNCTIONFS_DISABLE,
  FUNCTIONFS_ENABLE,
  FUNCTIONFS_RESUME,
  FUNCTIONFS_SETUP,
  FUNCTIONFS_SUSPEND,
  FUNCTIONFS_UNBIND,
  type UsbCtrlRequest,
  usb_functionfs_event,
} from '../../abi/uapi/index.ts';

const isPower = (type: number) => type === FUNCTIONFS_SUSPEND || type === FUNCTIONFS_RESUME;

/** What a new event leaves of those that nobody has read. */
function survives(old: number, added: number): boolean {
  switch (added) {
    case FUNCTIONFS_RESUME:
      return !isPower(old);
    case FUNCTIONFS_SUSPEND:
    case FUNCTIONFS_SETUP:
      return old !== added;
    case FUNCTIONFS_BIND:
    case FUNCTIONFS_UNBIND:
    case FUNCTIONFS_ENABLE:
    case FUNCTIONFS_DISABLE:
      return isPower(old);
    default:
      throw new Error(`there is no event ${added}`);
  }
}

const NO_SETUP: UsbCtrlRequest = { bRequestType: 0, bRequest: 0, wValue: 0, wIndex: 0, wLength: 0 };

/** Events of ep0 that nobody has read yet: __ffs_event_add of f_fs.c. At most four, at most one of them a setup. */
export class EventQueue {
  #types: number[] = [];
  /** The packet of the last setup, whether it has been read or not. */
  setup = NO_SETUP;

  get length(): number {
    return this.#types.length;
  }

  /** @param type FUNCTIONFS_ event; for FUNCTIONFS_SETUP `setup` is set before */
  add(type: number): void {
    this.#types = this.#types.filter((old) => survives(old, type));
    this.#types.push(type);
  }

  /** Takes the oldest. @param count at most as many as there are */
  take(count: number): number[] {
    return this.#types.splice(0, count);
  }

  clear(): void {
    this.#types = [];
  }

  /** As a read of ep0 gives them. */
  encode(types: readonly number[]): Uint8Array {
    const { size } = usb_functionfs_event;
    const bytes = new Uint8Array(types.length * size);
    const view = new DataView(bytes.buffer);
    for (const [index, type] of types.entries()) {
      usb_functionfs_event.encode(view, index * size, { ...(type === FUNCTIONFS_SETUP ? this.setup : NO_SETUP), type });
    }
    return bytes;
  }
}
