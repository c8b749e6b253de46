import { bigu64, chars, Errno, struct, u32 } from '../../abi/index.ts';

/** 14.5 of docs/reference/keembay-ipc.md: the header of a firmware file. */
export const firmware_header = struct(
  {
    header_ver: u32,
    image_format: u32,
    image_load_addr: bigu64,
    image_size: u32,
    entry_point: bigu64,
    vpu_ver: chars(32),
    compression_type: u32,
    fw_ver_load_addr: bigu64,
    fw_ver_size: u32,
    config_load_addr: bigu64,
  },
  { packed: true },
);

const VERSION_MAX = 0x1000;
const IMAGE_AT = 0x2000;
const CERTIFICATE_MAX = 0x1000;
const HEADER_COPY = 0x1000;
const CONFIG_SIZE = 0x1000;

/** Memory that is reserved, as the VPU sees it; in bytes. */
export interface ReservedArea {
  readonly vpuAddr: number;
  readonly size: number;
}

interface Range {
  readonly name: string;
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * Checks a firmware file, in the driver's order.
 *
 * @param area where image, version and configuration must lie
 * @param x509Size of the area for the certificate and a copy of the header, in bytes
 * @returns where it starts
 * @throws Errno EINVAL
 */
export function checkFirmware(file: Uint8Array, area: ReservedArea, x509Size: number): { readonly entryPoint: number } {
  const refuse = (why: string) => new Errno('EINVAL', `the firmware file ${why}`);
  if (file.length < firmware_header.size) throw refuse('has no header');
  const header = firmware_header.decode(new DataView(file.buffer, file.byteOffset, file.byteLength), 0);
  if (header.header_ver !== 1) throw refuse(`has a header of version ${header.header_ver}`);
  if (header.fw_ver_size > VERSION_MAX) throw refuse('has too long a version');
  const end = IMAGE_AT + header.image_size;
  if (file.length < end) throw refuse('ends within the image');
  if (header.entry_point % 4096n !== 0n) throw refuse('has an entry point that is no page');
  const range = (name: string, from: bigint, size: number): Range => ({ name, from, to: from + BigInt(size) });
  const ranges = [
    range('image', header.image_load_addr, header.image_size),
    range('version', header.fw_ver_load_addr, header.fw_ver_size),
    range('configuration', header.config_load_addr, CONFIG_SIZE),
  ];
  for (const { name, from, to } of ranges)
    if (from < BigInt(area.vpuAddr) || to > BigInt(area.vpuAddr + area.size)) throw refuse(`loads its ${name} outside of the VPU's memory`);
  for (const [index, one] of ranges.entries())
    for (const other of ranges.slice(index + 1))
      if (one.from < other.to && other.from < one.to) throw refuse(`loads its ${one.name} over its ${other.name}`);
  const certificate = file.length - end;
  if (certificate + HEADER_COPY > x509Size) throw refuse('has a certificate that does not fit its region');
  if (certificate > CERTIFICATE_MAX) throw refuse('has too long a certificate');
  return { entryPoint: Number(header.entry_point) };
}
