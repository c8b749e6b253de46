/** struct ffs_epfile of f_fs.c: what all who have an endpoint's file open share. */
import { FUNCTIONFS_VIRTUAL_ADDR, type UsbEndpointDescriptor } from '../../abi/uapi/index.ts';
import { Mutex, WaitQueue } from '../../kernel/index.ts';
import type { UsbEp, UsbRequest } from '../../usb/index.ts';
import type { Attachment } from './dmabuf.ts';
import type { Ffs } from './ffs.ts';

/** struct ffs_ep: an endpoint of a controller that a bound function has. */
export interface BoundEndpoint {
  readonly ep: UsbEp;
  /** For reads and writes; asynchronous ones have their own. */
  readonly request: UsbRequest;
  /** Full, high and super speed, with the addresses that the host sees. */
  readonly descriptors: readonly (UsbEndpointDescriptor | undefined)[];
}

export class FfsEndpoint {
  readonly ffs: Ffs;
  /** The file's. */
  readonly name: string;
  /** One synchronous transfer at a time. */
  readonly mutex: Mutex;
  /** A synchronous transfer has ended. */
  readonly done: WaitQueue;
  /** Undefined while it is not enabled. */
  bound: BoundEndpoint | undefined;
  /** Known when it was enabled once. */
  isIn = false;
  isIsochronous = false;
  /** What a controller has read too much, for the next synchronous read. */
  stash: Uint8Array | undefined;
  /** Buffers attached through any of its files, the newest first. */
  readonly attachments: Attachment[] = [];
  /** Of the last fence. */
  seqno = 0;
  /** Memory of synchronous reads, kept from one to the next. */
  #scratch = new Uint8Array(0);

  constructor(ffs: Ffs, name: string) {
    this.ffs = ffs;
    this.name = name;
    this.mutex = new Mutex(`${name} of FunctionFS`, ffs.system.lockdep.lockClass('epfile->mutex'));
    this.done = new WaitQueue(`the host at ${name}`);
  }

  /** At least so many bytes, with anything in them. For the holder of {@link mutex}. */
  scratch(length: number): Uint8Array {
    if (this.#scratch.length < length) this.#scratch = new Uint8Array(length);
    return this.#scratch;
  }

  enable(bound: BoundEndpoint, isIn: boolean, isIsochronous: boolean): void {
    this.bound = bound;
    this.isIn = isIn;
    this.isIsochronous = isIsochronous;
  }

  disable(): void {
    this.bound = undefined;
    this.stash = undefined;
  }
}

/** ffs_epfiles_create: a file for each endpoint, named by its number among them or by its address. @throws Errno ENOMEM */
export function makeEndpoints(ffs: Ffs): FfsEndpoint[] {
  const { eps, flags, addresses } = ffs.totals;
  ffs.system.kmalloc('struct ffs_epfile');
  return Array.from({ length: eps }, (_, index) => {
    const address = addresses[index + 1] as number;
    const number = (flags & FUNCTIONFS_VIRTUAL_ADDR) === 0 ? `${index + 1}` : address.toString(16).padStart(2, '0');
    return new FfsEndpoint(ffs, `ep${number}`);
  });
}
