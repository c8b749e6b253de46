/** The loopback gadget of loopback.c and its host, as programs of a TypeScript test. */
import type { Kernel, Sys } from 'ioctopus';
import {
  FUNCTIONFS_DESCRIPTORS_MAGIC_V2,
  FUNCTIONFS_ENABLE,
  FUNCTIONFS_HAS_FS_DESC,
  FUNCTIONFS_HAS_HS_DESC,
  FUNCTIONFS_STRINGS_MAGIC,
  FUNCTIONFS_UNBIND,
  O_NONBLOCK,
  O_RDWR,
  O_WRONLY,
  usb_functionfs_event,
} from 'ioctopus/uapi';

const GADGET = '/sys/kernel/config/usb_gadget/loopback';
const FOLDER = '/loopback';

const le32 = (...values: number[]) => [...new Uint8Array(Uint32Array.from(values).buffer)];
const le16 = (value: number) => [value & 0xff, value >> 8];
const endpoint = (address: number, packet: number) => [7, 5, address, 2, ...le16(packet), 0];
/** An interface with a bulk endpoint in each direction. */
const speed = (packet: number) => [9, 4, 0, 0, 2, 0xff, 0, 0, 1, ...endpoint(0x81, packet), ...endpoint(0x02, packet)];

function block(magic: number, ...rest: number[]): Uint8Array {
  return Uint8Array.from([...le32(magic, 8 + rest.length), ...rest]);
}

const flags = FUNCTIONFS_HAS_FS_DESC | FUNCTIONFS_HAS_HS_DESC;
const descriptors = block(FUNCTIONFS_DESCRIPTORS_MAGIC_V2, ...le32(flags, 3, 3), ...speed(64), ...speed(512));
const strings = block(FUNCTIONFS_STRINGS_MAGIC, ...le32(1, 1), ...le16(0x0409), ...Buffer.from('loopback\0'));

function* put(sys: Sys<'task'>, attribute: string, text: string): Kernel<void> {
  const fd = yield* sys.open(`${GADGET}/${attribute}`, O_WRONLY);
  yield* sys.write(fd, text);
  yield* sys.close(fd);
}

/** The script: makes the gadget, and mounts its function. */
export function* makeGadget(sys: Sys<'task'>): Kernel<void> {
  for (const path of ['', '/strings/0x409', '/configs/c.1', '/functions/ffs.loopback']) yield* sys.mkdir(`${GADGET}${path}`);
  yield* put(sys, 'strings/0x409/product', 'loopback');
  yield* sys.symlink(`${GADGET}/functions/ffs.loopback`, `${GADGET}/configs/c.1/ffs.loopback`);
  yield* sys.mkdir(FOLDER);
  yield* sys.mount('loopback', FOLDER, 'functionfs');
}

/** Plugs it in. @param udc a controller; an empty name pulls the plug */
export const plug = (sys: Sys<'task'>, udc: string): Kernel<void> => put(sys, 'UDC', `${udc}\n`);

/** The daemon: describes the function, and gives back what comes until the gadget is unbound. @returns how many bytes that were */
export function* loopback(sys: Sys<'task'>, udc: string): Kernel<number> {
  const ep0 = yield* sys.open(`${FOLDER}/ep0`, O_RDWR);
  yield* sys.write(ep0, descriptors);
  yield* sys.write(ep0, strings);
  const [toHost, fromHost] = [yield* sys.open(`${FOLDER}/ep1`, O_RDWR | O_NONBLOCK), yield* sys.open(`${FOLDER}/ep2`, O_RDWR | O_NONBLOCK)];
  yield* plug(sys, udc);
  let total = 0;
  for (let type = -1; type !== FUNCTIONFS_UNBIND; ) {
    type = (yield* sys.read(ep0, usb_functionfs_event.size))[8] as number;
    if (type !== FUNCTIONFS_ENABLE) continue;
    // Until the endpoints are disabled: ESHUTDOWN, or EAGAIN, as they do not wait to be enabled; they do wait for the host.
    try {
      for (;;) total += yield* sys.write(toHost, yield* sys.read(fromHost, 65_536));
    } catch {}
  }
  for (const fd of [toHost, fromHost, ep0]) yield* sys.close(fd);
  yield* sys.umount(FOLDER);
  return total;
}
