import { type Decoded, Errno } from '../../abi/index.ts';
import type { CoherentRegion } from '../../memory/index.ts';
import { boot_parameters, firmware_header } from '../../ports/keembay/index.ts';

const VERSION_AT = 0x1000;
const VERSION_MAX = 0x1000;
const IMAGE_AT = 0x2000;
const CERTIFICATE_MAX = 0x1000;
const HEADER_COPY = 0x1000;

/** Memory that is reserved, as the VPU sees it. */
type Area = Pick<CoherentRegion, 'busAddress' | 'size'>;

interface Range {
  readonly name: string;
  readonly from: bigint;
  readonly to: bigint;
}

/** What a firmware file says of itself. */
export interface FirmwareLayout extends Pick<Decoded<typeof firmware_header>, 'image_size' | 'fw_ver_size'> {
  readonly imageAddress: number;
  readonly versionAddress: number;
  readonly configAddress: number;
  readonly entryPoint: number;
  /** In bytes. */
  readonly certificateSize: number;
}

/**
 * Checks a firmware file, in the driver's order: 14.5 of docs/reference/keembay-ipc.md.
 *
 * @param area where image, version and configuration must lie
 * @param x509Size of the area for the certificate and a copy of the header, in bytes
 * @throws Errno EINVAL
 */
export function checkFirmware(file: Uint8Array, area: Area, x509Size: number): FirmwareLayout {
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
    range('configuration', header.config_load_addr, boot_parameters.size),
  ];
  for (const { name, from, to } of ranges)
    if (from < BigInt(area.busAddress) || to > BigInt(area.busAddress + area.size))
      throw refuse(`loads its ${name} outside of the VPU's memory`);
  for (const [index, one] of ranges.entries())
    for (const other of ranges.slice(index + 1))
      if (one.from < other.to && other.from < one.to) throw refuse(`loads its ${one.name} over its ${other.name}`);
  const certificateSize = file.length - end;
  if (certificateSize + HEADER_COPY > x509Size) throw refuse('has a certificate that does not fit its region');
  if (certificateSize > CERTIFICATE_MAX) throw refuse('has too long a certificate');
  return {
    image_size: header.image_size,
    fw_ver_size: header.fw_ver_size,
    imageAddress: Number(header.image_load_addr),
    versionAddress: Number(header.fw_ver_load_addr),
    configAddress: Number(header.config_load_addr),
    entryPoint: Number(header.entry_point),
    certificateSize,
  };
}

/** Copies what a file that was checked holds to where it belongs: version, image, certificate, and behind that the file's first page. */
export function copyFirmware(file: Uint8Array, layout: FirmwareLayout, area: CoherentRegion, x509: CoherentRegion): void {
  const { image_size, fw_ver_size, certificateSize } = layout;
  const memory = area.memory.bytes();
  memory.set(file.subarray(VERSION_AT, VERSION_AT + fw_ver_size), layout.versionAddress - area.busAddress);
  memory.set(file.subarray(IMAGE_AT, IMAGE_AT + image_size), layout.imageAddress - area.busAddress);
  const secure = x509.memory.bytes();
  secure.set(file.subarray(IMAGE_AT + image_size), 0);
  secure.set(file.subarray(0, HEADER_COPY), certificateSize);
}

/** What {@link copyFirmware} copies of the file's beginning, in bytes. */
export const HEADER_COPY_SIZE = HEADER_COPY;
