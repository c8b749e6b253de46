/** struct ffs_function of f_fs.c: the function in one configuration, between the bus and the files. */
import { Errno } from '../../abi/index.ts';
import {
  FUNCTIONFS_ALL_CTRL_RECIP,
  FUNCTIONFS_BIND,
  FUNCTIONFS_CONFIG0_SETUP,
  FUNCTIONFS_DISABLE,
  FUNCTIONFS_ENABLE,
  FUNCTIONFS_RESUME,
  FUNCTIONFS_SUSPEND,
  FUNCTIONFS_UNBIND,
  FUNCTIONFS_VIRTUAL_ADDR,
  USB_ENDPOINT_NUMBER_MASK,
  USB_ENDPOINT_XFER_ISOC,
  USB_RECIP_ENDPOINT,
  USB_RECIP_INTERFACE,
  USB_RECIP_MASK,
  type UsbCtrlRequest,
  type UsbEndpointDescriptor,
  usb_endpoint_dir_in,
  usb_endpoint_type,
} from '../../abi/uapi/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import {
  configEpBySpeed,
  type UsbCompositeDev,
  type UsbConfiguration,
  UsbFunction,
  type UsbGadget,
  type UsbOsDescTable,
} from '../../usb/index.ts';
import { type BoundDescriptors, bindDescriptors } from './bind-descriptors.ts';
import type { FfsEndpoint } from './endpoint.ts';
import type { Ffs } from './ffs.ts';
import type { FfsFolder } from './instance.ts';

/** MAX_ALT_SETTINGS. */
const ALT_MAX = 2;

const ID_SIZE = 16;

export class FfsFunction extends UsbFunction {
  readonly #folder: FfsFolder;
  /** Of the mount, from bind to unbind. */
  #ffs: Ffs | undefined;
  #gadget: UsbGadget | undefined;
  #bound: BoundDescriptors | undefined;
  /** By real number of the interface. */
  readonly #alts = new Map<number, number>();

  constructor(folder: FfsFolder) {
    super('Function FS Gadget', folder);
    this.#folder = folder;
  }

  /** @throws Errno ENODEV no daemon has described it; EBADFD; ENOTSUPP; EINVAL */
  *bind(config: UsbConfiguration): Kernel<void> {
    const { ffs, isReady } = this.#folder.record;
    if (!isReady || ffs === undefined) throw new Errno('ENODEV', 'the function has not been described');
    const cdev = config.cdev as UsbCompositeDev;
    const { gadget } = cdev;
    if (this.#folder.boundFunctions === 0) this.#folder.bindStrings(ffs, cdev);
    this.#folder.boundFunctions++;
    try {
      this.#bound = bindDescriptors(ffs, gadget, {
        interface: () => config.interfaceId(this),
        string: (index) => this.#folder.stringId(index),
      });
    } catch (error) {
      if (--this.#folder.boundFunctions === 0) yield* ffs.unbind();
      throw error;
    }
    this.#ffs = ffs;
    this.#gadget = gadget;
    [this.fsDescriptors, this.hsDescriptors, this.ssDescriptors] = this.#bound.speeds;
    this.sspDescriptors = this.ssDescriptors;
    this.strings = this.#folder.strings;
    this.osDescTable = cdev.osDescriptors !== undefined ? osTable(ffs, this.#bound.interfaces) : [];
    ffs.addEvent(FUNCTIONFS_BIND);
  }

  *unbind(): Kernel<void> {
    const ffs = this.#ffs as Ffs;
    if (ffs.func === this) this.#disableEndpoints();
    ffs.addEvent(FUNCTIONFS_UNBIND);
    if (--this.#folder.boundFunctions === 0) yield* ffs.unbind();
    this.fsDescriptors = this.hsDescriptors = this.ssDescriptors = this.sspDescriptors = undefined;
    this.#bound = undefined;
    this.#ffs = undefined;
  }

  /** @throws Errno EINVAL, EDOM, ENODEV; EIO no descriptor at this speed; the controller's */
  setAlt(intf: number, alt: number): void {
    const ffs = this.#ffs as Ffs;
    if (alt > ALT_MAX) throw new Errno('EINVAL', `there is no setting ${alt}`);
    this.interfaceOf(intf);
    ffs.func?.leave();
    if (ffs.state === 'DEACTIVATED') ffs.resetLater();
    if (ffs.state !== 'ACTIVE') throw new Errno('ENODEV', `the function is ${ffs.state}`);
    ffs.func = this;
    this.#enableEndpoints();
    ffs.addEvent(FUNCTIONFS_ENABLE);
    this.#alts.set(intf, alt);
  }

  override getAlt(intf: number): number {
    this.interfaceOf(intf);
    return this.#alts.get(intf) ?? 0;
  }

  disable(): void {
    const ffs = this.#ffs as Ffs;
    ffs.func?.leave();
    if (ffs.state === 'DEACTIVATED') ffs.resetLater();
    else if (ffs.state === 'ACTIVE') ffs.addEvent(FUNCTIONFS_DISABLE);
  }

  /** @returns as the gadget's driver does @throws Errno ENODEV, EDOM, EOPNOTSUPP: the request stalls */
  override setup(request: UsbCtrlRequest): number | void {
    const ffs = this.#ffs as Ffs;
    if (ffs.state !== 'ACTIVE') throw new Errno('ENODEV', `the function is ${ffs.state}`);
    return ffs.addSetup({ ...request, wIndex: this.#translate(request) });
  }

  override reqMatch(request: UsbCtrlRequest, config0: boolean): boolean {
    const { flags } = (this.#ffs as Ffs).totals;
    if (config0 && (flags & FUNCTIONFS_CONFIG0_SETUP) === 0) return false;
    switch (request.bRequestType & USB_RECIP_MASK) {
      case USB_RECIP_INTERFACE:
        return this.#interfaceIndex(request.wIndex) >= 0;
      case USB_RECIP_ENDPOINT:
        return this.#endpointIndex(request.wIndex) !== undefined;
      default:
        return (flags & FUNCTIONFS_ALL_CTRL_RECIP) !== 0;
    }
  }

  override suspend(): void {
    (this.#ffs as Ffs).addEvent(FUNCTIONFS_SUSPEND);
  }

  override resume(): void {
    (this.#ffs as Ffs).addEvent(FUNCTIONFS_RESUME);
  }

  /** ffs_func_revmap_intf: the descriptors' number of a real interface. @throws Errno EDOM when it is not one of this function */
  interfaceOf(real: number): number {
    const index = this.#interfaceIndex(real);
    if (index < 0) throw new Errno('EDOM', `interface ${real & 0xff} is not this function's`);
    return index;
  }

  /** Its endpoints work no more; no event tells of it. */
  leave(): void {
    this.#disableEndpoints();
  }

  #interfaceIndex(real: number): number {
    return this.#bound?.interfaces.indexOf(real & 0xff) ?? -1;
  }

  /** ffs_func_revmap_ep: the number of an endpoint's file; directions are not told apart. */
  #endpointIndex(wIndex: number): number | undefined {
    return this.#bound?.revmap.get(wIndex & USB_ENDPOINT_NUMBER_MASK);
  }

  /** wIndex as the daemon knows it. */
  #translate({ bRequestType, wIndex }: UsbCtrlRequest): number {
    const { flags, addresses } = (this.#ffs as Ffs).totals;
    switch (bRequestType & USB_RECIP_MASK) {
      case USB_RECIP_INTERFACE:
        return this.interfaceOf(wIndex);
      case USB_RECIP_ENDPOINT: {
        const index = this.#endpointIndex(wIndex);
        if (index === undefined) throw new Errno('EDOM', `endpoint ${wIndex & USB_ENDPOINT_NUMBER_MASK} is not this function's`);
        return (flags & FUNCTIONFS_VIRTUAL_ADDR) !== 0 ? (addresses[index] as number) : index;
      }
      default:
        if ((flags & FUNCTIONFS_ALL_CTRL_RECIP) === 0) throw new Errno('EOPNOTSUPP', 'the daemon wants no such requests');
        return wIndex;
    }
  }

  /** ffs_func_eps_enable. What was enabled before an error stays so. */
  #enableEndpoints(): void {
    const ffs = this.#ffs as Ffs;
    const { endpoints } = this.#bound as BoundDescriptors;
    try {
      for (const [index, bound] of endpoints.entries()) {
        configEpBySpeed(this.#gadget as UsbGadget, this, bound.ep);
        bound.ep.enable();
        const desc = bound.ep.desc as UsbEndpointDescriptor;
        (ffs.endpoints[index] as FfsEndpoint).enable(bound, usb_endpoint_dir_in(desc), usb_endpoint_type(desc) === USB_ENDPOINT_XFER_ISOC);
      }
    } finally {
      ffs.enabled.wakeAll();
    }
  }

  /** ffs_func_eps_disable. */
  #disableEndpoints(): void {
    const ffs = this.#ffs as Ffs;
    for (const { ep } of this.#bound?.endpoints ?? []) ep.disable();
    for (const endpoint of ffs.endpoints) endpoint.disable();
    ffs.func = undefined;
  }
}

/** __ffs_func_bind_do_os_desc: an entry for each interface, whether something is said of it or not. */
function osTable({ descriptors }: Ffs, interfaces: readonly number[]): UsbOsDescTable[] {
  const { compats = [], properties = [] } = descriptors?.os ?? {};
  return interfaces.map((ifId, index) => ({
    ifId,
    extCompatId: compats.findLast((one) => one.interface === index)?.id ?? new Uint8Array(ID_SIZE),
    properties: properties.filter((one) => one.interface === index),
  }));
}
