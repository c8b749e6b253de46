/** A USB gadget of one function with an endpoint to the host, made by a program: configfs, FunctionFS, and what libiio's iiod writes to ep0. */
import { FUNCTIONFS_ENABLE, O_RDWR, O_WRONLY, usb_functionfs_event } from '../../abi/uapi/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import type { ProgramCalls } from '../program-calls.ts';

/** Of Analog Devices. */
export const ID_VENDOR = 0x0456;
export const ID_PRODUCT = 0xb672;

const GADGET = '/sys/kernel/config/usb_gadget/iio';
const MOUNT = '/dev/ffs-iio';
const CONTROLLER = 'sg_udc.0';

const le16 = (value: number) => [value & 0xff, (value >> 8) & 0xff];
const le32 = (value: number) => [...le16(value), ...le16(value >>> 16)];
const sealed = (bytes: number[]) => {
  const block = Uint8Array.from(bytes);
  new DataView(block.buffer).setUint32(4, block.length, true);
  return block;
};

/** An interface of a vendor's own, and one bulk endpoint, to the host. */
const intf = [9, 4, 0, 0, 1, 0xff, 0, 0, 1];
const bulkIn = (packet: number) => [7, 5, 0x81, 2, ...le16(packet), 0];
const companion = [6, 0x30, 0, 0, 0, 0];
/** For full, high and super speed. */
const descriptors = sealed([
  ...le32(3),
  ...le32(0),
  ...le32(7),
  ...le32(2),
  ...le32(2),
  ...le32(3),
  ...intf,
  ...bulkIn(64),
  ...intf,
  ...bulkIn(512),
  ...intf,
  ...bulkIn(1024),
  ...companion,
]);
const strings = sealed([...le32(2), ...le32(0), ...le32(1), ...le32(1), ...le16(0x409), ...Buffer.from('IIO\0')]);

export function* store(sys: ProgramCalls, path: string, text: string): Kernel<void> {
  const fd = yield* sys.open(path, O_WRONLY);
  try {
    yield* sys.write(fd, text);
  } finally {
    yield* sys.close(fd);
  }
}

/** A gadget that its host has enabled. */
export interface Gadget {
  /** The endpoint's file. */
  readonly endpoint: number;
  /** Takes all of it apart. */
  remove(): Kernel<void>;
}

const FOLDERS = ['', '/strings/0x409', '/configs/c.1', '/functions/ffs.iio'];

/** Makes the gadget and waits for the host. */
export function* makeGadget(sys: ProgramCalls): Kernel<Gadget> {
  for (const folder of FOLDERS) yield* sys.mkdir(`${GADGET}${folder}`, 0o755);
  yield* store(sys, `${GADGET}/idVendor`, `${ID_VENDOR}`);
  yield* store(sys, `${GADGET}/idProduct`, `${ID_PRODUCT}`);
  yield* sys.symlink(`${GADGET}/functions/ffs.iio`, `${GADGET}/configs/c.1/ffs.iio`);
  yield* sys.mkdir(MOUNT, 0o755);
  yield* sys.mount('iio', MOUNT, 'functionfs', 0, '');
  const ep0 = yield* sys.open(`${MOUNT}/ep0`, O_RDWR);
  yield* sys.write(ep0, descriptors);
  yield* sys.write(ep0, strings);
  yield* store(sys, `${GADGET}/UDC`, CONTROLLER);
  for (let type = -1; type !== FUNCTIONFS_ENABLE; ) {
    const bytes = yield* sys.read(ep0, usb_functionfs_event.size);
    ({ type } = usb_functionfs_event.decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0));
  }
  const endpoint = yield* sys.open(`${MOUNT}/ep1`, O_RDWR);
  return {
    endpoint,
    *remove() {
      yield* sys.close(endpoint);
      yield* store(sys, `${GADGET}/UDC`, '\n');
      yield* sys.close(ep0);
      yield* sys.umount(MOUNT);
      yield* sys.rmdir(MOUNT);
      yield* sys.unlink(`${GADGET}/configs/c.1/ffs.iio`);
      for (const folder of [...FOLDERS].reverse()) yield* sys.rmdir(`${GADGET}${folder}`);
    },
  };
}
