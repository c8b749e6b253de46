/** Machines to boot, by name. */
import type { Board } from '../machine/index.ts';
import { contiguous } from './contiguous.ts';
import { dsa } from './dsa.ts';
import { generic } from './generic.ts';
import { keembay } from './keembay.ts';
import { noncoherent } from './noncoherent.ts';
import { raspberrypi3 } from './raspberrypi3.ts';
import { raspberrypi4 } from './raspberrypi4.ts';
import { remoteproc } from './remoteproc.ts';
import { noncoherentZcu102, zcu102 } from './zcu102.ts';

export { type DsaOptions, type DsaParts, dsaOf } from './dsa.ts';
export type { KeembayBoard, KeembayOptions, KeembayParts } from './keembay.ts';
export { makeFirmwareFile } from './keembay-firmware.ts';
export type { NonCoherentBoardOptions } from './noncoherent.ts';
export type { RemoteprocBoard, RemoteprocMemory, RemoteprocOptions, RemoteprocPart, RemoteprocParts } from './remoteproc.ts';
export { type UsbControllers, usbControllersOf } from './usb-controllers.ts';
export { type VideoCoreOptions, type VideoCoreParties, videoCoreOf } from './videocore.ts';
export type { NonCoherentZcu102Options, Zcu102Board, Zcu102Options, Zcu102Parts } from './zcu102.ts';
export { contiguous, dsa, generic, keembay, noncoherent, noncoherentZcu102, raspberrypi3, raspberrypi4, remoteproc, zcu102 };

/** Every board that `--board` knows. */
export const boards: Readonly<Record<string, () => Board>> = {
  generic,
  contiguous,
  noncoherent,
  raspberrypi3,
  raspberrypi4,
  keembay: () => keembay(),
  remoteproc: () => remoteproc(),
  dsa: () => dsa(),
  zcu102: () => zcu102(),
  'zcu102-noncoherent': () => noncoherentZcu102(),
};
