import type { AnyRequest } from '../../src/abi/index.ts';
import * as uapi from '../../src/abi/uapi/index.ts';
import type { BootedMachine } from '../../src/index.ts';

type Sys = BootedMachine['sys'];

/** What a request of /dev/xlnk came to. */
export interface XlnkAnswer {
  /** What ioctl(2) returned, or the name of its errno. */
  readonly outcome: number | string;
  /** What was stored through return_code; NOTHING when nothing was. */
  readonly result: number;
}

/** What the place for a result holds before the request. */
export const NOTHING = 99;

// Places in the client's page.
const RESULT = 0;
const HANDLE = 16;
const SIZE = 32;
const DATA = 64;
const PAGE = 4096;

/** A program that talks to /dev/xlnk: a file, and a page for what the requests point to. */
export class XlnkClient {
  readonly sys: Sys;
  readonly fd: number;
  readonly #page: { readonly address: number; readonly bytes: Uint8Array };

  constructor(sys: Sys) {
    this.sys = sys;
    this.fd = sys.open('/dev/xlnk', uapi.O_RDWR);
    this.#page = sys.allocate(PAGE);
    this.handle(0, uapi.VPUIP_DEVICE);
  }

  get #view(): DataView {
    const { bytes } = this.#page;
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Where its data is, of {@link data}. */
  get dataAt(): number {
    return this.#page.address + DATA;
  }

  get sizeAt(): number {
    return this.#page.address + SIZE;
  }

  get data(): Uint8Array {
    return this.#page.bytes.subarray(DATA);
  }

  /** Fills {@link data}. */
  put(bytes: ArrayLike<number> | string): void {
    this.data.set(typeof bytes === 'string' ? Buffer.from(`${bytes}\0`) : bytes);
  }

  get number(): number {
    return this.#view.getUint32(DATA, true);
  }

  set number(value: number) {
    this.#view.setUint32(DATA, value, true);
  }

  get size(): number {
    return this.#view.getUint32(SIZE, true);
  }

  get deviceType(): number {
    return this.#view.getUint32(HANDLE + 4, true);
  }

  /** From now on the requests are about this device. */
  handle(device: number, type: number): void {
    this.#view.setUint32(HANDLE, device, true);
    this.#view.setUint32(HANDLE + 4, type, true);
  }

  /** @param fields of the argument, its handle and return_code aside */
  call(request: AnyRequest, fields: object = {}): XlnkAnswer {
    const { address } = this.#page;
    const argument = { handle: address + HANDLE, return_code: address + RESULT, ...fields };
    return this.#outcomeOf(() => this.sys.ioctl(this.fd, request, argument as never) as number);
  }

  /** The same with any third argument. */
  at(request: AnyRequest | number, argument: number): XlnkAnswer {
    return this.#outcomeOf(() => this.sys.ioctl(this.fd, typeof request === 'number' ? request : request.number, argument));
  }

  #outcomeOf(call: () => number): XlnkAnswer {
    this.#view.setInt32(RESULT, NOTHING, true);
    let outcome: number | string;
    try {
      outcome = call();
    } catch (error) {
      outcome = (error as { code: string }).code;
    }
    return { outcome, result: this.#view.getInt32(RESULT, true) };
  }

  open(chan: number, mode: number = uapi.RXB_TXB, timeout = 0): XlnkAnswer {
    return this.call(uapi.XL_OPEN_CHANNEL, { chan, mode, data_size: 1024, timeout });
  }

  close(): void {
    this.sys.close(this.fd);
    this.sys.free({ address: this.#page.address, length: PAGE });
  }
}
