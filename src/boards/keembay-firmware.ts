import { firmware_header } from '../ports/keembay/index.ts';

/** Where firmware is loaded, and its certificate; in bytes, as the VPU sees them without an offset. */
export const FIRMWARE_AREA = { base: 0x85000000, size: 0x200000 };
export const X509_AREA = { base: 0x85200000, size: 0x2000 };

/** Name of the firmware that a board has when no other is given. */
export const DEFAULT_FIRMWARE = 'vpu.bin';

const IMAGE_AT = 0x2000;
const PAGE = 0x1000;

/** What a firmware file says; what is left out is as the driver wants it. */
export interface FirmwareFileOptions {
  readonly header?: Parameters<typeof firmware_header.encode>[2];
  /** Of the whole file, in bytes. */
  readonly length?: number;
  /** What is added to an address of the CPU to get the VPU's; 0 when left out. */
  readonly vpuOffset?: number;
}

/** A firmware file of 14.5 of docs/reference/keembay-ipc.md. Nothing runs its image: what the firmware does is a script. */
export function makeFirmwareFile({ header = {}, length = IMAGE_AT + PAGE, vpuOffset = 0 }: FirmwareFileOptions = {}): Uint8Array {
  const file = new Uint8Array(length);
  const base = FIRMWARE_AREA.base + vpuOffset;
  file.fill(0x56, IMAGE_AT);
  firmware_header.encode(new DataView(file.buffer), 0, {
    header_ver: 1,
    image_load_addr: base,
    image_size: PAGE,
    entry_point: base,
    fw_ver_load_addr: base + 0x10000,
    fw_ver_size: 16,
    config_load_addr: base + 0x20000,
    ...header,
  });
  return file;
}
